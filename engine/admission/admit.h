/*
 * admit: who may ask at all. Looks up the keys and checks the tags over whole datagrams, a burst at
 * a time. A datagram that fails gets no answer. Pure; any thread.
 */
#ifndef DB_ENGINE_ADMISSION_ADMIT_H
#define DB_ENGINE_ADMISSION_ADMIT_H

#include <stdint.h>

#include "net/decode.h"
#include "net/keys.h"
#include "net/tag.h"

/* A datagram that decode_datagram accepted, and the result of its check. */
struct admission {
	const uint8_t *datagram;
	const struct key *key; /* the key that it names; NULL: we have none of that id */
	uint32_t bytes;
	enum drop reason; /* DROP_NONE: admitted */
};

/* Fills in key and reason of cnt datagrams, at most TAG_BURST_MAX. */
void admit(const struct key_ring *ring, struct admission *admissions, uint32_t cnt);

#endif
