/*
 * What does this system offer, and what is used of it? The library is loaded
 * and asked. What it does not tell is looked up here, in the same way as the
 * library would.
 */
#include "status.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "complain.h"
#include "cost.h"
#include "json.h"

struct status {
	struct utsname system;
	struct fastrand_info library;
	struct costs costs;
	const char *path;
	const char *vdso;	/* name of the function; NULL: none */
	const char *vmclock, *sysgenid;
	bool page;		/* the page is proved, and in use */
	bool good;		/* the tier is page or call */
};

static const char *vdso_function(void)
{
	static const char *const objects[] = {
		"linux-vdso.so.1", "linux-vdso64.so.1", "linux-gate.so.1"};
	static const char *const names[] = {"__vdso_getrandom",
					    "__kernel_getrandom"};

	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
		void *vdso = dlopen(objects[i], RTLD_LAZY | RTLD_NOLOAD);

		for (size_t n = 0; vdso && n < 2; n++)
			if (dlsym(vdso, names[n]))
				return names[n];
	}
	return NULL;
}

static const char not_there[] = "not there";

static const char *device(const char *path)
{
	if (access(path, F_OK) != 0)
		return not_there;
	return access(path, R_OK) == 0 ? "readable" : "not readable";
}

static void find_out(struct status *s, const struct loaded *loaded,
		     const struct library *l)
{
	char bytes[16];

	uname(&s->system);
	s->path = l->line;
	s->vdso = vdso_function();
	s->vmclock = device("/dev/vmclock0");
	s->sysgenid = device("/dev/sysgenid");
	/*
	 * The page is proved by the first draw, and again by every later key.
	 */
	loaded->draw(bytes, sizeof bytes, 0);
	cost_find(loaded, &s->costs);
	loaded->info(&s->library, sizeof s->library);
	s->page = !strcmp(s->library.tier, "page");
	s->good = s->page || !strcmp(s->library.tier, "call");
}

/*
 * The second signals, beside the kernel's generation. An older library does not
 * tell.
 */
static const char *signals(const struct fastrand_info *i)
{
	return i->signals ? i->signals : "none";
}

static const char *descriptors(const struct fastrand_info *i)
{
	return i->descriptors ? i->descriptors : "proved";
}

static void print_text(const struct status *s)
{
	const struct fastrand_info *i = &s->library;

	printf("library             %s, version %s\n", s->path, i->version);
	printf("kernel              %s %s %s\n", s->system.sysname,
	       s->system.release, s->system.machine);
	printf("vDSO function       %s\n",
	       s->vdso ? s->vdso : "none that gives random bytes");
	if (s->page)
		printf("page                proved, generation %" PRIu64 "\n",
		       i->generation);
	else
		printf("page                not used\n");
	printf("tier                %s%s\n", i->tier,
	       *i->why ? "" : ", the best there is");
	if (*i->why)
		printf("why not better      %s\n", i->why);
	printf("bucket memory       %s\n", i->memory);
	printf("hardware generator  %s\n", i->hardware);
	printf("/dev/vmclock0       %s\n", s->vmclock);
	printf("/dev/sysgenid       %s\n", s->sysgenid);
	printf("signals of a clone  %s\n", signals(i));
	printf("ChaCha20            %s\n", i->chacha20);
	printf("descriptors         %s\n",
	       strcmp(descriptors(i), "trusted") != 0 ?
		       "proved at each read" : "trusted (FASTRAND_TRUST_FDS=1)");
	printf("16-byte draw        %.1f ns; the system call takes %.1f ns\n",
	       s->costs.small, s->costs.small_kernel);
}

static void print_string(const char *name, const char *value)
{
	printf(",\n  \"%s\": ", name);
	json_string(value);
}

/*
 * Returns NULL, which is null in JSON, if value is the word for something
 * absent.
 */
static const char *null_if(const char *value, const char *none)
{
	return strcmp(value, none) != 0 ? value : NULL;
}

static const char *boolean(bool is)
{
	return is ? "true" : "false";
}

static void print_json(const struct status *s)
{
	const struct fastrand_info *i = &s->library;

	printf("{\n  \"in_use\": %s", boolean(s->good));
	print_string("library", s->path);
	print_string("version", i->version);
	print_string("system", s->system.sysname);
	print_string("kernel", s->system.release);
	print_string("machine", s->system.machine);
	print_string("vdso_function", s->vdso);
	printf(",\n  \"page_proved\": %s", boolean(s->page));
	if (s->page && i->generation)
		printf(",\n  \"generation\": %" PRIu64, i->generation);
	else
		print_string("generation", NULL);
	print_string("tier", i->tier);
	print_string("why_not_better", null_if(i->why, ""));
	print_string("bucket_memory", null_if(i->memory, "none"));
	print_string("hardware_generator", null_if(i->hardware, "none"));
	print_string("vmclock", null_if(s->vmclock, not_there));
	print_string("sysgenid", null_if(s->sysgenid, not_there));
	print_string("signals", null_if(signals(i), "none"));
	print_string("chacha20", i->chacha20);
	print_string("descriptors", descriptors(i));
	printf(",\n  \"draw_16_ns\": %.1f", s->costs.small);
	printf(",\n  \"system_call_16_ns\": %.1f\n}\n", s->costs.small_kernel);
}

int status_print(const struct library *l, bool json)
{
	struct status s = {0};
	struct loaded loaded;
	const char *why;

	if (!loaded_open(&loaded, l, &why))
		give_up("the library does not load: %s", why);
	find_out(&s, &loaded, l);
	if (json)
		print_json(&s);
	else
		print_text(&s);
	if (fflush(stdout) != 0 || ferror(stdout))
		give_up("stdout: %s", strerror(errno));
	return s.good ? 0 : 1;
}
