/*
 * A word by itself, as arc4random draws it: negative means "ask the kernel".
 */
#ifndef WORD_H
#define WORD_H

#include "generator/fill_small.h"

static inline int64_t draw_word_from(uintptr_t stack)
{
	int64_t word = fill_quick_word(stack);
	volatile uint32_t memory;

	if (word < 0 && fill_slow((void *)&memory, sizeof memory, stack)) {
		word = memory;
		memory = 0;
	}
	return word;
}

static inline int64_t draw_word(void)
{
	return draw_word_from(cpu_stack());
}

#endif
