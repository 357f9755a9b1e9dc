#include "tools/replay/progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"

enum {
	BAR_COLUMNS = 30,
};

static const uint64_t DRAW_EVERY_NS = 200000000;
static const uint64_t NS_PER_S = 1000000000;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

bool progress_interrupted(void)
{
	return interrupted != 0;
}

void progress_begin(struct progress *progress, bool quiet)
{
	/* The second one ends the process, whatever it waits for. */
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	*progress = (struct progress){
		.shown = !quiet && isatty(STDERR_FILENO) == 1,
		.began_ns = clock_now_ns(),
	};
}

static void draw(const struct progress *progress, uint64_t now_ns, uint64_t done_bytes,
		 uint64_t total_bytes, uint64_t requests)
{
	const double seconds = (double)(now_ns - progress->began_ns) / (double)NS_PER_S;
	const double share = (double)done_bytes / (double)total_bytes;
	const uint64_t left_s =
		done_bytes > 0 ? (uint64_t)(seconds / share * (1 - share) + 0.5) : 0;
	char bar[BAR_COLUMNS + 1];

	for (unsigned i = 0; i < BAR_COLUMNS; i++)
		bar[i] = i < (unsigned)(share * BAR_COLUMNS) ? '#' : ' ';
	bar[BAR_COLUMNS] = '\0';
	fprintf(stderr,
		"\r[%s] %3.0f %%  %" PRIu64 " requests, %.2f M/s, ETA %" PRIu64 ":%02" PRIu64
		":%02" PRIu64 " \033[K",
		bar, share * 100, requests, seconds > 0 ? (double)requests / seconds / 1e6 : 0,
		left_s / 3600, left_s / 60 % 60, left_s % 60);
}

void progress_tell(struct progress *progress, uint64_t done_bytes, uint64_t total_bytes,
		   uint64_t requests)
{
	uint64_t now_ns;

	if (!progress->shown)
		return;
	now_ns = clock_now_ns();
	if (now_ns < progress->next_ns)
		return;
	progress->next_ns = now_ns + DRAW_EVERY_NS;
	progress->drawn = true;
	if (total_bytes > 0)
		draw(progress, now_ns, done_bytes < total_bytes ? done_bytes : total_bytes,
		     total_bytes, requests);
	else
		fprintf(stderr, "\r%" PRIu64 " MiB, %" PRIu64 " requests\033[K", done_bytes >> 20,
			requests);
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\r\033[K");
	progress->drawn = false;
}
