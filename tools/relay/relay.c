#include "tools/relay/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/signals.h"

/* How long a lane rests when there was nothing to do: a single order waits no longer than this. */
static const uint64_t IDLE_NS = 1000000;
static const uint64_t REPORT_NS = 1000000000;
/* How long blocks that are in flight when a signal comes may take to be acknowledged. */
static const uint64_t LEAVE_NS = 5000000000;

void relay_tell(const struct relay_lane *lane, const char *mark, const char *format, ...)
{
	va_list args;

	flockfile(stderr);
	fprintf(stderr, "%slane %u: ", log_mark(mark), lane->lane);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

int relay_open(struct relay *relay, const struct relay_options *options)
{
	sigset_t signals;
	int rc;

	signals_block_end(&signals);
	signal(SIGPIPE, SIG_IGN);
	memset(relay, 0, sizeof(*relay));
	relay->options = *options;
	relay->lock_fd = -1;
	rc = data_dir_read(&relay->dir, options->data, &relay->error);
	/* A pipe has no position: every start begins anew. */
	if (rc == 0 && strcmp(options->downstream.to, "-") != 0)
		rc = relay_position_open(relay);
	if (rc != 0)
		return rc;
	relay->options.downstream.journal = &relay->dir;
	relay->options.downstream.relay_id = relay->position.relay_id;
	relay->options.downstream.run = relay->position.run;
	CHECK(getrandom(&relay->options.downstream.start, sizeof(uint64_t), 0) == sizeof(uint64_t));
	relay->lane_cnt = relay->dir.shards;
	relay->lanes = calloc(relay->lane_cnt, sizeof(*relay->lanes));
	if (relay->lanes == NULL)
		return error_say(&relay->error, -ENOMEM, "no memory");
	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		struct relay_lane *lane = &relay->lanes[i];

		lane->lane = i;
		relay_position_load_lane(relay, lane, clock_now_ns());
	}
	rc = downstream_target_open(&relay->target, &relay->options.downstream, &relay->error);
	if (rc == 0 && options->metrics != NULL)
		rc = relay_metrics_open(relay);
	return rc;
}

static bool all_done(const struct relay *relay)
{
	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		const struct relay_lane *lane = &relay->lanes[i];

		if (!lane->up || !lane->ended || lane->sent_head != lane->sent_tail)
			return false;
	}
	return true;
}

/* Waits for what is in flight, but not for a downstream that is away. */
static void leave(struct relay *relay)
{
	const struct timespec pause = {.tv_nsec = (long)IDLE_NS};
	const uint64_t end_ns = clock_now_ns() + LEAVE_NS;
	bool waiting = true;

	while (waiting && clock_now_ns() < end_ns) {
		waiting = false;
		for (uint16_t i = 0; i < relay->lane_cnt; i++) {
			struct relay_lane *lane = &relay->lanes[i];
			int cnt = 0;

			if (lane->up && lane->sent_head != lane->sent_tail)
				cnt = relay_reap(relay, lane, clock_now_ns());
			if (cnt < 0)
				relay_unlink(lane);
			waiting = waiting || (lane->up && lane->sent_head != lane->sent_tail);
		}
		if (waiting)
			nanosleep(&pause, NULL);
	}
}

/* What grows as long as a relay gets on: blocks that were acknowledged, and lanes that have all. */
static uint64_t progress_of(const struct relay *relay)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		const struct relay_lane *lane = &relay->lanes[i];

		sum += lane->status.block_cnt + (lane->link_cnt > 0);
	}
	return sum;
}

/* 0, or -ETIMEDOUT: with --once, nothing moved for too long. */
static int check_progress(struct relay *relay, uint64_t now_ns)
{
	const uint64_t sum = progress_of(relay);
	char last[ERROR_BYTES];

	if (relay->options.timeout_ns == 0 || sum != relay->progress || relay->progress_ns == 0) {
		relay->progress = sum;
		relay->progress_ns = now_ns;
		return 0;
	}
	if (now_ns - relay->progress_ns < relay->options.timeout_ns)
		return 0;
	snprintf(last, sizeof(last), "%s", relay->error.text);
	error_set(&relay->error,
		  "--once: the downstream took nothing for %" PRIu64
		  " s (--timeout)%s%s; not all is "
		  "there. The next relay goes on where it ended",
		  relay->options.timeout_ns / 1000000000,
		  last[0] != '\0' ? ", the last error: " : "", last);
	return -ETIMEDOUT;
}

/* Whether to end between two lanes: to find out that brokers are away may take seconds for each. */
static bool ends_early(struct relay *relay, uint64_t begun_ns, int *rc)
{
	const uint64_t now_ns = clock_now_ns();

	if (now_ns - begun_ns < IDLE_NS)
		return false;
	*rc = check_progress(relay, now_ns);
	return *rc != 0 || signals_end_pending();
}

static int run(struct relay *relay)
{
	const struct timespec pause = {.tv_nsec = (long)IDLE_NS};
	uint64_t reported_ns = clock_now_ns();
	int rc = 0;

	while (rc == 0 && !signals_end_pending()) {
		const uint64_t now_ns = clock_now_ns();
		int steps = 0;

		for (uint16_t i = 0; i < relay->lane_cnt; i++) {
			const int step = relay_step(relay, &relay->lanes[i], now_ns);

			if (step < 0)
				return step;
			steps += step;
			if (ends_early(relay, now_ns, &rc))
				break;
		}
		if (rc != 0)
			break;
		if (now_ns - reported_ns >= REPORT_NS) {
			relay_position_save(relay, now_ns);
			relay_report(relay, (double)(now_ns - reported_ns) / 1e9, false);
			reported_ns = now_ns;
		}
		if (steps > 0)
			continue;
		if (relay->options.once && all_done(relay))
			break;
		rc = check_progress(relay, clock_now_ns());
		nanosleep(&pause, NULL);
	}
	leave(relay);
	relay_report(relay, (double)(clock_now_ns() - reported_ns + 1) / 1e9, true);
	for (uint16_t i = 0; i < relay->lane_cnt; i++)
		relay_settle_last(&relay->lanes[i], clock_now_ns());
	relay_position_save(relay, clock_now_ns());
	return rc;
}

int relay_run(struct relay *relay)
{
	/* An engine on this machine comes first. */
	if (nice(10) == -1)
		errno = 0;
	return run(relay);
}

void relay_close(struct relay *relay)
{
	for (uint16_t i = 0; relay->lanes != NULL && i < relay->lane_cnt; i++)
		relay_unlink(&relay->lanes[i]);
	free(relay->lanes);
	relay_metrics_close(relay);
	downstream_target_close(relay->target);
	if (relay->lock_fd >= 0)
		close(relay->lock_fd);
}
