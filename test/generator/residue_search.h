/*
 * Is some of what was drawn in what a call has left behind?
 *
 * A lane that is equal to the same drawn byte in every round is a leak; by
 * chance it is so in eight rounds once in 256^8 times. That finds draws of a
 * single byte, too. And eight drawn bytes in a row are a leak wherever they are
 * seen once: it need not be the same place every time.
 */
#ifndef RESIDUE_SEARCH_H
#define RESIDUE_SEARCH_H

#include "residue.h"

#if RESIDUE_KNOWN

enum {
	SEARCH_TRACKED = 128,	/* of a longer draw, its first and last bytes */
	SEARCH_ROW = 8,
	SEARCH_NAMES = 1024,
};

static bool search_found[RESIDUE_LANES];
static char search_names[SEARCH_NAMES];

/* Lanes that were equal to that tracked byte in every round so far. */
static struct search_suspect {
	uint16_t lane, byte;
} search_suspects[RESIDUE_LANES * SEARCH_TRACKED];
static size_t search_suspect_count;

/* All rows in the lanes, but for zeros: a hash table of where they begin. */
static uint16_t search_table[1 << 16];

_Static_assert(RESIDUE_LANES < 1 << 15, "half of the table is empty");

static inline const uint8_t *search_tracked(const uint8_t *drawn, size_t len,
					    size_t byte)
{
	bool of_the_last = len > SEARCH_TRACKED && byte >= SEARCH_TRACKED / 2;

	return drawn + byte + (of_the_last ? len - SEARCH_TRACKED : 0);
}

/* For each value of a byte there is a chain of where in the draw it is. */
static inline void search_suspect(const struct residue *r, const uint8_t *drawn,
				  size_t len, size_t answer)
{
	size_t count = len < SEARCH_TRACKED ? len : SEARCH_TRACKED;
	int first[256], next[SEARCH_TRACKED], byte;

	memset(first, -1, sizeof first);
	for (byte = 0; (size_t)byte < count; byte++) {
		uint8_t value = *search_tracked(drawn, len, (size_t)byte);

		next[byte] = first[value];
		first[value] = byte;
	}
	search_suspect_count = 0;
	for (size_t lane = 0; lane < RESIDUE_LANES; lane++) {
		if (lane - residue_answer() < answer)
			continue;
		for (byte = first[r->lanes[lane]]; byte >= 0; byte = next[byte])
			search_suspects[search_suspect_count++] =
				(struct search_suspect){(uint16_t)lane,
							(uint16_t)byte};
	}
}

static inline void search_acquit(const struct residue *r, const uint8_t *drawn,
				 size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < search_suspect_count; i++) {
		struct search_suspect s = search_suspects[i];

		if (r->lanes[s.lane] == *search_tracked(drawn, len, s.byte))
			search_suspects[count++] = s;
	}
	search_suspect_count = count;
}

static inline uint64_t search_row(const uint8_t *bytes)
{
	uint64_t row;

	memcpy(&row, bytes, sizeof row);
	return row;
}

/* Where the row is in the table, or would be. Lane 0 stands for none. */
static inline uint16_t *search_place(const struct residue *r, uint64_t row)
{
	uint16_t i = (uint16_t)(row * UINT64_C(0x9e3779b97f4a7c15) >> 48);

	while (search_table[i] && search_row(r->lanes + search_table[i]) != row)
		i++;
	return &search_table[i];
}

static inline void search_rows(const struct residue *r, const uint8_t *drawn,
			       size_t len)
{
	memset(search_table, 0, sizeof search_table);
	for (size_t lane = 1; lane + SEARCH_ROW <= RESIDUE_LANES; lane++) {
		uint64_t row = search_row(r->lanes + lane);

		if (row)
			*search_place(r, row) = (uint16_t)lane;
	}
	for (size_t i = 0; i + SEARCH_ROW <= len; i++) {
		uint16_t lane = *search_place(r, search_row(drawn + i));

		/* Its ends may be a neighbour's that fit by chance. */
		if (lane)
			search_found[lane + SEARCH_ROW / 2] = true;
	}
}

/*
 * One round of several of the same length. answer: so many bytes may be where
 * the answer is.
 */
static inline void search_round(const struct residue *r, const uint8_t *drawn,
				size_t len, size_t answer, bool first)
{
	if (first) {
		memset(search_found, 0, sizeof search_found);
		search_suspect(r, drawn, len, answer);
	} else {
		search_acquit(r, drawn, len);
	}
	search_rows(r, drawn, len);
}

/*
 * After the last: search_names says which registers hold some of it, and where
 * on the stack it begins; "" is none.
 */
static inline const char *search_ended(const struct residue *r)
{
	char last[RESIDUE_NAME] = "";
	size_t used = 0;

	for (size_t i = 0; i < search_suspect_count; i++)
		search_found[search_suspects[i].lane] = true;
	search_names[0] = '\0';
	for (size_t lane = 0; lane < RESIDUE_LANES; lane++) {
		const char *name;

		if (!search_found[lane])
			continue;
		name = residue_name(r, lane);
		if (strcmp(name, last) != 0 &&
		    used + strlen(name) + 3 < sizeof search_names)
			used += (size_t)sprintf(search_names + used, "%s%s",
						used ? ", " : "", name);
		snprintf(last, sizeof last, "%s", name);
		if (lane >= RESIDUE_FRAME)
			break;
	}
	return search_names;
}

#endif
#endif
