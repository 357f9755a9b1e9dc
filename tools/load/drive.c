#include "tools/load/drive.h"

#include <errno.h>
#include <string.h>

#include "engine/base/clock.h"
#include "tools/load/progress.h"

enum {
	/* How long a poll may sleep when there is nothing to send. */
	POLL_US = 1000,
	/* Submitted between two looks at the network. */
	SUBMIT_MAX = 4096,
};

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

int drive_sale(struct client *client, const struct scenario *scenario, uint64_t rate,
	       const struct tally *tally, struct drive_result *result)
{
	const uint64_t begin_ns = clock_now_ns();
	uint32_t next = 0;
	int rc = 0;

	load_progress_begin();
	while (rc >= 0 && !drive_stop &&
	       (next < scenario->send_cnt || client_pending(client) > 0)) {
		uint32_t wait_us = POLL_US;

		if (next < scenario->send_cnt)
			next = submit_some(client, scenario, next, begin_ns, rate);
		if (rate > 0 && next < scenario->send_cnt) {
			const uint64_t due = due_ns(begin_ns, next, rate);
			const uint64_t now_ns = clock_now_ns();

			wait_us = due > now_ns ? (uint32_t)((due - now_ns) / 1000) : 0;
			wait_us = wait_us < POLL_US ? wait_us : POLL_US;
		}
		rc = client_poll(client, wait_us);
		load_progress(tally, next, scenario->send_cnt, clock_now_ns() - begin_ns);
	}
	load_progress_end();
	*result = (struct drive_result){
		.submitted = next,
		.elapsed_ns = clock_now_ns() - begin_ns,
		.stopped = drive_stop != 0,
	};
	return rc < 0 ? rc : 0;
}
