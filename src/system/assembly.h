/*
 * What must every assembly file tell the linker, even one that is empty on this
 * machine? A single object that does not declare a property takes the property
 * from the whole library.
 */
#ifndef ASSEMBLY_H
#define ASSEMBLY_H

/*
 * We need no executable stack. Without this note every program that loads the
 * library would get one.
 */
	.section .note.GNU-stack, "", %progbits

/*
 * Indirect branches go only to endbr64. cet.h defines _CET_ENDBR and declares
 * this.
 */
#if defined(__x86_64__) || defined(__i386__)
#include <cet.h>
#endif

/* The same for arm64: indirect branches go only to bti c, which is hint #34. */
#if defined(__aarch64__) && defined(__ARM_FEATURE_BTI_DEFAULT)
	.section .note.gnu.property, "a"
	.balign	8
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 1, 0
#endif

	.text

#endif
