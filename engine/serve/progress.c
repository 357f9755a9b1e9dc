#include "engine/serve/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"

static void *speak(void *context)
{
	const struct progress *progress = context;
	struct pollfd stop = {.fd = progress->stop_fd, .events = POLLIN};
	char text[PROGRESS_BYTES];
	int rc;

	for (;;) {
		rc = poll(&stop, 1, PROGRESS_SAY_MS);
		if (rc > 0 || (rc < 0 && errno != EINTR))
			return NULL;
		if (rc == 0 && progress_text(progress, text))
			fprintf(stderr, "still starting: %s\n", text);
	}
}

void progress_open(struct progress *progress)
{
	CHECK(!progress->speaks);
	atomic_store(&progress->begin_ns, clock_now_ns());
	progress->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (progress->stop_fd < 0)
		return;
	if (pthread_create(&progress->thread, NULL, speak, progress) != 0) {
		close(progress->stop_fd);
		return;
	}
	(void)pthread_setname_np(progress->thread, "db-start");
	progress->speaks = true;
}

void progress_step(struct progress *progress, const char *step)
{
	atomic_store(&progress->what, NULL);
	atomic_store(&progress->step, step);
}

void progress_count(struct progress *progress, const char *what, uint64_t nth, uint64_t total)
{
	CHECK(nth <= total);
	atomic_store(&progress->done, nth);
	atomic_store(&progress->total, total);
	atomic_store(&progress->what, what);
}

void progress_hush(struct progress *progress)
{
	const uint64_t one = 1;

	if (!progress->speaks)
		return;
	CHECK(write(progress->stop_fd, &one, sizeof(one)) == sizeof(one));
	CHECK(pthread_join(progress->thread, NULL) == 0);
	close(progress->stop_fd);
	progress->speaks = false;
}

void progress_end(struct progress *progress)
{
	progress_hush(progress);
	atomic_store(&progress->step, NULL);
}

bool progress_text(const struct progress *progress, char out[PROGRESS_BYTES])
{
	const char *step = atomic_load(&progress->step);
	const char *what = atomic_load(&progress->what);
	const uint64_t took_ns = clock_now_ns() - atomic_load(&progress->begin_ns);
	char count[96] = "";

	if (step == NULL)
		return false;
	if (what != NULL)
		snprintf(count, sizeof(count), ": %s %" PRIu64 " of %" PRIu64, what,
			 atomic_load(&progress->done), atomic_load(&progress->total));
	snprintf(out, PROGRESS_BYTES, "%s%s, %" PRIu64 " s so far", step, count,
		 took_ns / 1000000000);
	return true;
}
