#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/metrics_text.h"

Test(metrics_text, is_what_the_format_says)
{
	static const double bounds[] = {0.0001, 0.25, 1};
	static const uint64_t cells[] = {3, 0, 2, 1};
	const struct metrics_label lane[] = {{"lane", "0"}, {"kind", "a"}, {0}};
	struct metrics_text text = {0};

	metrics_text_family(&text, "sale_frames_total", METRICS_COUNTER, "Frames.");
	metrics_text_u64(&text, NULL, UINT64_MAX);
	metrics_text_family(&text, "sale_share", METRICS_GAUGE, "A share.");
	metrics_text_f64(&text, lane, 0.1);
	metrics_text_f64(&text, lane + 1, -1e-9);
	metrics_text_family(&text, "sale_write_seconds", METRICS_HISTOGRAM, "Writes.");
	metrics_text_histogram(&text, NULL, bounds, cells, 3, 7.5);
	metrics_text_histogram(&text, lane, bounds, cells, 3, 7.5);
	cr_assert(eq(str, text.text,
		     "# HELP sale_frames_total Frames.\n"
		     "# TYPE sale_frames_total counter\n"
		     "sale_frames_total 18446744073709551615\n"
		     "# HELP sale_share A share.\n"
		     "# TYPE sale_share gauge\n"
		     "sale_share{lane=\"0\",kind=\"a\"} 0.1\n"
		     "sale_share{kind=\"a\"} -1e-09\n"
		     "# HELP sale_write_seconds Writes.\n"
		     "# TYPE sale_write_seconds histogram\n"
		     "sale_write_seconds_bucket{le=\"0.0001\"} 3\n"
		     "sale_write_seconds_bucket{le=\"0.25\"} 3\n"
		     "sale_write_seconds_bucket{le=\"1\"} 5\n"
		     "sale_write_seconds_bucket{le=\"+Inf\"} 6\n"
		     "sale_write_seconds_sum 7.5\n"
		     "sale_write_seconds_count 6\n"
		     "sale_write_seconds_bucket{lane=\"0\",kind=\"a\",le=\"0.0001\"} 3\n"
		     "sale_write_seconds_bucket{lane=\"0\",kind=\"a\",le=\"0.25\"} 3\n"
		     "sale_write_seconds_bucket{lane=\"0\",kind=\"a\",le=\"1\"} 5\n"
		     "sale_write_seconds_bucket{lane=\"0\",kind=\"a\",le=\"+Inf\"} 6\n"
		     "sale_write_seconds_sum{lane=\"0\",kind=\"a\"} 7.5\n"
		     "sale_write_seconds_count{lane=\"0\",kind=\"a\"} 6\n"));
	cr_assert(eq(sz, text.bytes, strlen(text.text)));
	cr_assert(not(text.failed));
	metrics_text_free(&text);
	cr_assert(text.text == NULL);
}

Test(metrics_text, escapes_what_would_end_a_line_or_a_value)
{
	const struct metrics_label path[] = {{"path", "a\\b\"c\nd\xc3\xa9{},="}, {0}};
	struct metrics_text text = {0};

	metrics_text_family(&text, "x", METRICS_GAUGE, "Back\\slash, \"quote\",\nline.");
	metrics_text_u64(&text, path, 1);
	cr_assert(eq(str, text.text,
		     "# HELP x Back\\\\slash, \"quote\",\\nline.\n"
		     "# TYPE x gauge\n"
		     "x{path=\"a\\\\b\\\"c\\nd\xc3\xa9{},=\"} 1\n"));
	metrics_text_free(&text);
}

Test(metrics_text, numbers_read_back_as_they_were)
{
	static const double values[] = {0, -0.5, 1.0 / 3, 1e300, 5e-324, 0.000123456789012345678};
	struct metrics_text text = {0};

	metrics_text_family(&text, "x", METRICS_GAUGE, "X.");
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const size_t before = text.bytes;
		double back = NAN;

		metrics_text_f64(&text, NULL, values[i]);
		cr_assert(eq(int, sscanf(text.text + before, "x %lf\n", &back), 1));
		cr_assert(back == values[i], "%s", text.text + before);
	}
	metrics_text_free(&text);
}

Test(metrics_text, says_what_is_no_number)
{
	struct metrics_text text = {0};

	metrics_text_family(&text, "x", METRICS_GAUGE, "X.");
	metrics_text_f64(&text, NULL, NAN);
	metrics_text_f64(&text, NULL, INFINITY);
	metrics_text_f64(&text, NULL, -INFINITY);
	cr_assert(strstr(text.text, "\nx NaN\nx +Inf\nx -Inf\n") != NULL);
	metrics_text_free(&text);
}

Test(metrics_text, grows_as_long_as_there_is_memory)
{
	char help[1001];
	struct metrics_text text = {0};

	memset(help, 'h', sizeof(help) - 1);
	help[sizeof(help) - 1] = '\0';
	for (unsigned i = 0; i < 1000; i++)
		metrics_text_family(&text, "x", METRICS_GAUGE, help);
	metrics_text_add(&text, "%s %d\n", help, 42);
	cr_assert(eq(sz, text.bytes, strlen(text.text)));
	cr_assert(eq(sz, text.bytes, 1000 * (1000 + strlen("# HELP x \n# TYPE x gauge\n")) + 1004));
	cr_assert(eq(str, text.text + text.bytes - 4, " 42\n"));
	metrics_text_free(&text);
}
