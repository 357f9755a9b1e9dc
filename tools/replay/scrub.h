/*
 * scrub: keyed pseudonyms, so that a capture can leave the company. Buyers, request ids and the
 * echo get pseudonyms, always the same under the same key. Only the key can reverse them; two
 * buyers never become one. What is sold, when, at what price, through which channel and under which
 * order id stays, so that a replay still gives the same answers. So anybody who knows one of those
 * of a purchase, its order id for instance, can see what else its buyer bought.
 */
#ifndef DB_TOOLS_REPLAY_SCRUB_H
#define DB_TOOLS_REPLAY_SCRUB_H

#include <stdint.h>

#include "net/wire.h"

struct scrub {
	uint8_t key[WIRE_KEY_BYTES];
};

/* A bijection: a Feistel network of SipHash-2-4 over the halves. */
uint64_t scrub_buyer(const struct scrub *scrub, uint64_t buyer);

/* SipHash-2-4-128 of the id; an id of all zero, which is not valid, stays. */
void scrub_request_id(const struct scrub *scrub, uint64_t id[2]);

/* Scrubs a whole request or reply datagram whose header's count is right; afterwards its tag is
 * wrong. */
void scrub_datagram(const struct scrub *scrub, uint8_t *datagram);

#endif
