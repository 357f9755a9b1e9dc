#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/support/frames.h"
#include "tools/replay/scrub.h"

static const struct scrub one = {.key = {1, 2, 3}};
static const struct scrub two = {.key = {1, 2, 4}};

static int compare(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a;
	const uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

Test(scrub, makes_no_two_buyers_one)
{
	enum {
		CNT = 100000
	};
	uint64_t *names = malloc(CNT * sizeof(*names));
	unsigned same = 0;

	cr_assert(sodium_init() >= 0);
	for (uint64_t i = 0; i < CNT; i++) {
		names[i] = scrub_buyer(&one, i);
		same += names[i] == i || names[i] == scrub_buyer(&two, i);
	}
	cr_expect_eq(same, 0);
	qsort(names, CNT, sizeof(*names), compare);
	for (unsigned i = 1; i < CNT; i++)
		cr_assert_neq(names[i - 1], names[i]);
	free(names);
}

Test(scrub, is_the_same_in_request_and_reply_and_leaves_the_rest)
{
	uint8_t request[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t before[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t reply[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = frame_datagram(request, 3);
	struct wire_request *now = (struct wire_request *)(request + WIRE_HEADER_BYTES);
	const struct wire_request *was = (struct wire_request *)(before + WIRE_HEADER_BYTES);
	const struct wire_reply *told = (struct wire_reply *)(reply + WIRE_HEADER_BYTES);

	cr_assert(sodium_init() >= 0);
	now[2].id[0] = now[2].id[1] = 0;
	memcpy(before, request, bytes);
	memcpy(reply, request, bytes);
	((struct wire_header *)reply)->kind = WIRE_KIND_REPLY;
	scrub_datagram(&one, request);
	scrub_datagram(&one, reply);
	cr_expect_eq(((struct wire_header *)request)->echo, ((struct wire_header *)reply)->echo);
	cr_expect_neq(((struct wire_header *)request)->echo, ((struct wire_header *)before)->echo);
	for (unsigned i = 0; i < 2; i++) {
		cr_expect_eq(memcmp(now[i].id, told[i].id, 16), 0);
		cr_expect_neq(memcmp(now[i].id, was[i].id, 16), 0);
		cr_expect_neq(now[i].buyer, was[i].buyer);
		cr_expect_eq(now[i].sku, was[i].sku);
		cr_expect_eq(now[i].quantity, was[i].quantity);
		/* An order id stands where a request has its buyer. */
		cr_expect_eq(told[i].order_id, was[i].buyer);
	}
	cr_expect_eq(now[2].id[0] | now[2].id[1], 0);
}
