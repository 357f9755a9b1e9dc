#include "tools/load/drive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/rfc3339.h"
#include "tools/load/progress.h"

enum {
	/* How long a poll may sleep when there is nothing to send. */
	POLL_US = 1000,
	/* Submitted between two looks at the network. */
	SUBMIT_MAX = 4096,
};

static const uint64_t SAY_AGAIN_NS = 10000000000;

volatile sig_atomic_t drive_stop;

/* When the n-th request is due. */
static uint64_t due_ns(uint64_t begin_ns, uint64_t n, uint64_t rate)
{
	return begin_ns + (uint64_t)((unsigned __int128)n * 1000000000 / rate);
}

/* Submits what is due and what the client takes. Returns the next to submit. */
static uint32_t submit_some(struct client *client, const struct scenario *scenario, uint32_t next,
			    uint64_t begin_ns, uint64_t rate)
{
	const uint64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < SUBMIT_MAX && next < scenario->send_cnt; i++, next++) {
		struct client_request request;

		scenario_request(scenario, next, &request);
		request.intended_ns = now_ns;
		if (rate > 0) {
			request.intended_ns = due_ns(begin_ns, next, rate);
			if (request.intended_ns > now_ns)
				break;
		}
		if (client_submit(client, &request) != 0)
			break;
	}
	return next;
}

/* Submits those whose offer is open by the clock of its lane, as far as the client takes them.
 * Their latency counts from the opening, where requests have an instant at all. Returns how many.
 */
static uint64_t submit_returning(struct client *client, const struct scenario *scenario,
				 struct waiting *waiting, uint64_t rate)
{
	const struct waiting_buyer *first;
	uint64_t cnt = 0;

	while (cnt < SUBMIT_MAX && (first = waiting_first(waiting)) != NULL) {
		const uint64_t now_ns = clock_now_ns();
		struct client_request request;
		uint64_t engine_ns;

		scenario_request(scenario, first->idx, &request);
		engine_ns = client_engine_now_ns(client,
						 wire_shard_of(request.sku, client_shards(client)));
		if (engine_ns < first->at_ns)
			break;
		request.intended_ns = rate > 0 ? now_ns - (engine_ns - first->at_ns) : now_ns;
		if (client_submit(client, &request) != 0)
			break;
		waiting_remove_first(waiting, engine_ns);
		cnt++;
	}
	return cnt;
}

/* Nothing is left but to wait: says for what, once for openings that are close together. */
static void say_waiting(const struct waiting *waiting, uint64_t *said_ns)
{
	const struct waiting_buyer *first = waiting_first(waiting);
	char instant[RFC3339_BYTES];

	if (first == NULL || (*said_ns != 0 && first->at_ns < *said_ns + SAY_AGAIN_NS))
		return;
	*said_ns = first->at_ns;
	rfc3339_format(first->at_ns, instant);
	load_progress_end();
	fprintf(stderr,
		"doorbuster-load: %u buyers came before their offers open, the first at %s; they "
		"come back then. Ctrl-C ends the run before\n",
		waiting->cnt, instant);
}

/* How long the client may sleep: until the next request is due, at most POLL_US. */
static uint32_t wait_us_before(uint64_t due)
{
	const uint64_t now_ns = clock_now_ns();
	const uint64_t wait_us = due > now_ns ? (due - now_ns) / 1000 : 0;

	return wait_us < POLL_US ? (uint32_t)wait_us : POLL_US;
}

int drive_sale(struct client *client, const struct scenario *scenario, uint64_t rate,
	       const struct tally *tally, struct drive_result *result)
{
	struct waiting nobody = {0};
	struct waiting *waiting = tally->waiting != NULL ? tally->waiting : &nobody;
	const uint64_t begin_ns = clock_now_ns();
	uint64_t came_back = 0;
	uint64_t said_ns = 0;
	uint32_t next = 0;
	int rc = 0;

	load_progress_begin();
	while (rc >= 0 && !drive_stop &&
	       (next < scenario->send_cnt || client_pending(client) > 0 || waiting->cnt > 0)) {
		uint32_t wait_us = POLL_US;

		came_back += submit_returning(client, scenario, waiting, rate);
		if (next < scenario->send_cnt)
			next = submit_some(client, scenario, next, begin_ns, rate);
		else if (client_pending(client) == 0)
			say_waiting(waiting, &said_ns);
		if (rate > 0 && next < scenario->send_cnt)
			wait_us = wait_us_before(due_ns(begin_ns, next, rate));
		rc = client_poll(client, wait_us);
		load_progress(tally, next, scenario->send_cnt, clock_now_ns() - begin_ns);
	}
	load_progress_end();
	*result = (struct drive_result){
		.submitted = next,
		.came_back = came_back,
		.elapsed_ns = clock_now_ns() - begin_ns,
		.stopped = drive_stop != 0,
	};
	return rc < 0 ? rc : 0;
}
