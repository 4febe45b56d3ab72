/* What does the holder of a bucket do with it? See bucket.h. */
#include "bucket.h"

#include <string.h>

#include "source/hardware.h"
#include "chacha20/wipe.h"

/*
 * Chooses the variant of ChaCha20, once. The features of the processor were
 * already found out at the start (system/x86.h), so no cpuid is executed here.
 */
static void first_stream(struct chacha20 *c, uint8_t *out, size_t blocks)
{
	chacha20_blocks *best = chacha20_best(NULL);

	__atomic_store_n(&bucket_stream, best, __ATOMIC_RELAXED);
	best(c, out, blocks);
}

chacha20_blocks *bucket_stream = first_stream;

/*
 * The load is atomic because another thread may be storing its choice just now.
 */
static inline chacha20_blocks *stream(void)
{
	return __atomic_load_n(&bucket_stream, __ATOMIC_RELAXED);
}

/*
 * Neither libc's memset nor a loop that the compiler would turn into memset is
 * used here. In a program under -fsanitize=thread memset is the sanitizer's,
 * which sees two threads write to the memory of one bucket, and does not know
 * our locks.
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
 * Moves one word. The register that held the word is cleared first and then
 * provides the zero that is stored in the word's place. Because of that the
 * compiler cannot turn the loop into libc's memcpy, which leaves what it has
 * moved in registers that the loader or a signal would save on the stack.
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

/*
 * Adds the requests that were counted in the bucket's page to those in the
 * line, which is never wiped.
 */
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

/* Takes the first len of the last left bytes of the batch, which are unread. */
static void take(struct bucket *b, uint32_t left, uint8_t *out, size_t len)
{
	bucket_move(out, b->batch + BUCKET_BATCH - left, len);
}

/*
 * stock is read once, because the page may be zeroed between any two lines, and
 * a number that is read twice could then contradict itself. A zeroed page leads
 * to wrong bytes, which the caller's last look at the stamp rejects. It never
 * leads to a wrong address.
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
	 * There is one key, one nonce and one counter: the refill continues at
	 * the block where the bulk output stopped. If it began at 0 again, then
	 * its first bytes, which are the next key, would be the bytes that the
	 * caller has just been given.
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

/*
 * A wide variant needs as much time for one block as for eight or more, so
 * single blocks are made by the portable one.
 */
static void few_blocks(struct bucket *b, uint8_t *out, size_t blocks)
{
	(blocks == 1 ? chacha20_portable() : stream())(&b->work, out, blocks);
}

/* Writes len bytes of a key stream that has been started, and wipes its key. */
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
