/*
 * column: the columns of a catalog: their names, how a value is read and written, and what each
 * means in an offer. Spreadsheets, databases and programs write the same value in many ways. What
 * can mean only one thing is read; anything else is named as what it is, with the remedy.
 */
#ifndef DB_ENGINE_CATALOG_COLUMN_H
#define DB_ENGINE_CATALOG_COLUMN_H

#include <stdbool.h>
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
	CATALOG_EXTENSIONS,
	CATALOG_EXTEND_SECONDS,
	CATALOG_GROUP,
	CATALOG_GROUP_LIMIT,
	CATALOG_SHARD,
	CATALOG_COLUMN_CNT,
	/* Those of a catalog that has nothing in the later ones. */
	CATALOG_PLAIN_CNT = CATALOG_EXTENSIONS,
};

struct catalog_offer {
	uint64_t sku;
	uint64_t unit_price;      /* minor units */
	uint64_t opens_at_ns;     /* 0: open now */
	uint64_t closes_at_ns;    /* INSTANT_NEVER: never */
	uint32_t stock;           /* units */
	uint32_t limit_per_buyer; /* 0: none */
	uint32_t hold_seconds;
	uint32_t extend_seconds; /* what an extension gives; 0: hold_seconds */
	uint32_t group;          /* of SKUs with a limit of their own; 0: none */
	uint32_t line;           /* of the file, for messages; 0: of none */
	uint16_t group_limit;    /* units a buyer, of all SKUs of the group */
	uint16_t shard;          /* that sells it: the column's, or as catalog_place says */
	uint8_t extensions;      /* how often a hold may be extended */
	bool shard_named;        /* by the column */
	bool placed;             /* by catalog_place: not where its number belongs */
};

/* The header of a catalog, and a value as text: the longest is an instant. */
#define CATALOG_HEADER_PLAIN "sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds"
#define CATALOG_HEADER_LATER ",extensions,extend_seconds,group,group_limit,shard"
#define CATALOG_HEADER       CATALOG_HEADER_PLAIN CATALOG_HEADER_LATER

enum {
	CATALOG_VALUE_BYTES = RFC3339_BYTES,
};

const char *catalog_column_name(enum catalog_column column);

/* CATALOG_COLUMN_CNT: there is no such column. Upper and lower case are the same. */
enum catalog_column catalog_column_find(const char *name);

/* Whether somebody may have meant this column, one of those after CATALOG_PLAIN_CNT, by a name that
 * is not its own. */
bool catalog_column_resembles(enum catalog_column column, const char *name);

/*
 * Sets the column of an offer to what the text says. 0, or -EINVAL with a line in error: what is
 * wrong with the value and the remedy, without a place. The offer is then as it was.
 */
int catalog_column_read(struct catalog_offer *offer, enum catalog_column column, const char *text,
			struct error *error);

/* How many columns the offer fills: CATALOG_PLAIN_CNT or CATALOG_COLUMN_CNT. */
unsigned catalog_columns_of(const struct catalog_offer *offer);

/* The value of the column, 0 for no hold, no extension, no group; of the shard: that which sells
 * it. */
uint64_t catalog_column_value(const struct catalog_offer *offer, enum catalog_column column);

/* The same as a catalog has it: "" for now, never, 0 of an optional number, and a shard that was
 * not named. */
void catalog_column_text(const struct catalog_offer *offer, enum catalog_column column,
			 char out[CATALOG_VALUE_BYTES]);

#endif
