/*
 * rfc3339: instants in text. Leap seconds (":60") are refused: the engine's clock has none.
 */
#ifndef DB_ENGINE_BASE_RFC3339_H
#define DB_ENGINE_BASE_RFC3339_H

#include <stdint.h>

/* Reads an instant like 2026-11-11T00:00:00+08:00, with up to nine decimals, as ns since the epoch.
 * 0 or -EINVAL. */
int rfc3339_parse(const char *text, uint64_t *instant_ns);

enum {
	RFC3339_BYTES = 40,
};

/* Writes it in UTC, with up to nine decimals, without zeros at the end. */
void rfc3339_format(uint64_t instant_ns, char out[RFC3339_BYTES]);

#endif
