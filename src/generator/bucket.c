/*
 * One CPU's share of the generator: what its holder does with it.
 */
#include "bucket.h"

#include <string.h>

#include "source/hardware.h"
#include "chacha20/wipe.h"

/*
 * Chooses the variant, once. What the processor can do was found out at the start
 * (x86.h): no cpuid is executed here.
 */
static void first_stream(struct chacha20 *c, uint8_t *out, size_t blocks)
{
	chacha20_blocks *best = chacha20_best(NULL);

	__atomic_store_n(&bucket_stream, best, __ATOMIC_RELAXED);
	best(c, out, blocks);
}

chacha20_blocks *bucket_stream = first_stream;

/* Any thread may be storing what it found, at the same time. */
static inline chacha20_blocks *stream(void)
{
	return __atomic_load_n(&bucket_stream, __ATOMIC_RELAXED);
}

/*
 * Not libc's memset, nor what the compiler would take for one: that of a program
 * under -fsanitize=thread sees a bucket's memory written by two threads, and
 * knows nothing of our locks.
 */
#define WIPE(word_type) \
	do { \
		*(word_type *)at = (word_type){0}; \
		at += sizeof(word_type); \
		len -= sizeof(word_type); \
		__asm__ volatile("" : "+r"(at) : : "memory"); \
	} while (0)

void bucket_wipe(void *memory, size_t len)
{
	uint8_t *at = memory;

	while (len >= sizeof(wipe_word_widest))
		WIPE(wipe_word_widest);
	while (len)
		WIPE(wipe_word_8);
}

/*
 * One piece, whose register is then the zero that it leaves behind. So the
 * compiler cannot make libc's memcpy of it, which keeps what it moved in registers
 * that the loader, or a signal, saves on the stack.
 */
#define MOVE(word_type, wipe) \
	do { \
		word_type piece = *(const word_type *)from; \
\
		*(word_type *)to = piece; \
		wipe(piece); \
		*(word_type *)from = piece; \
		from += sizeof piece; \
		to += sizeof piece; \
		len -= sizeof piece; \
	} while (0)

void bucket_move(uint8_t *to, uint8_t *from, size_t len)
{
	while (len >= sizeof(wipe_word_widest))
		MOVE(wipe_word_widest, WIPE_WIDEST);
	while (len >= sizeof(wipe_word_32))
		MOVE(wipe_word_32, WIPE_32);
	while (len)
		MOVE(wipe_word_8, WIPE_32);
	if (WIPE_LEAVES_COPIES)
		wipe_registers();
}

/* Moves what was counted in the bucket's page to where nobody wipes it. */
static void count(struct bucket_line *l, uint64_t stock)
{
	l->requests += stock >> 32;
}

void bucket_drop(struct bucket *b, struct bucket_line *l)
{
	uint64_t stock = bucket_stock(b);

	count(l, stock);
	l->bytes -= bucket_left(stock);
	bucket_set_stock(b, 0);
	bucket_wipe(b->batch, sizeof b->batch);
}

/* From the first of left unread bytes. */
static void take(struct bucket *b, uint32_t left, uint8_t *out, size_t len)
{
	bucket_move(out, b->batch + BUCKET_BATCH - left, len);
}

/*
 * stock is read once: the page may be zeroed between any two lines, and a number
 * read twice could then contradict itself. What follows from a zeroed page is
 * wrong bytes, which the caller's last look at the stamp discards; never a wrong
 * address.
 */
void bucket_draw(struct bucket *b, struct bucket_line *l, uint8_t *out,
		 size_t len)
{
	uint64_t stock = bucket_stock(b);
	uint32_t left = bucket_left(stock);
	size_t bulk = 0;

	if (len <= left) {
		take(b, left, out, len);
		bucket_set_stock(b, stock - len);
		return;
	}
	take(b, left, out, left);
	out += left;
	len -= left;
	bucket_set_stock(b, 0);
	count(l, stock);

	/*
	 * One key, one nonce, one counter: the refill goes on where bulk stopped.
	 * Did it begin at 0 again, its first bytes, which are the next key, would
	 * be those that the caller has just got.
	 */
	chacha20_start(&b->work, b->key, hardware_nonce(&b->nonce));
	if (len > BUCKET_BATCH) {
		bulk = len - len % CHACHA20_PASS;
		stream()(&b->work, out, bulk / CHACHA20_BLOCK);
	}
	stream()(&b->work, b->key, BUCKET_REFILL / CHACHA20_BLOCK);
	chacha20_end(&b->work);
	b->refills++;
	l->refills++;
	l->bytes += bulk + BUCKET_BATCH;

	len -= bulk;
	take(b, BUCKET_BATCH, out + bulk, len);
	bucket_set_stock(b, BUCKET_BATCH - len);
}

/* A wide variant makes one block in the time of eight. */
static void few_blocks(struct bucket *b, uint8_t *out, size_t blocks)
{
	(blocks == 1 ? chacha20_portable() : stream())(&b->work, out, blocks);
}

/* len bytes of a key stream that has been started; its key is forgotten. */
static void expand(struct bucket *b, uint8_t *out, size_t len)
{
	size_t bulk = len - len % CHACHA20_PASS;

	if (bulk)
		stream()(&b->work, out, bulk / CHACHA20_BLOCK);
	if (len > bulk) {
		few_blocks(b, b->batch,
			   (len - bulk + CHACHA20_BLOCK - 1) / CHACHA20_BLOCK);
		bucket_move(out + bulk, b->batch, len - bulk);
		bucket_wipe(b->batch, CHACHA20_PASS);
	}
	chacha20_end(&b->work);
}

void bucket_expand(struct bucket *b, uint8_t *out, size_t len)
{
	chacha20_start(&b->work, b->key, hardware_nonce(&b->nonce));
	bucket_wipe(b->key, sizeof b->key);
	expand(b, out, len);
}

void bucket_expand_input(struct bucket *b, uint8_t *out, size_t len)
{
	uint8_t *own = b->batch, *next = b->batch + CHACHA20_KEY;

	chacha20_start(&b->work, b->key, b->input[1]);
	memcpy(&b->work.state[12], &b->input[0], 8);
	few_blocks(b, own, 1);
	bucket_move(b->key, next, CHACHA20_KEY);
	chacha20_start(&b->work, own, b->input[3]);
	memcpy(&b->work.state[12], &b->input[2], 8);
	bucket_wipe(own, CHACHA20_BLOCK);
	expand(b, out, len);
}
