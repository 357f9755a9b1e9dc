/* Lines that baskets have in other shards. */
#include <errno.h>

#include "engine/sale/links.h"
#include "tests/support/prepare_fixture.h"

TestSuite(sale_links, .init = open_shards, .fini = close_shards);

static void link_to(uint64_t id, uint16_t line_shard, uint64_t first_lsn, bool goes_on)
{
	const struct snapshot_link line = {.request_id = {id, 7},
					   .buyer = ANN,
					   .sku = 50 + id,
					   .first_lsn = first_lsn,
					   .shard = line_shard,
					   .goes_on = goes_on};

	link_commit(shard, &line, BEGIN_NS + SECOND_NS, &slot);
	cr_assert(eq(u8, slot.kind, RECORD_LINK));
	follow(&slot);
}

/* With room for as many links; three shards. */
static void open_for(uint64_t link_cnt)
{
	close_shards();
	shard_cnt = 3;
	open_of_size(&(struct shard_size){.offer_cnt = 10,
					  .order_cnt = 20,
					  .buyer_cnt = 40,
					  .hold_cnt = 20,
					  .change_cnt = 20,
					  .link_cnt = link_cnt});
}

Test(sale_links, are_found_by_lsn_and_by_line)
{
	const uint64_t id[2] = {2, 7};
	const uint64_t other[2] = {2, 8};
	bool refund = true;

	open_for(5);
	GETS(ACCEPTED, ask(1, WIRE_OP_BUY, ANN, JUG, 1, 0));
	link_to(1, 1, FIRST, true);
	link_to(2, 2, FIRST, false);
	GETS(ACCEPTED, ask(1, WIRE_OP_BUY, BOB, JUG, 1, 0));
	link_to(3, 1, FIRST + 3, false);
	cr_assert(eq(ptr, (void *)links_find(&shard->links, FIRST), NULL));
	cr_assert(eq(u64, links_find(&shard->links, FIRST + 1)->request_id[0], 1));
	cr_assert(eq(u64, links_find(&shard->links, FIRST + 1)->goes_on, 1));
	cr_assert(eq(u64, links_find(&shard->links, FIRST + 2)->goes_on, 0));
	cr_assert(eq(ptr, (void *)links_find(&shard->links, FIRST + 3), NULL));
	cr_assert(eq(u64, links_find(&shard->links, FIRST + 4)->first_lsn, FIRST + 3));
	cr_assert(eq(ptr, (void *)links_find(&shard->links, FIRST + 5), NULL));
	cr_assert(links_decided(shard, id, 52, 2, &refund));
	cr_assert(not(refund));
	cr_assert(not(links_decided(shard, id, 52, 1, &refund)), "in another shard");
	cr_assert(not(links_decided(shard, id, 53, 2, &refund)), "of another SKU");
	cr_assert(not(links_decided(shard, other, 52, 2, &refund)), "of another request");
}

/* A basket's first line says how its payment ended. */
Test(sale_links, say_whether_the_basket_was_a_refund)
{
	const uint64_t id[2] = {1, 7};
	bool refund = false;
	uint8_t verdict;

	open_for(2);
	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	cr_assert(eq(int,
		     (int)prepare_late(1, WIRE_OP_CONFIRM, ANN, &(struct line){RED, 2, FIRST}, 1,
				       true, &verdict),
		     BASKET_COMMITS));
	commit_at(1, places[0], true);
	link_to(1, 1, shard_next_lsn(shard) - 1, false);
	cr_assert(links_decided(shard, id, 51, 1, &refund));
	cr_assert(refund);
}

Test(sale_links, never_outgrow_their_table)
{
	const char *why = "";

	open_for(2);
	cr_assert(all(links_has_room(shard, 2), not(links_has_room(shard, 3))));
	link_to(1, 1, FIRST - 1, false);
	cr_assert(all(links_has_room(shard, 1), not(links_has_room(shard, 2))));
	link_to(2, 1, FIRST, false);
	cr_assert(not(links_has_room(shard, 1)));
	slot.change.order_lsn = FIRST + 1;
	cr_assert(eq(int, shard_apply(shard, FIRST + 2, &slot, &why), -ENOSPC));
	shard_clear(shard);
	cr_assert(links_has_room(shard, 2));
}

static void expect_bad(const struct record *record, const char *wanted)
{
	const char *why = "";

	cr_assert(eq(int, copy_anew(shard, spare, &why), 0));
	cr_assert(eq(int, shard_apply(spare, shard_next_lsn(spare), record, &why), -EBADMSG), "%s",
		  wanted);
	cr_assert(eq(str, (char *)why, (char *)wanted));
}

/* The same of an entry of a checkpoint. */
static void expect_bad_entry(const struct snapshot_link *link, const char *wanted)
{
	const char *why = "";

	cr_assert(eq(int, copy_anew(shard, spare, &why), 0));
	cr_assert(eq(int, shard_load_links(spare, link, 1, &why), -EBADMSG), "%s", wanted);
	cr_assert(eq(str, (char *)why, (char *)wanted));
}

#define BAD(text, change)                                                                          \
	do {                                                                                       \
		struct record bad = good;                                                          \
                                                                                                   \
		change;                                                                            \
		expect_bad(&bad, text);                                                            \
	} while (false)

#define BAD_ENTRY(text, change)                                                                    \
	do {                                                                                       \
		struct snapshot_link bad = entry;                                                  \
                                                                                                   \
		change;                                                                            \
		expect_bad_entry(&bad, text);                                                      \
	} while (false)

Test(sale_links, that_cannot_be_are_refused)
{
	struct snapshot_link entry;
	struct record good;

	open_for(9);
	for (unsigned i = 0; i < WIRE_ENTRY_CNT_MAX; i++)
		GETS(UNKNOWN_SKU, ask(1, WIRE_OP_BUY, ANN, 0, 1, 0));
	link_to(1, 2, FIRST - 1, true);
	good = slot;
	good.change.order_lsn++;
	BAD("link with reserved bytes in use", bad.channel = 1);
	BAD("link with reserved bytes in use", bad.unit_price = 1);
	BAD("link to an impossible shard", bad.quantity = 0);
	BAD("link to an impossible shard", bad.quantity = 3);
	BAD("link without a request id", bad.change.request_id[0] = bad.change.request_id[1] = 0);
	BAD("link of a basket that does not begin before it", bad.change.order_lsn = 0);
	BAD("link of a basket that does not begin before it", bad.change.order_lsn = FIRST + 1);
	BAD("record with unknown flags", bad.flags |= RECORD_WAS_PREPARED);
	shard_save_links(shard, 0, 1, &entry);
	BAD_ENTRY("links that are not in lane order", bad.goes_on = 1);
	entry.lsn++;
	entry.first_lsn++;
	BAD_ENTRY("link with reserved bytes in use", bad.goes_on = 2);
	BAD_ENTRY("link with reserved bytes in use", bad.reserved = 1);
	BAD_ENTRY("link to an impossible shard", bad.shard = 3);
	BAD_ENTRY("link of a basket that does not begin before it", bad.first_lsn = bad.lsn);
	BAD_ENTRY("link of a basket that does not begin before it",
		  bad.lsn = bad.first_lsn + WIRE_ENTRY_CNT_MAX);
	apply(good);
}
