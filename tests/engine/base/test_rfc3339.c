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
		"2026-13-11T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-11-11T00:00:00+8:00",
		"2026-11-11T00:00:00+08:",
		"2026-11-11T00:00:00+080",
		"2026-11-11T00:00:00.Z",
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

Test(rfc3339, says_what_it_refuses)
{
	static const struct {
		const char *text;
		enum rfc3339_result result;
	} cases[] = {
		{"yesterday", RFC3339_NO_INSTANT},
		{"2026-11-11T00:00:00", RFC3339_NO_ZONE},
		{"2026-02-30T00:00:00Z", RFC3339_NO_SUCH_DAY},
		{"2026-11-11T00:00:60Z", RFC3339_NO_LEAP_SECOND},
		{"2026-11-10T23:59:60Z", RFC3339_NO_LEAP_SECOND},
		{"2016-12-31T23:59:60+01:00", RFC3339_NO_LEAP_SECOND},
		{"0001-01-01T00:00:00Z", RFC3339_TOO_EARLY},
		{"1969-12-31T23:59:59Z", RFC3339_TOO_EARLY},
		{"2501-01-01T00:00:00Z", RFC3339_TOO_LATE},
		{"9999-12-31T23:59:59.9999999Z", RFC3339_TOO_LATE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t instant_ns = 7;

		cr_expect(eq(int, rfc3339_parse(cases[i].text, &instant_ns), cases[i].result), "%s",
			  cases[i].text);
		cr_expect(eq(u64, instant_ns, 7), "%s", cases[i].text);
	}
}

/* A leap second is the instant after it; less than a ns is cut off; zones of other programs. */
Test(rfc3339, reads_what_other_programs_write)
{
	static const struct {
		const char *text;
		const char *same;
	} cases[] = {
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00Z"},
		{"2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00Z"},
		{"2026-11-11T00:00:00.1234567899Z", "2026-11-11T00:00:00.123456789Z"},
		{"2026-11-11T00:00:00.500000000000000Z", "2026-11-11T00:00:00.5Z"},
		{"2026-11-11 00:00:00+08", "2026-11-10T16:00:00Z"},
		{"2026-11-11T00:00:00+0530", "2026-11-10T18:30:00Z"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t instant_ns = 0;
		char text[RFC3339_BYTES];

		cr_expect(eq(int, rfc3339_parse(cases[i].text, &instant_ns), 0), "%s",
			  cases[i].text);
		rfc3339_format(instant_ns, text);
		cr_expect(eq(str, text, (char *)cases[i].same));
	}
}
