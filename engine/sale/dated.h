/*
 * dated: how long a request is good for. A dated datagram says when it was made, for how long it is
 * good and for which sale (struct wire_date). So a recording of it is worth nothing: it gets no
 * order after its life, nor in another sale. Whether an offer has opened is decided as of its
 * issue, so that all copies of it get the same answer. Pure.
 */
#ifndef DB_ENGINE_SALE_DATED_H
#define DB_ENGINE_SALE_DATED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "net/wire.h"

/* Stands for the instant of a request that may get no new order. No clock has this value. */
#define ASKED_STALE UINT64_MAX

/* For how long it is good. */
static inline uint64_t dated_valid_ns(struct wire_date date)
{
	const uint64_t valid_ms =
		date.valid_ms < WIRE_VALID_MS_MAX ? date.valid_ms : WIRE_VALID_MS_MAX;

	return valid_ms * UINT64_C(1000000);
}

/* When the requests of a dated datagram were asked, at most now_ns. ASKED_STALE: they are for
 * another sale, too old, too far ahead of the clock, or have no life at all. */
static inline uint64_t dated_asked_ns(struct wire_date date, uint64_t now_ns, uint32_t sale)
{
	const uint64_t ns_per_ms = 1000000;
	const uint64_t valid_ns = dated_valid_ns(date);

	DCHECK(now_ns != ASKED_STALE);
	if (date.sale != sale || valid_ns == 0)
		return ASKED_STALE;
	if (date.issued_at_ns > now_ns)
		return date.issued_at_ns - now_ns <= WIRE_AHEAD_MS_MAX * ns_per_ms ? now_ns
										   : ASKED_STALE;
	return now_ns - date.issued_at_ns <= valid_ns ? date.issued_at_ns : ASKED_STALE;
}

/* The same for any datagram that decode_datagram accepted. Undated requests, where they are
 * accepted at all, are always asked now. */
static inline uint64_t datagram_asked_ns(const uint8_t *datagram, uint64_t now_ns, uint32_t sale,
					 bool undated_refused)
{
	if (wire_is_dated(datagram))
		return dated_asked_ns(wire_date_of(datagram), now_ns, sale);
	return undated_refused ? ASKED_STALE : now_ns;
}

/* The last instant at which its requests may get a new order, by the engine's clock. */
static inline uint64_t datagram_good_until_ns(const uint8_t *datagram)
{
	struct wire_date date;

	if (!wire_is_dated(datagram))
		return INSTANT_NEVER;
	DCHECK(wire_count(datagram) > 0);
	date = wire_date_of(datagram);
	return date.issued_at_ns + dated_valid_ns(date);
}

#endif
