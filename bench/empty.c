/*
 * What does preloading cost before the library does anything? This library has
 * nothing in it, and start-up with it is compared with start-up with ours.
 */
extern const char bench_empty[];
const char bench_empty[] = "empty";
