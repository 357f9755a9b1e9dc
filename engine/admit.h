/*
 * admit: who may ask at all. Knows the key and checks the tag over the whole datagram; whoever
 * fails gets no answer. Pure; any thread.
 */
#ifndef DB_ENGINE_ADMIT_H
#define DB_ENGINE_ADMIT_H

#include <stdint.h>

#include "net/decode.h"
#include "net/keys.h"

/* DROP_NONE and the key that signed a datagram decode_datagram accepted, or the reason. */
enum drop admit(const struct key_ring *ring, const uint8_t *datagram, uint32_t bytes,
		const struct key **key);

#endif
