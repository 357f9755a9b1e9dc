/*
 * checkout: drives buyers whose next request follows from answers through the client library, until
 * each of them has ended and every hold has, and then asks whether all units that came back are
 * free. What they ask and what they make of answers is a table of functions.
 */
#ifndef DB_TOOLS_LOAD_CHECKOUT_H
#define DB_TOOLS_LOAD_CHECKOUT_H

#include "net/client.h"
#include "tools/load/drive.h"
#include "tools/load/options.h"
#include "tools/load/stock.h"
#include "tools/load/tally.h"

/* Some instant after at_ns, by a share of 2^32: `from` to `to` hundredths of span_ns after it. */
static inline uint64_t checkout_within(uint64_t at_ns, uint64_t span_ns, uint32_t share,
				       uint64_t from, uint64_t to)
{
	const uint64_t range_ns = span_ns / 100 * (to - from);

	return at_ns + span_ns / 100 * from +
	       (uint64_t)(((unsigned __int128)share * range_ns) >> 32);
}

/* `user` of what buyers ask is below it. */
#define CHECKOUT_USER_END (UINT64_C(1) << 63)

/* buyers: the state of all of them. */
struct checkout_buyers {
	uint32_t hold_seconds; /* no hold lasts longer */
	/* Submits what the buyer with this index asks next. 0, or as client_submit. */
	int (*submit)(void *buyers, struct client *client, uint32_t idx, uint64_t intended_ns);
	/* The index of the buyer that submitted it. */
	uint32_t (*buyer_of)(uint64_t user);
	/* The order that he has; 0: none yet. */
	uint64_t (*order_id)(const void *buyers, uint32_t idx);
	/* Takes an answer, when the engine's clock was not before now_ns; may_turn: as the client
	 * says it. The instant of that clock at which the buyer asks again; 0: he has ended, or
	 * waits for more answers. */
	uint64_t (*answer)(void *buyers, uint64_t user, uint64_t now_ns,
			   const struct wire_reply *reply, bool may_turn);
	/* No answer came. The same. */
	uint64_t (*silence)(void *buyers, uint64_t user);
	/* How many have ended; sums for the tally. */
	uint32_t (*ended)(const void *buyers);
	void (*sums)(const void *buyers, struct tally *tally);
};

struct checkout;

/* NULL: no memory. The tally gets the verdicts, the latencies, and what contradicts. The stock is
 * the buyers' own. */
struct checkout *checkout_open(const struct load_options *options, const struct scenario *scenario,
			       const struct checkout_buyers *kind, void *buyers,
			       struct stock *stock, struct tally *tally);
void checkout_close(struct checkout *checkout);

/* A client_answer_fn; context is the checkout. */
void checkout_answer(void *checkout, const struct client_answer *answer);

/* Ends early at drive_stop. 0 or -errno of the transport. */
int checkout_drive(struct checkout *checkout, struct client *client, struct drive_result *result);

#endif
