/*
 * reply: turns a request frame into its reply, in place. Never longer than the request.
 */
#ifndef DB_NET_REPLY_H
#define DB_NET_REPLY_H

#include <stdint.h>

#include "net/decode.h"
#include "net/wire.h"

/* Turns the header of a datagram that decode_datagram accepted into that of a reply, to be signed.
 */
void reply_header(uint8_t *datagram, uint16_t shard, uint32_t shard_map_version);

/*
 * Swaps MAC and IP addresses and UDP ports of a frame that decode_frame accepted, sets TTL 64 and
 * computes the IP and UDP checksums afresh over the payload as it is, with its tag. Lengths stay.
 */
void reply_frame(uint8_t *frame, const struct frame_view *view);

#endif
