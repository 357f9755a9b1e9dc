/*
 * basket_file: the lines of a basket, as a shop or a spreadsheet writes them: a row a SKU, under a
 * header with the names sku, quantity and max_price in any order, or without one in this order.
 * engine/catalog/csv.h says what of the file's form is read. Columns of other names are not read.
 */
#ifndef DB_TOOLS_BUY_BASKET_FILE_H
#define DB_TOOLS_BUY_BASKET_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "net/client_ask.h"

struct basket_line {
	uint64_t sku;
	uint64_t max_price; /* minor units; CLIENT_ANY_PRICE: none was named */
	uint64_t at_line;   /* of the file */
	uint16_t quantity;  /* at least 1 */
};

struct basket_file {
	uint32_t cnt; /* CLIENT_BASKET_MIN to WIRE_ENTRY_CNT_MAX; no SKU twice */
	struct basket_line lines[WIRE_ENTRY_CNT_MAX];
};

/*
 * Reads the file; "-": the standard input. 0, or -errno and a line in error that names file and
 * line. With more than one fault each is printed to `say`; NULL: nowhere.
 */
int basket_file_read(const char *path, FILE *say, struct basket_file *out, struct error *error);

#endif
