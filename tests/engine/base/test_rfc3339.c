#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/rfc3339.h"

Test(rfc3339, reads_instants_and_refuses_the_rest)
{
	static const char *const wrong[] = {
		"",
		"2026-11-11",
		"2026-11-11T00:00:00",
		"2026-11-11T24:00:00Z",
		"2026-11-11T00:60:00Z",
		"2026-11-11T00:00:60Z",
		"2026-13-11T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-11-11T00:00:00+8:00",
		"2026-11-11T00:00:00.Z",
		"2026-11-11T00:00:00.1234567890Z",
		"2026-11-11T00:00:00Zx",
		"1970-01-01T00:00:00+01:00",
		"26-11-11T00:00:00Z",
	};
	uint64_t instant_ns;

	cr_assert(eq(int, rfc3339_parse("1970-01-01T00:00:00Z", &instant_ns), 0));
	cr_assert(eq(u64, instant_ns, 0));
	cr_assert(eq(int, rfc3339_parse("2024-02-29t12:30:15.123456789-05:30", &instant_ns), 0));
	cr_assert(eq(u64, instant_ns, UINT64_C(1709229615123456789)));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(ne(int, rfc3339_parse(wrong[i], &instant_ns), 0), "'%s'", wrong[i]);
}

Test(rfc3339, writes_what_it_reads)
{
	static const char *const texts[] = {
		"1970-01-01T00:00:00Z",   "2024-02-29T18:00:15.123456789Z",
		"2026-11-11T00:00:00.5Z", "2026-11-11T00:00:00.000000001Z",
		"2500-12-31T23:59:59Z",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint64_t instant_ns = 0;
		char text[RFC3339_BYTES];

		cr_assert(eq(int, rfc3339_parse(texts[i], &instant_ns), 0), "%s", texts[i]);
		rfc3339_format(instant_ns, text);
		cr_assert(eq(str, text, (char *)texts[i]));
	}
}
