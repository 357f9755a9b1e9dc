#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/reply.h"
#include "net/tag.h"
#include "tests/support/frames.h"
#include "tools/replay/fresh.h"

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t CAPTURED_NS = UINT64_C(1700000000000000000);
static const uint64_t ENGINE_NS = UINT64_C(1800000000000000000);

enum {
	ENGINE_SALE = 5,
	CAPTURED_SALE = 77,
};

static struct key_ring *ring;
static struct ahead_item item;

static void set_up(void)
{
	const struct key keys[] = {{.id = 7, .bytes = "seven"}, {.id = 9, .bytes = "nine"}};

	ring = calloc(1, sizeof(*ring) + sizeof(keys));
	ring->cnt = 2;
	memcpy(ring->keys, keys, sizeof(keys));
	item = (struct ahead_item){.at_ns = CAPTURED_NS, .kind = CAPTURED_REQUEST};
	item.bytes = frame_datagram(item.datagram, WIRE_ENTRY_CNT_MAX);
}

static void tear_down(void)
{
	free(ring);
}

TestSuite(fresh, .init = set_up, .fini = tear_down);

static struct fresh fresh_for(uint32_t sale, uint32_t captured_sale)
{
	return (struct fresh){
		.keys = ring, .fallback = 1, .sale = sale, .captured_sale = captured_sale};
}

/* A request captured at CAPTURED_NS, issued so long before. */
static void captured(uint64_t age_ns, uint32_t valid_ms, uint32_t sale)
{
	item.bytes = frame_dated(item.datagram, 2, CAPTURED_NS - age_ns, valid_ms, sale);
}

Test(fresh, signs_with_the_fallback_where_the_key_is_another)
{
	struct fresh fresh = fresh_for(ENGINE_SALE, 0);

	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(eq(u32, ((const struct wire_header *)item.datagram)->key_id, 9));
	cr_assert(tag_verify(item.datagram, item.bytes, ring->keys[1].bytes));
	((struct wire_header *)item.datagram)->key_id = 7;
	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(tag_verify(item.datagram, item.bytes, ring->keys[0].bytes));
}

Test(fresh, what_has_no_date_gets_a_new_one)
{
	struct fresh fresh = fresh_for(ENGINE_SALE, CAPTURED_SALE);

	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(eq(u32, item.bytes, WIRE_DATAGRAM_BYTES_MAX));
	cr_assert(eq(u64, wire_date_of(item.datagram).issued_at_ns, ENGINE_NS));
	cr_assert(eq(u32, wire_date_of(item.datagram).valid_ms, FRESH_VALID_MS));
	cr_assert(eq(u32, wire_date_of(item.datagram).sale, ENGINE_SALE));
	cr_assert(eq(u64, wire_requests(item.datagram)[28].id[0], 29));
}

/* A copy that came late comes late again, one dated ahead is ahead. */
Test(fresh, is_as_old_as_it_was)
{
	struct fresh fresh = fresh_for(ENGINE_SALE, 0);

	captured(20 * SECOND_NS, 1234, CAPTURED_SALE);
	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(eq(u64, wire_date_of(item.datagram).issued_at_ns, ENGINE_NS - 20 * SECOND_NS));
	cr_assert(eq(u32, wire_date_of(item.datagram).valid_ms, 1234));
	cr_assert(eq(u32, wire_date_of(item.datagram).sale, ENGINE_SALE));
	captured((uint64_t)-5, 1234, CAPTURED_SALE);
	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(eq(u64, wire_date_of(item.datagram).issued_at_ns, ENGINE_NS + 5));
}

Test(fresh, another_sale_is_another_sale_again)
{
	struct fresh fresh = fresh_for(ENGINE_SALE, CAPTURED_SALE);

	captured(0, 1000, CAPTURED_SALE + 1);
	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(ne(u32, wire_date_of(item.datagram).sale, ENGINE_SALE));
	/* Also one of the very engine that is asked now. */
	captured(0, 1000, ENGINE_SALE);
	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(ne(u32, wire_date_of(item.datagram).sale, ENGINE_SALE));
}

Test(fresh, an_engine_without_dates_gets_what_was_captured)
{
	struct fresh fresh = fresh_for(0, 0);

	fresh_request(&fresh, &item, ENGINE_NS);
	cr_assert(not(wire_is_dated(item.datagram)));
	cr_assert(eq(u32, item.bytes, wire_datagram_bytes(WIRE_ENTRY_CNT_MAX)));
	cr_assert(tag_verify(item.datagram, item.bytes, ring->keys[1].bytes));
}

Test(fresh, a_datagram_names_its_sale_or_none)
{
	cr_assert(eq(u32, fresh_sale_of(CAPTURED_REQUEST, item.datagram), 0));
	wire_replies(item.datagram)->verdict = VERDICT_PONG;
	wire_replies(item.datagram)->order_id = CAPTURED_SALE;
	cr_assert(eq(u32, fresh_sale_of(CAPTURED_REPLY, item.datagram), CAPTURED_SALE));
	captured(0, 1, CAPTURED_SALE);
	cr_assert(eq(u32, fresh_sale_of(CAPTURED_REQUEST, item.datagram), CAPTURED_SALE));
}
