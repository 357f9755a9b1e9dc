#include "tools/load/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum {
	BAR_CHARS = 30,
};

static const uint64_t REDRAW_NS = 100000000;

static bool on_terminal;
static uint64_t drawn_ns;

void load_progress_begin(void)
{
	on_terminal = isatty(STDERR_FILENO) != 0;
	drawn_ns = 0;
}

void load_progress(const struct tally *tally, uint64_t submitted, uint64_t total,
		   uint64_t elapsed_ns)
{
	const double done = total > 0 ? (double)submitted / (double)total : 1;
	char bar[BAR_CHARS + 1];

	if (!on_terminal || elapsed_ns < drawn_ns + REDRAW_NS)
		return;
	drawn_ns = elapsed_ns;
	for (unsigned i = 0; i < BAR_CHARS; i++)
		bar[i] = i < done * BAR_CHARS ? '#' : '.';
	bar[BAR_CHARS] = '\0';
	fprintf(stderr, "\r[%s] %3.0f %%  %.2f M requests/s  %" PRIu64 " accepted  %.0f s left  ",
		bar, done * 100,
		elapsed_ns > 0 ? (double)tally->answered * 1e3 / (double)elapsed_ns : 0,
		tally->accepted_new, done > 0 ? (double)elapsed_ns / 1e9 * (1 - done) / done : 0);
}

void load_progress_end(void)
{
	if (on_terminal)
		fprintf(stderr, "\r%*s\r", BAR_CHARS + 70, "");
}
