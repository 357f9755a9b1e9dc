/*
 * dated: how long a request is good for. A datagram that says when it was made, for how long it is
 * good and for which sale (struct wire_date) is worth nothing once it is recorded: it gets no order
 * after its life, nor in another sale, and what turns by time alone turns for it as of its issue,
 * so that all copies of it are told the same. Pure.
 */
#ifndef DB_ENGINE_SALE_DATED_H
#define DB_ENGINE_SALE_DATED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "net/wire.h"

/* In place of the instant a request was asked at: it may get no new order. No clock shows it. */
#define ASKED_STALE UINT64_MAX

/* When the requests of a dated datagram were asked, at most now_ns; ASKED_STALE: they are not of
 * this sale, too old, too far ahead of the clock, or without a life at all. */
static inline uint64_t dated_asked_ns(struct wire_date date, uint64_t now_ns, uint32_t sale)
{
	const uint64_t ns_per_ms = 1000000;
	const uint64_t valid_ms =
		date.valid_ms < WIRE_VALID_MS_MAX ? date.valid_ms : WIRE_VALID_MS_MAX;

	DCHECK(now_ns != ASKED_STALE);
	if (date.sale != sale || valid_ms == 0)
		return ASKED_STALE;
	if (date.issued_at_ns > now_ns)
		return date.issued_at_ns - now_ns <= WIRE_AHEAD_MS_MAX * ns_per_ms ? now_ns
										   : ASKED_STALE;
	return now_ns - date.issued_at_ns <= valid_ms * ns_per_ms ? date.issued_at_ns : ASKED_STALE;
}

/* The same of any datagram that decode_datagram accepted. Undated requests are always asked now,
 * where they are taken at all. */
static inline uint64_t datagram_asked_ns(const uint8_t *datagram, uint64_t now_ns, uint32_t sale,
					 bool undated_refused)
{
	if (wire_is_dated(datagram))
		return dated_asked_ns(wire_date_of(datagram), now_ns, sale);
	return undated_refused ? ASKED_STALE : now_ns;
}

#endif
