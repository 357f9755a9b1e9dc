#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/base/limits.h"
#include "tools/sink/tables.h"

Test(tables, put_the_schema_in_quotes)
{
	char sql[64];

	tables_expand("SELECT 1 FROM @.a, @.b", "order", sql, sizeof(sql));
	cr_expect_str_eq(sql, "SELECT 1 FROM \"order\".a, \"order\".b");
	tables_expand("", "order", sql, sizeof(sql));
	cr_expect_str_empty(sql);
}

/* A table of an earlier version gets the columns that a new one is made with. */
Test(tables, an_older_table_gets_what_a_new_one_has)
{
	static const char *const columns[] = {
		"state",       "held",       "sold",       "returned",      "written_off",
		"refunded",    "extended",   "ends_at",    "ends_at_ns",    "since_lsn",
		"changed_lsn", "changed_at", "extensions", "extend_seconds"};
	char made[TABLES_SQL_BYTES] = "";
	char changed[TABLES_SQL_BYTES] = "";
	char wanted[64];
	size_t used[2] = {0, 0};

	for (const struct tables_step *step = tables_steps; step->name != NULL; step++) {
		const bool change = tables_is_change(step);

		used[change] += (size_t)snprintf((change ? changed : made) + used[change],
						 TABLES_SQL_BYTES - used[change], "%s", step->make);
		cr_assert_lt(used[change], TABLES_SQL_BYTES);
	}
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		snprintf(wanted, sizeof(wanted), " %s ", columns[i]);
		cr_expect_not_null(strstr(made, wanted), "no new table has%s", wanted);
		snprintf(wanted, sizeof(wanted), "ADD COLUMN %s ", columns[i]);
		cr_expect_not_null(strstr(changed, wanted), "nobody gets %s", wanted);
	}
}

/* What its owner must run is shown whole. */
Test(tables, what_an_owner_must_run_fits_into_an_error)
{
	for (const struct tables_step *step = tables_steps; step->name != NULL; step++) {
		if (tables_is_change(step))
			cr_expect_lt(strlen(step->make) + 64 * 2 + 128, ERROR_BYTES, "%s",
				     step->name);
	}
}
