/*
 * An exported function is visible to the program, in place of libc's.
 * exports.map lists all of these names, and a test compares the two.
 */
#ifndef INTERPOSE_EXPORT_H
#define INTERPOSE_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
