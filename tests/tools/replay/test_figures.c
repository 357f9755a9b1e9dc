#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "tools/replay/figures.h"
#include "tools/replay/markup.h"

Test(figures, separates_thousands_of_numbers_beyond_64_bits)
{
	cr_expect_str_eq(FIGURE(0), "0");
	cr_expect_str_eq(FIGURE(999), "999");
	cr_expect_str_eq(FIGURE(1000), "1,000");
	cr_expect_str_eq(FIGURE(1000000), "1,000,000");
	cr_expect_str_eq(FIGURE((minor_units)UINT64_MAX + 1), "18,446,744,073,709,551,616");
	cr_expect_str_eq(FIGURE(~(minor_units)0),
			 "340,282,366,920,938,463,463,374,607,431,768,211,455");
	cr_expect_str_eq(FIGURE_PLAIN(~(minor_units)0), "340282366920938463463374607431768211455");
	cr_expect_str_eq(FIGURE_PLAIN(1000), "1000");
}

Test(figures, gives_changes_their_sign)
{
	cr_expect_str_eq(FIGURE_CHANGE(5, 5), "0");
	cr_expect_str_eq(FIGURE_CHANGE(12345, 5), "+12,340");
	cr_expect_str_eq(FIGURE_CHANGE(5, 12345), "-12,340");
	cr_expect_str_eq(FIGURE_CHANGE(0, ~(minor_units)0),
			 "-340,282,366,920,938,463,463,374,607,431,768,211,455");
}

Test(figures, gives_spans_of_time_units_that_fit)
{
	cr_expect_str_eq(FIGURE_SPAN(0), "0.000000 s");
	cr_expect_str_eq(FIGURE_SPAN(412999), "0.000412 s");
	cr_expect_str_eq(FIGURE_SPAN(10000000), "0.010 s");
	cr_expect_str_eq(FIGURE_SPAN(UINT64_C(59999999999)), "59.999 s");
	cr_expect_str_eq(FIGURE_SPAN(UINT64_C(60000000000)), "1 min 00.0 s");
	cr_expect_str_eq(FIGURE_SPAN(UINT64_C(723250000000)), "12 min 03.2 s");
	cr_expect_str_eq(FIGURE_SPAN(UINT64_C(3600000000000)), "1 h 00 min 00 s");
	cr_expect_str_eq(FIGURE_SPAN(UINT64_MAX), "5,124,095 h 34 min 33 s");
}

/* What markup_text makes of a text; the caller frees it. */
static char *marked(const char *text)
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&out, &bytes);

	markup_text(text, file);
	fclose(file);
	return out;
}

Test(figures, shows_any_name_in_a_page)
{
	static const struct {
		const char *text;
		const char *shown;
	} cases[] = {
		{"sku=1 stock=2", "sku=1 stock=2"},
		{"<b>&'\"", "&lt;b&gt;&amp;&#39;&quot;"},
		{"\xe4\xb8\x8b\xe5\x8d\x95 \xc3\xa9 \xf0\x9f\x8d\xb7",
		 "\xe4\xb8\x8b\xe5\x8d\x95 \xc3\xa9 \xf0\x9f\x8d\xb7"},
		{"a\x01"
		 "b\x7f\n",
		 "a&#xfffd;b&#xfffd;&#xfffd;"},
		/* Cut characters, a lone continuation, too long a form, a surrogate, too high. */
		{"\xe4\xb8", "&#xfffd;&#xfffd;"},
		{"\xc3", "&#xfffd;"},
		{"\x80", "&#xfffd;"},
		{"\xc0\xaf", "&#xfffd;&#xfffd;"},
		{"\xed\xa0\x80", "&#xfffd;&#xfffd;&#xfffd;"},
		{"\xf4\x90\x80\x80", "&#xfffd;&#xfffd;&#xfffd;&#xfffd;"},
		{"\xff", "&#xfffd;"},
		{"\xef\xbf\xbf", "&#xfffd;&#xfffd;&#xfffd;"},
		{"\xc2\x85", "&#xfffd;&#xfffd;"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = marked(cases[i].text);

		cr_expect_str_eq(shown, cases[i].shown, "case %zu", i);
		free(shown);
	}
}
