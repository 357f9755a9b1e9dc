#include <criterion/criterion.h>
#include <string.h>

#include "tools/sink/sqlstate.h"

Test(sqlstate, knows_what_passes)
{
	static const char *const codes[] = {"08000", "08006", "08P01", "25006", "25P03", "25P04",
					    "40001", "40003", "40P01", "53100", "53200", "53300",
					    "55P03", "57014", "57P01", "57P03", "57P05"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		cr_expect(sqlstate_passes(codes[i]), "%s", codes[i]);
}

Test(sqlstate, knows_what_does_not_pass)
{
	static const char *const codes[] = {"00000", "22003", "23505", "25001", "25P02",
					    "28P01", "3D000", "42501", "42P01", "57000",
					    "58030", "P0001", "XX000"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		cr_expect(!sqlstate_passes(codes[i]), "%s", codes[i]);
}

Test(sqlstate, names_the_remedy_of_a_code_before_that_of_its_class)
{
	cr_expect(strstr(sqlstate_remedy("23502"), "default") != NULL);
	cr_expect(strstr(sqlstate_remedy("23505"), "constraint") != NULL);
	cr_expect(strstr(sqlstate_remedy("28P01"), "password") != NULL);
	cr_expect_str_empty(sqlstate_remedy("XX000"));
}

Test(sqlstate, finds_the_code_in_a_text)
{
	char code[SQLSTATE_BYTES];

	cr_assert(sqlstate_find("connection to server on socket \"/run/x:  y\" failed: FATAL:  "
				"28P01: password authentication failed",
				code));
	cr_expect_str_eq(code, "28P01");
	/* The severity is in the server's language. */
	cr_assert(sqlstate_find("failed: SCHWERWIEGEND:  57P03: das System startet", code));
	cr_expect_str_eq(code, "57P03");
	cr_expect(
		!sqlstate_find("connection to server at \"db\" failed: Connection refused", code));
	cr_expect(!sqlstate_find("FATAL:  28P0", code));
	cr_expect(!sqlstate_find("", code));
}
