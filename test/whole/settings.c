/*
 * What the user asks for by the environment is done, or refused in one line;
 * and never changes what the program does. Each test runs a client, which is
 * this program anew, under settings of its own.
 */
#include "support/draws.h"

enum {
	REQUESTS = 100000, /* of the client */
	EACH = 16,	   /* bytes */
	ITS_STATUS = 7,	   /* what the client exits with */
};

static const char its_words[] = "the client is done\n";

static int be_client(void)
{
	uint8_t bytes[EACH];

	errno = 4242;
	for (int i = 0; i < REQUESTS; i++)
		if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
			return 1;
	if (errno != 4242)
		return 2;
	printf("%s|%s\n%s", info_now().tier, info_now().why, its_words);
	return ITS_STATUS;
}

/* Two variables and their values; NULL: it is not there. */
struct settings {
	const char *source, *stats;
};

/* What a client answered, and said on stderr. */
struct client {
	char tier[32], why[256];
	char said[16384];
};

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void become_client(struct settings with, int out, int err)
{
	dup2(out, 1);
	dup2(err, 2);
	set("FASTRAND_SOURCE", with.source);
	set("FASTRAND_STATS", with.stats);
	alarm(PROMISE_SECONDS);
	execl("/proc/self/exe", "settings", "client", NULL);
	_exit(1);
}

static void read_whole(int fd, char *text, size_t room)
{
	ssize_t len = pread(fd, text, room - 1, 0);

	expect(len >= 0);
	text[len] = '\0';
	close(fd);
}

/* It must do what it always does, whatever the settings. */
static struct client client(struct settings with)
{
	static struct client c;
	int out = memfd_create("out", MFD_CLOEXEC);
	int err = memfd_create("err", MFD_CLOEXEC);
	char text[512];
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		become_client(with, out, err);
	expect(child > 0 && waitpid(child, &status, 0) == child);
	read_whole(out, text, sizeof text);
	read_whole(err, c.said, sizeof c.said);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == ITS_STATUS);
	*c.why = '\0';
	expect(sscanf(text, "%31[^|]|%255[^\n]", c.tier, c.why) >= 1);
	expect(strlen(text) > strlen(its_words));
	expect(!strcmp(text + strlen(text) - strlen(its_words), its_words));
	return c;
}

static size_t lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* From the lowest to the highest. */
static const char *const tiers[] = {"off", "kernel", "call", "page"};

static size_t rank(const char *tier)
{
	size_t i = 0;

	while (i < COUNT(tiers) && strcmp(tiers[i], tier) != 0)
		i++;
	expect(i < COUNT(tiers));
	return i;
}

static void a_source_is_the_best_tier_there_will_be(void)
{
	size_t best = rank(client((struct settings){NULL, NULL}).tier);

	for (size_t i = 0; i < COUNT(tiers); i++) {
		struct client c = client((struct settings){tiers[i], NULL});

		expect(rank(c.tier) == (i < best ? i : best));
		expect(!strcmp(c.why, "FASTRAND_SOURCE") ==
		       (i <= best && i < rank("page")));
		expect(!*c.said);
	}
}

static void nothing_asked_is_nothing_said(void)
{
	struct client usual = client((struct settings){NULL, NULL});
	struct client empty = client((struct settings){"", ""});
	struct client none = client((struct settings){"", "0"});

	expect(!strcmp(usual.tier, empty.tier));
	expect(!strcmp(usual.tier, none.tier));
	expect(!*usual.said && !*empty.said && !*none.said);
}

/* Names the variable, the value, and what is allowed; and serves nothing. */
static void expect_refused(struct settings with, const char *variable,
			   const char *value, const char *const *allowed)
{
	struct client c = client(with);
	bool good = lines(c.said) == 1 && strstr(c.said, variable) &&
		    strstr(c.said, value) && c.said[strlen(c.said) - 1] == '\n';

	for (; *allowed; allowed++)
		good = good && strstr(c.said, *allowed);
	if (!good)
		fprintf(stderr, "%s=%.60s: %zu lines: \"%.400s\"\n", variable,
			value, lines(c.said), c.said);
	expect(good);
	expect(!strcmp(c.tier, "off"));
}

static const char *const sources[] = {"page", "call", "kernel", "off", NULL};
static const char *const switches[] = {"1", "0", NULL};

static void another_source_is_refused(void)
{
	static const char *const values[] = {
		"none", "Page", "PAGE", "pages", "pag",	     " page", "page ",
		"1",	"0",	"on",	"vdso",	 "page,off", "*",
	};

	for (size_t i = 0; i < COUNT(values); i++)
		expect_refused((struct settings){values[i], NULL},
			       "FASTRAND_SOURCE", values[i], sources);
}

static void another_switch_is_refused(void)
{
	static const char *const values[] = {"2",  "yes", "true", "on",
					     "01", " 1",  "-1",	  "10"};

	for (size_t i = 0; i < COUNT(values); i++)
		expect_refused((struct settings){NULL, values[i]},
			       "FASTRAND_STATS", values[i], switches);
	/* One bad word spoils all: what was meant is not known. */
	expect_refused((struct settings){"call", "yes"}, "FASTRAND_STATS",
		       "yes", switches);
	expect_refused((struct settings){"nonsense", "1"}, "FASTRAND_SOURCE",
		       "nonsense", sources);
}

/* Each variable has its line. */
static void two_bad_values_are_two_lines(void)
{
	struct client c = client((struct settings){"here", "there"});

	expect(lines(c.said) == 2);
	expect(strstr(c.said, "FASTRAND_SOURCE=here"));
	expect(strstr(c.said, "FASTRAND_STATS=there"));
}

/* The allowed values are not cut off with the rest of a value without end. */
static void a_long_value_is_refused_in_one_line(void)
{
	static char value[5000];

	memset(value, 'x', sizeof value - 1);
	expect_refused((struct settings){value, NULL}, "FASTRAND_SOURCE",
		       "xxxxxxxx", sources);
	expect_refused((struct settings){NULL, value}, "FASTRAND_STATS",
		       "xxxxxxxx", switches);
}

/* Nor does a value write lines, or to a terminal, in our name. */
static void a_value_of_two_lines_is_refused_in_one(void)
{
	expect_refused((struct settings){"page\nall is well", NULL},
		       "FASTRAND_SOURCE", "page", sources);
	expect(!strchr(client((struct settings){"\033[31m", NULL}).said, 27));
}

/*
 * The report: all 100,000 requests are served here or left to the kernel. (One
 * may be drawn twice, and counted so, when the kernel reseeds.)
 */
static void expect_report(const char *source)
{
	struct client c = client((struct settings){source, "1"});
	unsigned long requests, bytes, left;
	const char *tier = strstr(c.said, "fastrand: tier ");
	const char *served = strstr(c.said, "fastrand: served ");
	const char *kernel = strstr(c.said, "fastrand: left to the kernel ");
	bool ours = strcmp(c.tier, "off") != 0 && strcmp(c.tier, "kernel") != 0;

	expect(tier && served && kernel);
	expect(!strncmp(tier + strlen("fastrand: tier "), c.tier,
			strlen(c.tier)));
	expect(strstr(tier, c.why) != NULL);
	expect(sscanf(served, "fastrand: served %lu requests, %lu bytes",
		      &requests, &bytes) == 2);
	expect(sscanf(kernel, "fastrand: left to the kernel %lu requests",
		      &left) == 1);
	expect(requests + left >= REQUESTS && requests + left <= REQUESTS + 5);
	expect(bytes >= requests * EACH && bytes <= (requests + 5) * EACH);
	if (ours)
		expect(left <= 5);
	else
		expect(requests == 0);
}

static void a_report_accounts_for_every_request(void)
{
	expect_report(NULL);
	for (size_t i = 0; i < COUNT(tiers); i++)
		expect_report(tiers[i]);
}

static void there_is_no_report_but_on_demand(void)
{
	expect(*client((struct settings){NULL, "1"}).said);
	expect(!*client((struct settings){NULL, "0"}).said);
	expect(!*client((struct settings){NULL, NULL}).said);
	expect(!strstr(client((struct settings){"nonsense", "1"}).said,
		       "served"));
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		HERE(a_source_is_the_best_tier_there_will_be),
		HERE(nothing_asked_is_nothing_said),
		HERE(another_source_is_refused),
		HERE(another_switch_is_refused),
		HERE(two_bad_values_are_two_lines),
		HERE(a_long_value_is_refused_in_one_line),
		HERE(a_value_of_two_lines_is_refused_in_one),
		HERE(a_report_accounts_for_every_request),
		HERE(there_is_no_report_but_on_demand),
	};

	if (!draws_begin())
		return 2;
	if (count > 1 && !strcmp(arguments[1], "client"))
		return be_client();
	return promises_keep("settings", promises, COUNT(promises));
}
