/* Lines that wait for other shards, and what becomes of them. */
#include "tests/support/prepare_fixture.h"

TestSuite(sale_prepare, .init = open_shards, .fini = close_shards);

Test(sale_prepare, a_purchase_is_held_until_it_is_decided)
{
	struct shard_totals totals;

	cr_assert(eq(u64, prepare(1, WIRE_OP_BUY, ANN, JUG, 2, 0, VERDICT_ACCEPTED), FIRST));
	cr_assert(all(eq(u8, slot.flags, RECORD_ORDER), eq(u16, slot.quantity, 2)));
	check_units(JUG, 1, 2, 0);
	shard_totals(shard, &totals);
	cr_assert(all(eq(u64, totals.prepared, 1), eq(u64, totals.units_prepared, 2),
		      eq(u64, totals.units_held, 2), eq(u64, totals.orders, 0)));
	GETS(SOLD_OUT, ask(2, WIRE_OP_BUY, BOB, JUG, 2, 0));
	GETS(ACCEPTED, commit(3));
	cr_assert(eq(u8, slot.kind, RECORD_ORDER));
	check_units(JUG, 1, 0, 2);

	prepare(4, WIRE_OP_HOLD, BOB, CUP, 1, 0, VERDICT_HELD);
	check_units(CUP, 3, 1, 0);
	shard_totals(shard, &totals);
	cr_assert(all(eq(u64, totals.open_holds, 0), eq(u64, totals.units_prepared, 1)));
	GETS(HELD, commit(5));
	check_units(CUP, 3, 1, 0);
	shard_totals(shard, &totals);
	cr_assert(all(eq(u64, totals.open_holds, 1), eq(u64, totals.prepared, 0)));
	/* Ten seconds from its record on. */
	cr_assert(eq(u32, expire(14), 0));
	cr_assert(eq(u32, expire(16), 1));
}

Test(sale_prepare, what_comes_to_nothing_leaves_nothing)
{
	const struct shard_hash before = shard_hash(shard);
	struct wire_request request;
	struct decision decision;
	struct shard_hash after;

	prepare(1, WIRE_OP_BUY, ANN, CUP, 2, 0, VERDICT_ACCEPTED);
	abort_at(2, places[0]);
	check_units(CUP, 4, 0, 0);
	prepare(2, WIRE_OP_HOLD, ANN, RED, 3, 0, VERDICT_HELD);
	abort_at(2, places[0]);
	check_units(RED, 5, 0, 0);
	/* But for the next LSN. */
	shard->next_lsn = FIRST;
	shard->last_at_ns = BEGIN_NS;
	after = shard_hash(shard);
	cr_assert(all(eq(u64, before.low, after.low), eq(u64, before.high, after.high)));
	shard->next_lsn = FIRST + 4;
	shard->last_at_ns = BEGIN_NS + 2 * SECOND_NS;
	/* The same request may be asked again, and the limits are whole. */
	request = request_of(WIRE_OP_BUY, ANN, &(struct line){CUP, 2, 0});
	request.id[0] = 1;
	request.id[1] = ~UINT64_C(1);
	GETS(ACCEPTED, ask_again(3, &request, &decision));
	GETS(HELD, ask(3, WIRE_OP_HOLD, ANN, BLUE, 3, 0));
}

Test(sale_prepare, a_request_that_waits_is_under_way)
{
	struct wire_request request = request_of(WIRE_OP_BUY, ANN, &(struct line){JUG, 1, 0});
	struct decision decision;

	ids--;
	prepare(1, WIRE_OP_BUY, ANN, JUG, 1, 0, VERDICT_ACCEPTED);
	GETS(UNDER_WAY, ask_again(2, &request, &decision));
	/* Also with another content: nothing is known of it yet. */
	request.quantity = 2;
	GETS(UNDER_WAY, ask_again(2, &request, &decision));
	GETS(ACCEPTED, commit(3));
	request.quantity = 1;
	GETS(ACCEPTED, ask_again(4, &request, &decision));
	cr_assert(eq(u64, decision.order_id, FIRST + 1));
	cr_assert(eq(u64, decision.instant_ns, BEGIN_NS + 3 * SECOND_NS));
}

Test(sale_prepare, limits_count_what_waits)
{
	prepare(1, WIRE_OP_BUY, ANN, CUP, 1, 0, VERDICT_ACCEPTED);
	GETS(LIMIT_REACHED, refused(1, WIRE_OP_BUY, ANN, CUP, 2, 0));
	GETS(LIMIT_REACHED, ask(1, WIRE_OP_BUY, ANN, CUP, 2, 0));
	abort_at(2, places[0]);
	prepare(3, WIRE_OP_BUY, ANN, CUP, 2, 0, VERDICT_ACCEPTED);
	GETS(ACCEPTED, commit(3));
	GETS(LIMIT_REACHED, ask(3, WIRE_OP_BUY, ANN, CUP, 1, 0));
	/* Of a group, over its SKUs. */
	prepare(4, WIRE_OP_HOLD, ANN, RED, 2, 0, VERDICT_HELD);
	GETS(LIMIT_REACHED, refused(4, WIRE_OP_BUY, ANN, BLUE, 2, 0));
	prepare(4, WIRE_OP_BUY, ANN, BLUE, 1, 0, VERDICT_ACCEPTED);
	GETS(LIMIT_REACHED, ask(4, WIRE_OP_BUY, ANN, BLUE, 1, 0));
	GETS(ACCEPTED, commit(5));
	GETS(LIMIT_REACHED, ask(5, WIRE_OP_BUY, ANN, BLUE, 1, 0));
}

Test(sale_prepare, lines_of_one_basket_are_judged_together)
{
	const struct line both[] = {{RED, 2, 0}, {BLUE, 2, 0}, {CUP, 1, 0}};
	uint8_t verdicts[3];

	cr_assert(eq(int, (int)prepare_late(1, WIRE_OP_HOLD, ANN, both, 3, false, verdicts),
		     BASKET_ANSWERED));
	cr_assert(all(eq(u8, verdicts[0], VERDICT_BASKET_REFUSED),
		      eq(u8, verdicts[1], VERDICT_LIMIT_REACHED),
		      eq(u8, verdicts[2], VERDICT_BASKET_REFUSED)));
	cr_assert(eq(u64, shard_next_lsn(shard), FIRST), "no record");
	cr_assert(eq(int, (int)prepare_late(1, WIRE_OP_HOLD, ANN, both + 1, 2, false, verdicts),
		     BASKET_COMMITS));
	check_units(BLUE, 3, 2, 0);
	check_units(CUP, 3, 1, 0);
	/* In any order, and each as it will. */
	GETS(HELD, verdict_name(commit_at(2, places[1], false).verdict));
	abort_at(2, places[0]);
	check_units(BLUE, 5, 0, 0);
	check_units(CUP, 3, 1, 0);
}

Test(sale_prepare, a_hold_that_is_being_paid_neither_ends_nor_changes)
{
	const uint64_t hold = FIRST;

	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	prepare(5, WIRE_OP_CONFIRM, ANN, RED, 1, hold, VERDICT_CONFIRMED);
	check_units(RED, 3, 2, 0);
	GETS(UNDER_WAY, ask(6, WIRE_OP_CONFIRM, ANN, RED, 2, hold));
	GETS(UNDER_WAY, ask(6, WIRE_OP_RELEASE, ANN, RED, 1, hold));
	GETS(UNDER_WAY, ask(6, WIRE_OP_EXTEND, ANN, RED, 0, hold));
	GETS(UNDER_WAY, refused(6, WIRE_OP_CONFIRM, ANN, RED, 1, hold));
	GETS(OTHER_BUYER, ask(6, WIRE_OP_RELEASE, BOB, RED, 1, hold));
	cr_assert(eq(u32, expire(12), 0));
	check_units(RED, 3, 2, 0);
	/* In time, as it was judged; the rest goes back. */
	GETS(CONFIRMED, commit(13));
	check_units(RED, 4, 0, 1);
	GETS(ALREADY_SOLD, ask(14, WIRE_OP_RELEASE, ANN, RED, 1, hold));
}

Test(sale_prepare, a_hold_that_was_pinned_ends_when_nothing_comes_of_it)
{
	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	prepare(5, WIRE_OP_RELEASE, ANN, RED, 1, FIRST, VERDICT_RELEASED);
	/* Its offer's timer fires, and finds nothing that may end. */
	cr_assert(eq(u32, expire(30), 0));
	abort_at(31, places[0]);
	check_units(RED, 3, 2, 0);
	cr_assert(eq(u32, expire(31), 1));
	check_units(RED, 5, 0, 0);
	/* One whose time is not over can be changed again. */
	GETS(HELD, ask(40, WIRE_OP_HOLD, ANN, RED, 2, 0));
	prepare(41, WIRE_OP_CONFIRM, ANN, RED, 2, shard_next_lsn(shard) - 1, VERDICT_CONFIRMED);
	abort_at(42, places[0]);
	GETS(CONFIRMED, ask(43, WIRE_OP_CONFIRM, ANN, RED, 2, shard_next_lsn(shard) - 3));
}

/* A reader of the lane ends all open holds up to the LSN of a run, so none of them may be pinned.
 */
Test(sale_prepare, a_run_of_holds_ends_before_one_that_is_pinned)
{
	for (uint64_t buyer = 1; buyer <= 4; buyer++)
		GETS(HELD, ask(buyer, WIRE_OP_HOLD, buyer, RED, 1, 0));
	prepare(5, WIRE_OP_CONFIRM, 3, RED, 1, FIRST + 2, VERDICT_CONFIRMED);
	cr_assert(shard_expire(shard, BEGIN_NS + 20 * SECOND_NS, 10, &slot));
	follow(&slot);
	cr_assert(all(eq(u8, slot.flags, 0), eq(u32, slot.expire.holds, 2),
		      eq(u64, slot.expire.up_to_lsn, FIRST + 1)));
	cr_assert(shard_expire(shard, BEGIN_NS + 20 * SECOND_NS, 10, &slot));
	follow(&slot);
	cr_assert(all(eq(u8, slot.flags, EXPIRE_ONE), eq(u64, slot.expire.up_to_lsn, FIRST + 3)));
	cr_assert(not(shard_expire(shard, BEGIN_NS + 20 * SECOND_NS, 10, &slot)));
	check_units(RED, 4, 1, 0);
	abort_at(21, places[0]);
	cr_assert(eq(u32, expire(21), 1));
	check_units(RED, 5, 0, 0);
}

Test(sale_prepare, a_release_gives_back_when_it_is_decided)
{
	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 3, 0));
	prepare(2, WIRE_OP_RELEASE, ANN, RED, 1, FIRST, VERDICT_RELEASED);
	cr_assert(eq(u8, slot.flags, RECORD_RELEASE));
	check_units(RED, 2, 3, 0);
	GETS(RELEASED, commit(3));
	check_units(RED, 3, 2, 0);
	prepare(4, WIRE_OP_RELEASE, ANN, RED, 0, FIRST, VERDICT_RELEASED);
	cr_assert(
		all(eq(u8, slot.flags, RECORD_RELEASE | PREPARED_ALL), eq(u16, slot.quantity, 2)));
	GETS(RELEASED, commit(30));
	cr_assert(all(eq(u8, slot.flags & RELEASE_ALL, RELEASE_ALL), eq(u16, slot.quantity, 2)));
	check_units(RED, 5, 0, 0);
	cr_assert(eq(u32, expire(31), 0));
}

Test(sale_prepare, a_late_payment_takes_its_units_again)
{
	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, CUP, 2, 0));
	cr_assert(eq(u32, expire(12), 1));
	prepare(20, WIRE_OP_CONFIRM, ANN, CUP, 2, FIRST, VERDICT_CONFIRMED_LATE);
	cr_assert(eq(u8, slot.flags, RECORD_CONFIRM | PREPARED_LATE));
	check_units(CUP, 2, 2, 0);
	GETS(LIMIT_REACHED, ask(20, WIRE_OP_BUY, ANN, CUP, 1, 0));
	GETS(UNDER_WAY, ask(20, WIRE_OP_CONFIRM, ANN, CUP, 1, FIRST));
	abort_at(21, places[0]);
	check_units(CUP, 4, 0, 0);
	prepare(22, WIRE_OP_CONFIRM, ANN, CUP, 1, FIRST, VERDICT_CONFIRMED_LATE);
	GETS(ACCEPTED, ask(22, WIRE_OP_BUY, BOB, CUP, 2, 0));
	check_units(CUP, 1, 1, 2);
	GETS(CONFIRMED_LATE, commit(23));
	cr_assert(eq(u8, slot.flags, CONFIRM_LATE | RECORD_WAS_PREPARED));
	check_units(CUP, 1, 0, 3);
}

/* What the payment of a part releases is not released yet while it waits: no other line of it may
 * count on that. follow() would refuse it. */
Test(sale_prepare, a_part_that_waits_makes_no_room)
{
	uint8_t verdicts[2];

	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	cr_assert(eq(u32, expire(12), 1));
	GETS(HELD, ask(13, WIRE_OP_HOLD, ANN, BLUE, 2, 0));
	cr_assert(eq(int,
		     (int)prepare_late(14, WIRE_OP_CONFIRM, ANN,
				       (struct line[]){{BLUE, 1, FIRST + 2}, {RED, 2, FIRST}}, 2,
				       false, verdicts),
		     BASKET_COMMITS));
	cr_assert(all(eq(u8, verdicts[0], VERDICT_CONFIRMED),
		      eq(u8, verdicts[1], VERDICT_HOLD_EXPIRED)));
	GETS(HOLD_EXPIRED, verdict_name(commit_at(15, places[0], true).verdict));
	GETS(HOLD_EXPIRED, verdict_name(commit_at(15, places[1], true).verdict));
	check_units(BLUE, 5, 0, 0);
	check_units(RED, 5, 0, 0);
}

/* A basket of which one line cannot be sold is paid back as a whole, wherever that line is. */
Test(sale_prepare, a_refund_is_of_all_lines)
{
	uint8_t verdict;

	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	cr_assert(eq(int,
		     (int)prepare_late(2, WIRE_OP_CONFIRM, ANN, &(struct line){RED, 2, FIRST}, 1,
				       true, &verdict),
		     BASKET_COMMITS));
	check_units(RED, 3, 2, 0);
	GETS(HOLD_EXPIRED, verdict_name(commit_at(3, places[0], true).verdict));
	cr_assert(eq(u8, slot.flags, CONFIRM_REFUND | CONFIRM_OF_BASKET | RECORD_WAS_PREPARED));
	check_units(RED, 5, 0, 0);
	GETS(HOLD_EXPIRED, ask(4, WIRE_OP_CONFIRM, ANN, RED, 2, FIRST));
}

/* The line that is too late itself: nothing is set aside for it, and free units change nothing. */
Test(sale_prepare, a_refund_stays_one)
{
	const uint64_t hold = FIRST;

	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, CUP, 2, 0));
	cr_assert(eq(u32, expire(12), 1));
	GETS(HELD, ask(13, WIRE_OP_HOLD, BOB, CUP, 2, 0));
	GETS(ACCEPTED, ask(13, WIRE_OP_BUY, 103, CUP, 2, 0));
	prepare(14, WIRE_OP_CONFIRM, ANN, CUP, 2, hold, VERDICT_HOLD_EXPIRED);
	cr_assert(eq(u8, slot.flags, RECORD_CONFIRM));
	check_units(CUP, 0, 2, 2);
	/* The decision takes a while, and units come back. */
	cr_assert(eq(u32, expire(24), 1));
	GETS(HOLD_EXPIRED, verdict_name(commit_at(25, places[0], true).verdict));
	cr_assert(eq(u8, slot.flags & CONFIRM_REFUND, CONFIRM_REFUND));
	check_units(CUP, 2, 0, 2);
	GETS(HOLD_EXPIRED, ask(26, WIRE_OP_CONFIRM, ANN, CUP, 1, hold));
}

/* It was asked while the offer was open. follow() loads it from a snapshot, too. */
Test(sale_prepare, an_order_may_be_committed_after_its_offer_closed)
{
	prepare(19, WIRE_OP_BUY, ANN, JUG, 1, 0, VERDICT_ACCEPTED);
	GETS(CLOSED, ask(20, WIRE_OP_BUY, BOB, JUG, 1, 0));
	GETS(ACCEPTED, commit(21));
	check_units(JUG, 2, 0, 1);
	/* And given back later. */
	GETS(RETURNED, ask(22, WIRE_OP_RETURN, ANN, JUG, 1, FIRST + 1));
}

Test(sale_prepare, places_are_used_again_up_to_their_number)
{
	const struct shard_size size = {.offer_cnt = 10,
					.order_cnt = PREPARED_MAX + 9,
					.buyer_cnt = 20,
					.hold_cnt = 2,
					.change_cnt = 2};
	struct record offer = sale_offer(0, 2 * PREPARED_MAX, 10, 0);
	uint32_t freed;

	close_shards();
	open_of_size(&size);
	offer.at_ns = BEGIN_NS;
	for (offer.sku = skus[JUG] + 1; wire_shard_of(offer.sku, 2) != 0;)
		offer.sku++;
	skus[0] = offer.sku;
	apply(offer);
	for (uint32_t i = 0; i < PREPARED_MAX; i++) {
		struct wire_request request = request_of(WIRE_OP_BUY, ANN, &(struct line){0, 1, 0});
		struct lookup key;
		struct decision decision;
		struct basket basket = {.shard = shard,
					.now_ns = BEGIN_NS,
					.asked_ns = BEGIN_NS,
					.lines = &request,
					.keys = &key,
					.cnt = 1};

		lookup_all(shard, &request, &key, 1);
		cr_assert(prepare_has_room(shard, 1));
		cr_assert(eq(int, (int)basket_judge(&basket, &slot, &decision), BASKET_COMMITS));
		cr_assert(eq(u32, prepare_line(&basket, 0, &decision, &slot), i));
	}
	cr_assert(not(prepare_has_room(shard, 1)));
	freed = PREPARED_MAX / 2;
	prepare_abort(shard, freed, BEGIN_NS, &slot);
	cr_assert(all(eq(u32, prepare_next(shard, freed), freed + 1),
		      eq(u32, prepare_units(shard, freed + 1), 1)));
	cr_assert(prepare_has_room(shard, 1));
	cr_assert(not(prepare_has_room(shard, 2)));
	/* All others, oldest first. */
	cr_assert(eq(int, copy_anew(shard, applied, &(const char *){""}), 0));
	same_hash(applied);
	shard_clear(shard);
	cr_assert(eq(u32, prepare_next(shard, 0), PREPARED_MAX));
	cr_assert(prepare_has_room(shard, PREPARED_MAX));
}

/* The tables keep room for what a line may become. */
Test(sale_prepare, what_waits_has_its_room)
{
	close_shards();
	open_of_size(&(struct shard_size){
		.offer_cnt = 10, .order_cnt = 1, .buyer_cnt = 20, .hold_cnt = 1, .change_cnt = 3});
	prepare(1, WIRE_OP_BUY, ANN, JUG, 1, 0, VERDICT_ACCEPTED);
	GETS(TABLE_FULL, ask(1, WIRE_OP_BUY, BOB, JUG, 1, 0));
	GETS(TABLE_FULL, refused(1, WIRE_OP_BUY, BOB, JUG, 1, 0));
	abort_at(1, places[0]);
	GETS(ACCEPTED, ask(1, WIRE_OP_BUY, BOB, JUG, 1, 0));
	prepare(2, WIRE_OP_HOLD, ANN, RED, 3, 0, VERDICT_HELD);
	GETS(TABLE_FULL, ask(2, WIRE_OP_HOLD, BOB, RED, 1, 0));
	GETS(HELD, commit(2));
	prepare(3, WIRE_OP_RELEASE, ANN, RED, 1, shard_next_lsn(shard) - 1, VERDICT_RELEASED);
	/* The last free change is the release's, one is kept for the hold itself. */
	prepare_at(shard, places[0]);
	GETS(TABLE_FULL, ask(3, WIRE_OP_RETURN, BOB, JUG, 1, FIRST + 2));
	GETS(RELEASED, commit(4));
}

/* Tables that have room for exactly the records of a lane take all of them. */
Test(sale_prepare, a_lane_fits_into_tables_of_its_size)
{
	const struct shard_size size = {.offer_cnt = FIRST - 1,
					.order_cnt = 1,
					.buyer_cnt = 6,
					.hold_cnt = 1,
					.change_cnt = 1};
	struct record lane[8];
	struct shard *small = NULL;
	const char *why = "";
	uint32_t cnt = 0;

	for (unsigned i = RED; i < FIRST; i++)
		lane[cnt++] = offer_of(i);
	prepare(1, WIRE_OP_HOLD, ANN, RED, 1, 0, VERDICT_HELD);
	lane[cnt++] = slot;
	commit(1);
	lane[cnt++] = slot;
	prepare(2, WIRE_OP_RELEASE, ANN, RED, 0, FIRST + 1, VERDICT_RELEASED);
	lane[cnt++] = slot;
	commit(2);
	lane[cnt++] = slot;
	CHECK(shard_open(&small, 0, 2, &size) == 0);
	for (uint32_t i = 0; i < cnt; i++)
		cr_assert(eq(int, shard_apply(small, i + 1, &lane[i], &why), 0), "LSN %u: %s",
			  i + 1, why);
	same_hash(small);
	shard_close(small);
}
