/*
 * What every .S has to tell the linker, even one that is empty on this machine:
 * a single object that keeps silent takes the property from the whole library.
 */
#ifndef ASSEMBLY_H
#define ASSEMBLY_H

/* No executable stack. Else every program that loads us gets one. */
	.section .note.GNU-stack, "", %progbits

/* Indirect branches land on endbr64 only: defines _CET_ENDBR. */
#if defined(__x86_64__) || defined(__i386__)
#include <cet.h>
#endif

/* The same for arm64: they land on bti c, which is hint #34, only. */
#if defined(__aarch64__) && defined(__ARM_FEATURE_BTI_DEFAULT)
	.section .note.gnu.property, "a"
	.balign	8
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 1, 0
#endif

	.text

#endif
