#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/reply.h"
#include "net/tag.h"
#include "tests/support/frames.h"

/* The hex digits of the block behind a marker in WIRE.md, comments left out. Returns the bytes. */
static uint32_t read_example(const char *marker, uint8_t out[WIRE_DATAGRAM_BYTES_MAX])
{
	FILE *file = fopen("net/WIRE.md", "r");
	char line[256];
	uint32_t cnt = 0;
	int fences = 0;
	bool found = false;

	cr_assert(file != NULL, "run the tests from the top of the tree");
	while (fences < 2 && fgets(line, sizeof(line), file) != NULL) {
		char *at = line;

		found |= strstr(line, marker) != NULL;
		if (!found)
			continue;
		if (strncmp(line, "```", 3) == 0) {
			fences++;
			continue;
		}
		line[strcspn(line, "#")] = '\0';
		while (fences == 1 && isxdigit((unsigned char)*at))
			out[cnt++] = (uint8_t)strtoul(at, &at, 16), at += *at == ' ';
	}
	fclose(file);
	return cnt;
}

static uint32_t build_request(uint8_t out[WIRE_DATAGRAM_BYTES_MAX])
{
	static const uint8_t id[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct wire_request request = {
		.buyer = 424242,
		.sku = 1,
		.price_or_order = 5000,
		.channel = 77,
		.quantity = 2,
		.op = WIRE_OP_BUY,
	};

	*(struct wire_header *)out = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = 1,
		.key_id = 1,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = UINT64_C(0x1122334455667788),
	};
	memcpy(request.id, id, sizeof(id));
	memcpy(out + WIRE_HEADER_BYTES, &request, sizeof(request));
	tag_sign(out, wire_datagram_bytes(1), frame_key);
	return wire_datagram_bytes(1);
}

static const uint64_t SOLD_AT_NS = UINT64_C(1794326400000000000);
static const uint32_t SALE = 0x5a1e0001;

/* The same, 2 ms before it was sold, good for 10 s. */
static uint32_t build_dated(uint8_t out[WIRE_DATAGRAM_BYTES_MAX])
{
	(void)build_request(out);
	((struct wire_header *)out)->flags = WIRE_FLAG_DATED;
	*wire_date(out) = (struct wire_date){
		.issued_at_ns = SOLD_AT_NS - 2000000,
		.valid_ms = 10000,
		.sale = SALE,
	};
	tag_sign(out, wire_dated_bytes(1), frame_key);
	return wire_dated_bytes(1);
}

Test(wire, request_of_the_document_byte_for_byte)
{
	uint8_t want[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t built[WIRE_DATAGRAM_BYTES_MAX];

	cr_assert(eq(u32, read_example("example: request", want), WIRE_DATAGRAM_BYTES_MIN));
	cr_assert(eq(u32, build_request(built), WIRE_DATAGRAM_BYTES_MIN));
	cr_assert(memcmp(want, built, WIRE_DATAGRAM_BYTES_MIN) == 0);
}

static void make_reply(uint8_t *built)
{
	struct wire_reply *reply = wire_replies(built);

	reply->order_id = 2;
	reply->unit_price = 4990;
	reply->instant_ns = SOLD_AT_NS;
	reply->stock_left = 14998;
	reply->quantity = 2;
	reply->verdict = VERDICT_ACCEPTED;
	reply->durability = DURABILITY_DURABLE;
	reply_header(built, 0, WIRE_SHARD_MAP_VERSION);
}

/* The same buyer, who takes it only if it is free. */
Test(wire, request_of_at_most_0_of_the_document_byte_for_byte)
{
	uint8_t want[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t built[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = build_request(built);

	wire_requests(built)->price_or_order = 0;
	wire_requests(built)->flags = WIRE_ENTRY_AT_MOST_0;
	tag_sign(built, bytes, frame_key);
	cr_assert(eq(u32, read_example("example: free request", want), bytes));
	cr_assert(memcmp(want, built, bytes) == 0);
}

Test(wire, reply_of_the_document_byte_for_byte)
{
	uint8_t want[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t built[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = build_request(built);

	make_reply(built);
	tag_sign(built, bytes, frame_key);
	cr_assert(eq(u32, read_example("example: reply", want), bytes));
	cr_assert(memcmp(want, built, bytes) == 0);
}

Test(wire, dated_request_and_reply_of_the_document_byte_for_byte)
{
	uint8_t want[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t built[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = build_dated(built);

	cr_assert(eq(u32, bytes, WIRE_DATAGRAM_BYTES_MIN + WIRE_DATE_BYTES));
	cr_assert(eq(u32, read_example("example: dated request", want), bytes));
	cr_assert(memcmp(want, built, bytes) == 0);
	make_reply(built);
	wire_date(built)->issued_at_ns = SOLD_AT_NS;
	tag_sign(built, bytes, frame_key);
	cr_assert(eq(u32, read_example("example: dated reply", want), bytes));
	cr_assert(memcmp(want, built, bytes) == 0);
}

static void build_of_hold(uint8_t out[WIRE_DATAGRAM_BYTES_MAX], uint8_t id_first,
			  uint64_t price_or_order, uint16_t quantity, uint8_t op)
{
	const uint32_t bytes = build_request(out);
	struct wire_request *request = wire_requests(out);
	uint8_t id[16];

	for (uint8_t i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)(id_first + i);
	memcpy(request->id, id, sizeof(id));
	request->price_or_order = price_or_order;
	request->quantity = quantity;
	request->op = op;
	tag_sign(out, bytes, frame_key);
}

/* Its answer, of the order 3, in place. */
static void answer_of_hold(uint8_t *built, uint64_t instant_ns, uint32_t left, uint16_t quantity,
			   uint8_t verdict)
{
	make_reply(built);
	wire_replies(built)->order_id = 3;
	wire_replies(built)->instant_ns = instant_ns;
	wire_replies(built)->stock_left = left;
	wire_replies(built)->quantity = quantity;
	wire_replies(built)->verdict = verdict;
	tag_sign(built, WIRE_DATAGRAM_BYTES_MIN, frame_key);
}

static void check_example(const char *marker, const uint8_t *built)
{
	uint8_t want[WIRE_DATAGRAM_BYTES_MAX];

	cr_assert(eq(u32, read_example(marker, want), WIRE_DATAGRAM_BYTES_MIN), "%s", marker);
	cr_assert(memcmp(want, built, WIRE_DATAGRAM_BYTES_MIN) == 0, "%s", marker);
}

Test(wire, hold_and_its_payment_of_the_document_byte_for_byte)
{
	const uint64_t minute_ns = UINT64_C(60000000000);
	uint8_t built[WIRE_DATAGRAM_BYTES_MAX];

	build_of_hold(built, 0xa0, 5000, 2, WIRE_OP_HOLD);
	check_example("example: hold request", built);
	answer_of_hold(built, SOLD_AT_NS + 10 * minute_ns, 14996, 2, VERDICT_HELD);
	check_example("example: hold reply", built);
	build_of_hold(built, 0xb0, 3, 1, WIRE_OP_CONFIRM);
	check_example("example: confirm request", built);
	answer_of_hold(built, SOLD_AT_NS + 5 * minute_ns, 14997, 1, VERDICT_CONFIRMED);
	check_example("example: confirm reply", built);
}

/* A journal's, and never none. */
Test(wire, sale_is_a_fold_of_the_journal)
{
	cr_assert(eq(u32, wire_sale_of(1), 0x5692161dU ^ 0x100b05e5U));
	cr_assert(ne(u32, wire_sale_of(1), wire_sale_of(2)));
	cr_assert(eq(u32, wire_sale_of(0), 1));
}

/* Of the reference implementation, vectors_sip128[0] and [15]. */
Test(wire, tag_is_siphash_2_4_128)
{
	static const uint8_t of_nothing[] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
					     0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
	static const uint8_t of_fifteen[] = {0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11,
					     0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf, 0xc3, 0xd9};
	uint8_t data[15 + WIRE_TAG_BYTES];

	tag_sign(data, WIRE_TAG_BYTES, frame_key);
	cr_assert(memcmp(data, of_nothing, sizeof(of_nothing)) == 0);
	for (uint8_t i = 0; i < 15; i++)
		data[i] = i;
	tag_sign(data, sizeof(data), frame_key);
	cr_assert(memcmp(data + 15, of_fifteen, sizeof(of_fifteen)) == 0);
}

Test(wire, any_flipped_bit_breaks_the_tag)
{
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = frame_datagram(datagram, 1);

	cr_assert(tag_verify(datagram, bytes, frame_key));
	for (uint32_t bit = 0; bit < bytes * 8; bit++) {
		datagram[bit / 8] ^= (uint8_t)(1U << bit % 8);
		cr_assert(not(tag_verify(datagram, bytes, frame_key)));
		datagram[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

Test(wire, shards_as_the_document_says)
{
	uint32_t cnt[7] = {0};

	cr_assert(eq(u64, mix64(1), UINT64_C(0x5692161d100b05e5)));
	cr_assert(eq(u16, wire_shard_of(1, 4), 1));
	cr_assert(eq(u16, wire_shard_of(2, 4), 3));
	for (uint64_t sku = 0; sku < 70000; sku++) {
		const uint16_t shard = wire_shard_of(sku, 7);

		cr_assert(lt(u16, shard, 7));
		cnt[shard]++;
	}
	for (unsigned i = 0; i < 7; i++)
		cr_assert(all(gt(u32, cnt[i], 9500), lt(u32, cnt[i], 10500)));
}

Test(wire, verdicts_lie_in_their_ranges)
{
	cr_assert(eq(int, VERDICT_ACCEPTED, 1));
#define VERDICT(name, value, text)                                                                 \
	cr_assert(eq(str, (char *)verdict_name(value), #name));                                    \
	cr_assert(eq(str, (char *)verdict_text(value), text));
#include "net/verdict.def"
#undef VERDICT
	cr_assert(eq(str, (char *)verdict_name(0), "UNKNOWN"));
}
