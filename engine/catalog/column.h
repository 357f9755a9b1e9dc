/*
 * column: the columns of a catalog: their names, how a value is read and written, and what each
 * means in an offer. Spreadsheets, databases and programs write the same value in many ways. What
 * can mean only one thing is read; anything else is named as what it is, with the remedy.
 */
#ifndef DB_ENGINE_CATALOG_COLUMN_H
#define DB_ENGINE_CATALOG_COLUMN_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/rfc3339.h"

enum catalog_column {
	CATALOG_SKU,
	CATALOG_STOCK,
	CATALOG_UNIT_PRICE,
	CATALOG_LIMIT_PER_BUYER,
	CATALOG_OPENS_AT,
	CATALOG_CLOSES_AT,
	CATALOG_HOLD_SECONDS,
	CATALOG_COLUMN_CNT,
};

struct catalog_offer {
	uint64_t sku;
	uint64_t unit_price;      /* minor units */
	uint64_t opens_at_ns;     /* 0: open now */
	uint64_t closes_at_ns;    /* INSTANT_NEVER: never */
	uint32_t stock;           /* units */
	uint32_t limit_per_buyer; /* 0: none */
	uint32_t hold_seconds;
	uint32_t line; /* of the file, for messages; 0: of none */
};

/* The header of a catalog, and a value as text: the longest is an instant. */
#define CATALOG_HEADER "sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds"

enum {
	CATALOG_VALUE_BYTES = RFC3339_BYTES,
};

const char *catalog_column_name(enum catalog_column column);

/* CATALOG_COLUMN_CNT: there is no such column. Upper and lower case are the same. */
enum catalog_column catalog_column_find(const char *name);

/*
 * Sets the column of an offer to what the text says. 0, or -EINVAL with a line in error: what is
 * wrong with the value and the remedy, without a place. The offer is then as it was.
 */
int catalog_column_read(struct catalog_offer *offer, enum catalog_column column, const char *text,
			struct error *error);

/* The value of the column, and the same as a catalog has it: "" for now, never, and no hold. */
uint64_t catalog_column_value(const struct catalog_offer *offer, enum catalog_column column);
void catalog_column_text(const struct catalog_offer *offer, enum catalog_column column,
			 char out[CATALOG_VALUE_BYTES]);

#endif
