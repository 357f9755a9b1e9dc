#include <criterion/criterion.h>

#include "tools/sink/tables.h"

Test(tables, put_the_schema_in_quotes)
{
	char sql[64];

	tables_expand("SELECT 1 FROM @.a, @.b", "order", sql, sizeof(sql));
	cr_expect_str_eq(sql, "SELECT 1 FROM \"order\".a, \"order\".b");
	tables_expand("", "order", sql, sizeof(sql));
	cr_expect_str_empty(sql);
}
