#include "tools/sink/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/rfc3339.h"

enum {
	/* A value and its comma: an instant or a request id is the longest. */
	VALUE_BYTES_MAX = RFC3339_BYTES,
};

static size_t put(char *sql, size_t used, const char *before, const char *text)
{
	used += (size_t)snprintf(sql + used, ROWS_SQL_BYTES - used, "%s%s", before, text);
	CHECK(used < ROWS_SQL_BYTES);
	return used;
}

/* unnest($1::type[], ...) AS t(name, ...) */
static size_t put_unnest(char *sql, size_t used, const struct rows_column *columns)
{
	char array[64];

	for (unsigned i = 0; columns[i].name != NULL; i++) {
		snprintf(array, sizeof(array), "$%u::%s[]", i + 1, columns[i].type);
		used = put(sql, used, i == 0 ? "unnest(" : ", ", array);
	}
	for (unsigned i = 0; columns[i].name != NULL; i++)
		used = put(sql, used, i == 0 ? ") AS t(" : ", ", columns[i].name);
	return put(sql, used, ")", "");
}

/* sql with the unnest clause for each '#'. */
static void put_statement(char *out, const char *sql, const struct rows_column *columns)
{
	size_t used = 0;
	const char *at;

	while ((at = strchr(sql, '#')) != NULL) {
		char before[ROWS_SQL_BYTES];

		CHECK((size_t)(at - sql) < sizeof(before));
		memcpy(before, sql, (size_t)(at - sql));
		before[at - sql] = '\0';
		used = put(out, used, before, "");
		used = put_unnest(out, used, columns);
		sql = at + 1;
	}
	put(out, used, sql, "");
}

int rows_open(struct rows *rows, uint64_t max, const char *table, const struct rows_column *columns,
	      const char *sql)
{
	size_t used;

	rows->max = max;
	for (unsigned i = 0; columns[i].name != NULL; i++) {
		CHECK(i < ROWS_COLUMNS_MAX);
		rows->text[i] = malloc(max * VALUE_BYTES_MAX + 2);
		if (rows->text[i] == NULL)
			return -ENOMEM;
		rows->column_cnt = i + 1;
	}
	put_statement(rows->sql, sql, columns);
	if (table == NULL)
		return 0;
	used = put(rows->count, 0, "SELECT count(*) FROM ", table);
	used = put(rows->count, used, " AS o JOIN ", "");
	used = put_unnest(rows->count, used, columns);
	used = put(rows->count, used, " USING (", columns[0].name);
	used = put(rows->count, used, ", ", columns[1].name);
	put(rows->count, used, ")", "");
	return 0;
}

void rows_put_text(struct rows *rows, const char *text)
{
	const unsigned i = rows->next;
	const size_t bytes = strlen(text);

	CHECK(rows->cnt < rows->max && bytes < VALUE_BYTES_MAX);
	rows->text[i][rows->used[i]++] = rows->cnt == 0 ? '{' : ',';
	memcpy(rows->text[i] + rows->used[i], text, bytes);
	rows->used[i] += bytes;
	rows->next = i + 1 < rows->column_cnt ? i + 1 : 0;
	rows->cnt += rows->next == 0;
}

void rows_put_u64(struct rows *rows, uint64_t value)
{
	char text[21];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	rows_put_text(rows, text);
}

void rows_put_instant(struct rows *rows, uint64_t at_ns)
{
	char text[RFC3339_BYTES];

	rfc3339_format(at_ns - at_ns % 1000, text);
	rows_put_text(rows, text);
}

void rows_put_bool(struct rows *rows, bool value)
{
	rows_put_text(rows, value ? "t" : "f");
}

void rows_put_null(struct rows *rows)
{
	rows_put_text(rows, "NULL");
}

void rows_values(struct rows *rows, const char *values[ROWS_COLUMNS_MAX])
{
	CHECK(rows->next == 0);
	for (unsigned i = 0; i < rows->column_cnt; i++) {
		snprintf(rows->text[i] + rows->used[i], 3, "%s", rows->cnt == 0 ? "{}" : "}");
		values[i] = rows->text[i];
	}
}

void rows_clear(struct rows *rows)
{
	rows->cnt = 0;
	rows->next = 0;
	memset(rows->used, 0, sizeof(rows->used));
}

void rows_close(struct rows *rows)
{
	for (unsigned i = 0; i < ROWS_COLUMNS_MAX; i++)
		free(rows->text[i]);
}
