/*
 * A word by itself, as arc4random draws it: negative means "ask the kernel".
 */
#ifndef WORD_H
#define WORD_H

#include "../src/fill_small.h"

static inline int64_t draw_word(void)
{
	uintptr_t stack = cpu_stack();
	int64_t word = fill_quick_word(stack);

	return word >= 0 ? word : fill_slow_word(stack);
}

#endif
