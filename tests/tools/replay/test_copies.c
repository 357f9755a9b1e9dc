#include <criterion/criterion.h>

#include <string.h>

#include "tests/support/frames.h"
#include "tools/replay/copies.h"

static uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];

static struct captured request(uint64_t at_ns)
{
	return (struct captured){
		.at_ns = at_ns,
		.datagram = datagram,
		.bytes = frame_datagram(datagram, 2),
		.kind = CAPTURED_REQUEST,
	};
}

/* What was seen at 1 s, and then. */
static const struct {
	const char *what;
	struct captured first;
	struct captured second;
	bool copy;
} cases[] = {
	{"at once", {.at_ns = 0}, {.at_ns = 0}, true},
	{"within the window", {.at_ns = 0}, {.at_ns = COPIES_WINDOW_NS}, true},
	{"a clock behind", {.at_ns = COPIES_WINDOW_NS}, {.at_ns = 0}, true},
	{"a retry after 10 ms", {.at_ns = 0}, {.at_ns = 10000000}, false},
	{"just outside", {.at_ns = 0}, {.at_ns = COPIES_WINDOW_NS + 1}, false},
	{"the same IP packet", {.ip_id = 7}, {.at_ns = 900, .ip_id = 7}, true},
	{"another IP packet", {.ip_id = 7}, {.at_ns = 900, .ip_id = 8}, false},
	{"no identification", {.ip_id = 7}, {.at_ns = 900}, true},
	{"on another interface", {.point = 17}, {.at_ns = 900, .point = 25}, true},
	{"on the same again", {.point = 17}, {.at_ns = 900, .point = 17}, false},
	{"there again, the same IP packet",
	 {.ip_id = 7, .point = 17},
	 {.at_ns = 900, .ip_id = 7, .point = 17},
	 true},
	{"in a tunnel once", {.point = 17}, {.at_ns = 900}, true},
	{"another shard's", {.shard = 0}, {.at_ns = 900, .shard = 1}, false},
};

Test(copies, are_told_from_what_is_sent_anew)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct copies *copies = copies_open(COPIES_WINDOW_NS);
		struct captured first = request(UINT64_C(1000000000) + cases[i].first.at_ns);
		struct captured second = request(UINT64_C(1000000000) + cases[i].second.at_ns);

		first.ip_id = cases[i].first.ip_id;
		first.point = cases[i].first.point;
		second.ip_id = cases[i].second.ip_id;
		second.point = cases[i].second.point;
		second.shard = cases[i].second.shard;
		cr_expect_not(copies_is_one(copies, &first));
		cr_expect_eq(copies_is_one(copies, &second), cases[i].copy, "%s", cases[i].what);
		copies_close(copies);
	}
}

Test(copies, differ_in_no_byte)
{
	struct copies *copies = copies_open(COPIES_WINDOW_NS);
	const struct captured captured = request(1);

	cr_expect_not(copies_is_one(copies, &captured));
	for (uint32_t i = 0; i < captured.bytes; i++) {
		datagram[i] ^= 1;
		cr_expect_not(copies_is_one(copies, &captured), "byte %u", i);
		datagram[i] ^= 1;
	}
	cr_expect(copies_is_one(copies, &captured));
	copies_close(copies);
}

/* A request and its retry, each seen on three interfaces, the two mixed; and once more after that.
 */
Test(copies, of_a_retry_are_copies_of_the_retry)
{
	static const uint16_t points[] = {10, 10, 20, 20, 30, 30};
	struct copies *copies = copies_open(COPIES_WINDOW_NS);
	struct captured captured = request(1000000000);
	unsigned given = 0;

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		captured.at_ns += 1000;
		captured.point = points[i];
		given += !copies_is_one(copies, &captured);
	}
	cr_expect_eq(given, 2);
	captured.point = 0;
	captured.at_ns += 20000000;
	for (unsigned i = 0; i < 3; i++) {
		captured.at_ns += 900;
		given += !copies_is_one(copies, &captured);
	}
	cr_expect_eq(given, 3);
	copies_close(copies);
}

Test(copies, are_found_among_many)
{
	struct copies *copies = copies_open(COPIES_WINDOW_NS);
	struct captured captured = request(1000000000);
	uint32_t copies_cnt = 0;
	const uint32_t cnt = COPIES_REMEMBERED / 4;

	for (uint32_t i = 0; i < 2 * cnt; i++) {
		const uint32_t number = i % cnt;

		memcpy(datagram + 16, &number, sizeof(number));
		copies_cnt += copies_is_one(copies, &captured);
	}
	/* A bucket here and there had too many. */
	cr_expect_gt(copies_cnt, cnt - cnt / 100);
	copies_close(copies);
}

Test(copies, have_a_window_of_any_size)
{
	struct copies *copies = copies_open(0);
	struct captured captured = request(1000000000);

	cr_expect_not(copies_is_one(copies, &captured));
	cr_expect(copies_is_one(copies, &captured));
	captured.at_ns++;
	cr_expect_not(copies_is_one(copies, &captured));
	copies_close(copies);
	copies = copies_open(1000000000);
	cr_expect_not(copies_is_one(copies, &captured));
	captured.at_ns += 1000000000;
	cr_expect(copies_is_one(copies, &captured));
	copies_close(copies);
}
