/*
 * catalog: the file that says what is put on sale. CSV with the header
 * sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds; instants are RFC 3339 or
 * empty (open now, never closing). CRLF, a byte order mark, quotes around a field and empty lines
 * are fine.
 */
#ifndef DB_ENGINE_CATALOG_CATALOG_H
#define DB_ENGINE_CATALOG_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/sale/record.h"

struct catalog_offer {
	uint64_t sku;
	uint64_t unit_price;      /* minor units */
	uint64_t opens_at_ns;     /* 0: open now */
	uint64_t closes_at_ns;    /* INSTANT_NEVER: never */
	uint32_t stock;           /* units */
	uint32_t limit_per_buyer; /* 0: none */
	uint32_t hold_seconds;
	uint32_t line; /* of the file, for messages */
};

/* In the order of the file. Immutable after catalog_load. */
struct catalog {
	uint32_t cnt;
	struct catalog_offer offers[];
};

/*
 * 0 and *out (owned by the caller), or -errno and a line in error that names file, line, column and
 * remedy. -EINVAL if the content is wrong; other errors if reading it failed.
 */
int catalog_load(const char *path, struct catalog **out, struct error *error);

/* The record that puts a line on sale at an instant of its lane's clock. */
struct record catalog_record(const struct catalog_offer *line, uint64_t at_ns);

/* NULL is allowed. */
void catalog_free(struct catalog *catalog);

#endif
