/*
 * exchange: a datagram from its arrival as a request until it leaves as the reply. The reply is
 * written over the request, in the packet it came in; so an exchange is a view of that packet, and
 * what must be remembered until the answer leaves. It is copied from stage to stage: batch,
 * backlog, reply queue.
 */
#ifndef DB_ENGINE_LANE_EXCHANGE_H
#define DB_ENGINE_LANE_EXCHANGE_H

#include <assert.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "net/decode.h"
#include "net/wire.h"

struct exchange {
	void *packet;   /* the host's, which sends or frees it; the frame is in it */
	uint8_t *frame; /* where its bytes begin */
	uint64_t lsn;   /* once it is decided: the record it waits for; 0: none */
	uint64_t at_ns; /* wall clock when it came: its lane decides it at this instant or later */
	struct frame_view view;
	uint16_t origin_idx;         /* worker that received it, and sends the answer */
	uint16_t lane_idx;           /* of the shard that it asks */
	uint8_t key[WIRE_KEY_BYTES]; /* a copy: new keys may be in use before it leaves */
};
static_assert(sizeof(struct exchange) <= CACHE_LINE_BYTES, "no more than a line to copy");

static inline uint8_t *exchange_datagram(const struct exchange *exchange)
{
	return exchange->frame + exchange->view.payload_offset;
}

static_assert((int)WIRE_DATE_BYTES < (int)WIRE_ENTRY_BYTES, "exchange_request_cnt rounds it off");

/* How many entries it has, by the length, which decode checked; a date is less than an entry. */
static inline uint32_t exchange_request_cnt(const struct exchange *exchange)
{
	DCHECK(exchange->view.payload_bytes >= WIRE_DATAGRAM_BYTES_MIN &&
	       exchange->view.payload_bytes <= WIRE_DATAGRAM_BYTES_MAX);
	return (exchange->view.payload_bytes - WIRE_HEADER_BYTES - WIRE_TAG_BYTES) /
	       (uint32_t)WIRE_ENTRY_BYTES;
}

#endif
