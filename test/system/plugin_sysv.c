/*
 * An object with the older hash table only (-Wl,--hash-style=sysv), for
 * elf_symbol.c. Long names, so that the hash overflows its 28 bits.
 */
int sysv_one(void)
{
	return 1;
}

int sysv_two_with_a_name_long_enough_to_overflow(void)
{
	return 2;
}

int sysv_three_is_data = 3;

static int hidden(void)
{
	return 4;
}

int sysv_calls_hidden(void);

int sysv_calls_hidden(void)
{
	return hidden();
}
