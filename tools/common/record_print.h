/*
 * record_print: a record as a line, of text or of JSON. Text is built by hand: a record has nothing
 * that JSON must escape, and a lane has millions of records.
 */
#ifndef DB_TOOLS_COMMON_RECORD_PRINT_H
#define DB_TOOLS_COMMON_RECORD_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/journal/format.h"

enum {
	PRINT_BYTES = 1 << 20,
	PRINT_LINE_BYTES_MAX = 1024,
};

struct print {
	FILE *file;
	size_t used;
	bool failed; /* not all could be written; read it after print_flush */
	char bytes[PRINT_BYTES];
};

/*
 * JSON writes what may be 2^53 or above (buyers, SKUs, prices, order ids, instants) as strings of
 * digits: most readers make floating point of numbers, jq 1.6 and JavaScript among them. This turns
 * them back into numbers, for the whole program; before the first line.
 */
void print_json_numbers(void);
bool print_json_has_numbers(void);

/* Prints the line above the lines of text. */
void print_columns(struct print *out);

/* "order", "hold", ...; "unknown". */
const char *record_kind_name(uint8_t kind);

/* lsn 0: it is not known. */
void print_record_text(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record);
void print_record_json(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record);

/* Prints bought orders only, for spreadsheets and databases; nothing for other records. What became
 * of an order is not in it: for a sale with holds or returns take JSON. */
void print_record_csv(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record);
void print_csv_columns(struct print *out);

void print_flush(struct print *out);

/* RFC 3339 with nanoseconds. */
void print_instant(uint64_t at_ns, char out[40]);

#endif
