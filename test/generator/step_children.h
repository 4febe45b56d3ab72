/*
 * Children that are forked in the middle of a draw: what each of them got, laid
 * down where its parent sees it, and whether anybody else has that.
 */
#ifndef STEP_CHILDREN_H
#define STEP_CHILDREN_H

#include "step_plan.h"

#if defined(__x86_64__)

enum {
	CHILD_SECONDS = 30,	/* until one that hangs is ended */
	CHILD_BYTES = 16 * 1024,
	CHILD_PIECES = 64,
};

struct child {
	unsigned long at;
	unsigned int dice;	/* each child throws others */
	bool ended;
	struct draw ours;	/* the one that was under way */
	struct bucket page;	/* of it, when the child was forked */
	size_t pieces, used;	/* what it drew besides */
	size_t len[CHILD_PIECES];
	uint8_t bytes[CHILD_BYTES];
};

/* In memory that children share. me: which one are we? NULL: the parent. */
static struct child *children, *me;
static unsigned long child_count;

/* Once in each process that will have some. */
static inline void children_begin(void)
{
	if (!children)
		children = mmap(NULL, PLACES * sizeof *children,
				PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1,
				0);
	assert_ptr_not_equal(children, MAP_FAILED);
	child_count = 0;
}

/* One more. In it: true. In the parent it has ended by then. */
static inline bool child_is_born(unsigned long at, pid_t (*by)(void))
{
	struct child *c = &children[child_count++];
	int status = -1;
	pid_t pid;

	c->at = at;
	c->dice = (unsigned int)rand();
	c->ended = false;
	c->pieces = c->used = 0;
	c->page = *bucket_of(drawn);
	me = c;
	pid = by();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		srand(c->dice);
		return true;
	}
	me = NULL;
	waitpid(pid, &status, 0);
	c->ended = pid > 0 && status == 0 && c->ended;
	return false;
}

/* In a child. */
static inline void lay_down(const uint8_t *bytes, size_t len)
{
	if (me->pieces == CHILD_PIECES || me->used + len > CHILD_BYTES)
		_exit(2);
	memcpy(me->bytes + me->used, bytes, len);
	me->len[me->pieces++] = len;
	me->used += len;
}

static inline void lay_down_draw(const struct draw *d)
{
	if (d->served)
		lay_down(d->out, len_of(d->as));
}

/* Its tier is its parent's, or it has called its memory unwiped. */
static inline void child_ends(void)
{
	me->ours = ours;
	me->ended = tier_now() == tier_told;
	_exit(0);
}

/*
 * Was the draw, as far as the bucket knows, over at that moment? Whoever forks
 * then has given away bytes that were drawn already, as after any draw. Stamp
 * and mark say nothing of it.
 */
static inline bool is_same_page(const struct bucket *a, const struct bucket *b)
{
	static struct bucket left, right;

	left = *a;
	right = *b;
	left.stamp = right.stamp = left.mark = right.mark = 0;
	return memcmp(&left, &right, sizeof left) == 0;
}

static inline void expect_child_new(const struct child *c, bool over)
{
	size_t used = 0;

	act_begins(c->at);
	act_knows(&ours);
	if (!c->ended) {
		wrong("a child did not end, or not in its tier");
		return;
	}
	if (!over || memcmp(c->ours.out, ours.out, len_of(drawn)) != 0)
		expect_draw_new(&c->ours);
	for (size_t i = 0; i < c->pieces; used += c->len[i++])
		expect_new(c->bytes + used, c->len[i]);
}

/* When the parent's draw is over: it and all of them got different bytes. */
static inline void expect_children_new(void)
{
	struct bucket *page = bucket_of(drawn);
	unsigned long over = 0;

	assert_true(child_count > 0);
	for (unsigned long i = 0; i < child_count; i++)
		if (!is_same_page(&children[i].page, page))
			over = i + 1;
	expect_draw_new(&ours);
	draw_some(expect_new);
	for (unsigned long i = 0; i < child_count; i++)
		expect_child_new(&children[i], i >= over);
}

#endif

#endif
