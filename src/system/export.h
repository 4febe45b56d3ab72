/*
 * Exported: seen by the program, in place of libc's. The list of these names is
 * exports.map; a test compares the two.
 */
#ifndef INTERPOSE_EXPORT_H
#define INTERPOSE_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
