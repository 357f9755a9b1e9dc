/*
 * reply: turns a request frame into its reply, in place. Never longer than the request.
 */
#ifndef DB_NET_REPLY_H
#define DB_NET_REPLY_H

#include <stdint.h>

#include "net/decode.h"
#include "net/wire.h"

/*
 * Turns the datagram's header into that of a reply and signs it. The entries must already hold
 * struct wire_reply. `bytes` as decode_datagram accepted it.
 */
void reply_seal(uint8_t *datagram, uint32_t bytes, uint16_t shard, uint32_t shard_map_version,
		const uint8_t key[WIRE_KEY_BYTES]);

/*
 * Swaps MAC and IP addresses and UDP ports of a frame that decode_frame accepted, sets TTL 64 and
 * computes the IP and UDP checksums afresh over the payload as it stands. Lengths stay.
 */
void reply_frame(uint8_t *frame, const struct frame_view *view);

#endif
