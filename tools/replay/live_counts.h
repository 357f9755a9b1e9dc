/*
 * live_counts: the figures of a replay to an engine. run_live.c counts it, report.c reports it.
 */
#ifndef DB_TOOLS_REPLAY_LIVE_COUNTS_H
#define DB_TOOLS_REPLAY_LIVE_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/wire.h"
#include "tools/common/histogram.h"

struct live_counts {
	uint64_t sent; /* datagrams */
	uint64_t sent_requests;
	uint64_t received;
	uint64_t received_bad;      /* not a reply to us, or with a wrong tag */
	uint64_t send_refused;      /* how often the kernel or port took nothing; tried again */
	uint64_t port_reopened_cnt; /* times that it went deaf, and was opened anew */
	uint64_t took_ns;           /* from the first to the last datagram */
	uint64_t captured_ns;       /* the same in the capture */
	bool interrupted;
	uint64_t waited; /* requests that waited for the answer that tells the id of their order */
	uint64_t verdicts[VERDICT_END];
	uint64_t by_op[WIRE_OP_END][VERDICT_END]; /* [0]: of requests that are too long ago */
	struct histogram late_ns; /* from when a datagram was due to when it had been handed over */
};

#endif
