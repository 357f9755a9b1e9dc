#include <criterion/criterion.h>
#include <stdint.h>

#include "tools/sink/rows.h"

static const struct rows_column columns[] = {
	{"lane", "smallint"}, {"at", "timestamptz"}, {"id", "numeric"}, {NULL, NULL}};

Test(rows, become_one_array_a_column)
{
	struct rows rows = {0};
	const char *values[ROWS_COLUMNS_MAX];

	cr_assert_eq(rows_open(&rows, 2, "s.t", columns, "INSERT INTO s.t SELECT * FROM #"), 0);
	rows_values(&rows, values);
	cr_expect_str_eq(values[0], "{}");
	rows_put_u64(&rows, 7);
	/* No more than the server keeps, and never later than it was. */
	rows_put_instant(&rows, UINT64_C(1700000000123456999));
	rows_put_u64(&rows, UINT64_MAX);
	cr_expect_eq(rows.cnt, 1);
	rows_put_u64(&rows, 8);
	rows_put_null(&rows);
	rows_put_u64(&rows, 0);
	cr_expect_eq(rows.cnt, 2);
	rows_values(&rows, values);
	cr_expect_str_eq(values[0], "{7,8}");
	cr_expect_str_eq(values[1], "{2023-11-14T22:13:20.123456Z,NULL}");
	cr_expect_str_eq(values[2], "{18446744073709551615,0}");
	rows_clear(&rows);
	rows_values(&rows, values);
	cr_expect_str_eq(values[2], "{}");
	rows_close(&rows);
}

Test(rows, stand_in_their_statement_with_every_column)
{
	struct rows rows = {0};

	cr_assert_eq(rows_open(&rows, 1, "s.t", columns, "INSERT INTO s.t SELECT * FROM # WHERE #"),
		     0);
	cr_expect_str_eq(rows.sql, "INSERT INTO s.t SELECT * FROM "
				   "unnest($1::smallint[], $2::timestamptz[], $3::numeric[]) "
				   "AS t(lane, at, id) WHERE "
				   "unnest($1::smallint[], $2::timestamptz[], $3::numeric[]) "
				   "AS t(lane, at, id)");
	cr_expect_str_eq(rows.count, "SELECT count(*) FROM s.t AS o JOIN "
				     "unnest($1::smallint[], $2::timestamptz[], $3::numeric[]) "
				     "AS t(lane, at, id) "
				     "USING (lane, at)");
	rows_close(&rows);
}

Test(rows, that_are_not_inserted_are_not_counted)
{
	struct rows rows = {0};

	cr_assert_eq(rows_open(&rows, 1, NULL, columns, "UPDATE t SET a = 1 FROM #"), 0);
	cr_expect_str_empty(rows.count);
	rows_close(&rows);
}
