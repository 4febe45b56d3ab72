/*
 * A library of nothing: what preloading costs before the library does
 * anything. Built as a shared object, for the start-up measurement.
 */
extern const char bench_empty[];
const char bench_empty[] = "empty";
