/*
 * Two threads that write one word, and nothing orders them: where this is not
 * reported, no silence of ThreadSanitizer means anything.
 */
#include <pthread.h>

static long word;

static void *writes(void *unused)
{
	word++;
	return unused;
}

int main(void)
{
	pthread_t one, other;

	return pthread_create(&one, NULL, writes, NULL) ||
	       pthread_create(&other, NULL, writes, NULL) ||
	       pthread_join(one, NULL) || pthread_join(other, NULL);
}
