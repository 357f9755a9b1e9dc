/*
 * catalog: the file that says what is put on sale: a row a SKU, under a header with the names of
 * the columns (column.h), in any order; csv.h says what of the file's form is read. Columns of
 * other names are not read. A column may be missing only if it has a meaning when it is empty, and
 * only if no column has a name that could be a slip of it: of the columns up to hold_seconds, any
 * that is not ours; of the later ones, one that resembles them.
 */
#ifndef DB_ENGINE_CATALOG_CATALOG_H
#define DB_ENGINE_CATALOG_CATALOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "engine/catalog/column.h"
#include "engine/sale/record.h"

/* In the order of the file. Immutable after catalog_load and catalog_place (placement.h). */
struct catalog {
	uint32_t cnt;
	uint32_t shard_field; /* which of the file's the shard is, from 1 on; 0: none */
	struct catalog_offer offers[];
};

/*
 * 0 and *out (owned by the caller), or -errno and a line in error that names file, line, column and
 * remedy. -EINVAL if the content is wrong; other errors if reading it failed. With more than one
 * fault each is printed to `say`, as faults.h says, and what of the file is not read; NULL:
 * nowhere.
 */
int catalog_load_saying(const char *path, FILE *say, struct catalog **out, struct error *error);

/* The same, with the first fault in error alone. */
int catalog_load(const char *path, struct catalog **out, struct error *error);

/* Writes it as catalog_load reads it; without the later columns, if no offer has anything in them.
 * Errors stay in the FILE. */
void catalog_write(const struct catalog *catalog, FILE *out);

/* The same by offers: the first `columns` columns of each, as catalog_columns_of asks for. */
void catalog_write_header(unsigned columns, FILE *out);
void catalog_write_offer(const struct catalog_offer *offer, unsigned columns, FILE *out);

/* The record that puts a line on sale in its shard, at an instant of the lane's clock. After
 * catalog_place. */
struct record catalog_record(const struct catalog_offer *line, uint64_t at_ns);

/* Of a line that is placed: the record by which the shard of its number knows that. */
struct record catalog_placed_record(const struct catalog_offer *line, uint64_t at_ns);

/* NULL is allowed. */
void catalog_free(struct catalog *catalog);

#endif
