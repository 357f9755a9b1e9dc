/*
 * rfc3339: instants in text. A leap second (23:59:60 UTC at the end of a month) is the instant
 * after it, because the engine's clock has none. Of a fraction nine digits count. Zones are also
 * taken as ISO 8601 and PostgreSQL write them: +0800, +08.
 */
#ifndef DB_ENGINE_BASE_RFC3339_H
#define DB_ENGINE_BASE_RFC3339_H

#include <stdint.h>

/* What a text is. */
enum rfc3339_result {
	RFC3339_GOOD = 0,
	RFC3339_NO_INSTANT,     /* something else */
	RFC3339_NO_ZONE,        /* an instant, but of no time zone */
	RFC3339_NO_SUCH_DAY,    /* 30 February */
	RFC3339_NO_LEAP_SECOND, /* second 60 where there is none */
	RFC3339_TOO_EARLY,      /* before 1970 */
	RFC3339_TOO_LATE,       /* after the year 2500: 64 bits of ns end in 2554 */
};

/* Reads an instant like 2026-11-11T00:00:00+08:00 as ns since the epoch. Sets it only if GOOD. */
enum rfc3339_result rfc3339_parse(const char *text, uint64_t *instant_ns);

enum {
	RFC3339_BYTES = 40,
};

/* Writes it in UTC, with up to nine decimals, without zeros at the end. */
void rfc3339_format(uint64_t instant_ns, char out[RFC3339_BYTES]);

#endif
