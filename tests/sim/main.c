/*
 * The simulator's runner: seeds by the thousand, one after the other or on several cores. Says how
 * often each kind of fault happened, and for a seed that fails the command that repeats it.
 *
 *	tests/sim --seeds FROM COUNT [--jobs N]
 *	tests/sim --seed N [--verbose]
 *
 * Exit code 1: a seed failed, or one of the many never met some kind of fault.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#include "engine/base/check.h"
#include "tests/sim/run.h"

enum {
	JOBS_MAX = 256,
	/* A seed takes milliseconds. */
	SEED_SECONDS_MAX = 60,
	/* One of so many seeds runs twice, to check that it does the same. */
	TWICE_EVERY = 32,
	/* With fewer seeds not every kind of fault need happen. */
	COVERAGE_SEEDS_MIN = 1000,
};

struct options {
	uint64_t from;
	uint64_t cnt;
	unsigned jobs;
	bool verbose;
};

/* Between the processes. */
struct shared {
	atomic_bool failed;
	struct tally tallies[JOBS_MAX];
};

static const char *const texts[TALLY_CNT] = {
#define TALLY(name, text) text,
#include "tests/sim/tally.def"
#undef TALLY
};

static char repeat[512]; /* the line a failure ends on */

static void say_repeat(void)
{
	(void)!write(STDOUT_FILENO, repeat, strlen(repeat));
}

static void on_failure(int number)
{
	(void)number;
	say_repeat();
	_exit(1);
}

/* Any crash of a seed names the seed. */
static void catch_failures(void)
{
#ifdef __SANITIZE_ADDRESS__
	static const int signals[] = {SIGABRT, SIGALRM};

	__sanitizer_set_death_callback(say_repeat);
#else
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
#endif

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], on_failure);
}

static int usage(void)
{
	fprintf(stderr, "usage: sim --seeds FROM COUNT [--jobs N] | --seed N [--verbose]\n");
	return 2;
}

static bool number(const char *text, uint64_t *out)
{
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool parse(char **argv, struct options *options)
{
	uint64_t jobs = 1;
	bool good = true;

	for (char **arg = argv + 1; good && *arg != NULL; arg++) {
		if (strcmp(*arg, "--verbose") == 0) {
			options->verbose = true;
		} else if (strcmp(*arg, "--seed") == 0) {
			good = number(*++arg, &options->from);
			options->cnt = 1;
		} else if (strcmp(*arg, "--jobs") == 0) {
			good = number(*++arg, &jobs) && jobs >= 1 && jobs <= JOBS_MAX;
		} else if (strcmp(*arg, "--seeds") == 0) {
			good = number(*++arg, &options->from) && number(*++arg, &options->cnt);
		} else {
			good = false;
		}
	}
	options->jobs = (unsigned)jobs;
	return good && options->cnt > 0;
}

static void run_seed(const char *self, uint64_t seed, const struct options *options,
		     struct tally *tally)
{
	uint64_t digest;

	fflush(stdout);
	snprintf(repeat, sizeof(repeat),
		 "seed %" PRIu64 " failed; again: %s --seed %" PRIu64 " --verbose\n", seed, self,
		 seed);
	alarm(SEED_SECONDS_MAX);
	digest = sim_run(seed, options->verbose, tally);
	if (seed % TWICE_EVERY == 0 || options->verbose) {
		struct tally ignored = {0};

		CHECK(sim_run(seed, false, &ignored) == digest);
	}
	alarm(0);
}

/* Every jobs-th seed from the job-th on. */
static void run_job(const char *self, const struct options *options, unsigned job,
		    struct shared *shared)
{
	for (uint64_t i = job; i < options->cnt && !atomic_load(&shared->failed);
	     i += options->jobs)
		run_seed(self, options->from + i, options, &shared->tallies[job]);
}

/* Runs the jobs in processes of their own; false if one failed. */
static bool run_jobs(const char *self, const struct options *options, struct shared *shared)
{
	const pid_t parent = getpid();
	bool good = true;
	int status;

	for (unsigned job = 0; job < options->jobs; job++) {
		const pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid > 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		run_job(self, options, job, shared);
		_exit(0);
	}
	while (wait(&status) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		good = false;
		atomic_store(&shared->failed, true);
	}
	return good;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* False if something that should have happened never did. */
static bool report(const struct options *options, const struct shared *shared, double seconds)
{
	bool good = true;

	for (unsigned row = 0; row < TALLY_CNT; row++) {
		uint64_t sum = 0;

		for (unsigned job = 0; job < options->jobs; job++)
			sum += shared->tallies[job].cnt[row];
		printf("%12" PRIu64 "  %s%s\n", sum, texts[row],
		       sum == 0 && options->cnt >= COVERAGE_SEEDS_MIN ? "  NEVER HAPPENED" : "");
		good &= sum > 0 || options->cnt < COVERAGE_SEEDS_MIN;
	}
	printf("%" PRIu64 " seeds from %" PRIu64 " in %.1f s: %.0f seeds/s on %u cores\n",
	       options->cnt, options->from, seconds, (double)options->cnt / seconds, options->jobs);
	return good;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct timespec start;
	struct shared *shared;

	if (argc < 2 || !parse(argv, &options))
		return usage();
	catch_failures();
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Small tables come and go: zeroing a hugepage for each takes longer than the seed. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (options.jobs == 1)
		run_job(argv[0], &options, 0, shared);
	else if (!run_jobs(argv[0], &options, shared))
		return 1;
	return report(&options, shared, seconds_since(&start)) ? 0 : 1;
}
