/*
 * What buyers were told of baskets.
 */
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/told.h"

static void count(struct buyers *buyers, enum tally_row row)
{
	buyers->tally->cnt[row]++;
}

/* How many of the datagram's entries are of the lane that was asked, up to one of them. */
static unsigned own_cnt(const struct parcel *parcel, ptrdiff_t end)
{
	unsigned cnt = 0;

	for (ptrdiff_t i = 0; i < end; i++)
		cnt += parcel->owners[i] == parcel->owners[0];
	return cnt;
}

/* A line of another lane has a link after the basket's lines. */
static void check_linked(const struct answer *answer, const struct wish *first)
{
	const struct record *records = answer->asked->truth->records;
	uint64_t lsn = first->lsn + own_cnt(answer->parcel, answer->parcel->cnt);

	while (records[lsn].kind == RECORD_LINK &&
	       (records[lsn].sku != answer->wish->sku ||
		memcmp(records[lsn].change.request_id, answer->wish->id,
		       sizeof(answer->wish->id)) != 0)) {
		CHECK((records[lsn].flags & RECORD_BASKET_GOES_ON) != 0);
		lsn++;
	}
	CHECK(records[lsn].kind == RECORD_LINK && records[lsn].quantity == answer->buyers->lane);
	CHECK(records[lsn].change.order_lsn == first->lsn);
}

/* A basket's lines that were committed with it follow each other. */
void told_check_lines(const struct answer *answer)
{
	const struct parcel *parcel = answer->parcel;
	const struct wish *first = &answer->asked->wishes[parcel->wishes[0]];
	const struct record *records = answer->truth->records;
	const ptrdiff_t idx = answer->request - parcel->requests;
	const unsigned own = own_cnt(parcel, idx);

	if ((parcel->flags & WIRE_FLAG_BASKET) == 0 || !parcel->made || first->lsn == 0 ||
	    !first->done ||
	    (answer->asked->truth->records[first->lsn].flags & RECORD_BASKET_GOES_ON) == 0)
		return;
	if (answer->buyers != answer->asked) {
		if ((records[answer->wish->lsn].flags & RECORD_WAS_PREPARED) != 0)
			check_linked(answer, first);
		return;
	}
	if ((records[answer->wish->lsn - 1].flags & RECORD_BASKET_GOES_ON) == 0)
		return;
	CHECK(answer->wish->lsn == first->lsn + own);
	CHECK(((records[answer->wish->lsn].flags & RECORD_BASKET_GOES_ON) != 0) ==
	      (own + 1 < own_cnt(parcel, parcel->cnt) ||
	       own_cnt(parcel, parcel->cnt) < parcel->cnt));
}

/* Why the datagram is no basket; VERDICT_NONE: it is one. */
static uint8_t basket_wrong(const struct parcel *parcel)
{
	const struct wire_request *first = &parcel->requests[0];
	bool ops = false;
	bool buyers = false;
	bool twice = false;

	for (uint8_t i = 0; i < parcel->cnt; i++) {
		const struct wire_request *line = &parcel->requests[i];

		ops |= line->op != first->op || line->op > WIRE_OP_RELEASE;
		buyers |= line->buyer != first->buyer;
		for (uint8_t j = 0; j < i; j++)
			twice |= parcel->requests[j].sku == line->sku;
	}
	return parcel->cnt < 2 ? VERDICT_BASKET_SIZE
	       : ops           ? VERDICT_BASKET_OPS
	       : buyers        ? VERDICT_BASKET_BUYERS
	       : twice         ? VERDICT_BASKET_TWICE
			       : VERDICT_NONE;
}

/* What a basket's line is told because of the others. */
bool told_of_basket(const struct answer *answer, const struct wire_header *header)
{
	const uint8_t wrong = basket_wrong(answer->parcel);
	const uint8_t verdict = answer->reply.verdict;

	if ((header->flags & WIRE_FLAG_BASKET) == 0 || verdict == VERDICT_UNAVAILABLE)
		return false;
	if (wrong != VERDICT_NONE) {
		CHECK(verdict == wrong);
		count(answer->buyers, TALLY_NO_BASKET);
		return true;
	}
	if (verdict != VERDICT_BASKET_REFUSED)
		return false;
	CHECK((header->flags & WIRE_FLAG_WHAT_THERE_IS) == 0);
	/* What was committed is answered again. */
	if (!answer->wish->done || told_overtaken(answer) || answer->buyers != answer->asked)
		count(answer->buyers, TALLY_BASKET_REFUSED);
	else
		CHECK(!"a line that was committed before, and is refused for others");
	return true;
}

/* Whether the datagram has lines of several lanes, or may seem so before SKUs are placed. */
static bool spans(const struct parcel *parcel, uint16_t shards)
{
	const struct held_basket *whole = &parcel->whole;
	bool any = false;

	for (uint8_t i = 0; i < parcel->cnt; i++)
		any |= wire_shard_of(parcel->requests[i].sku, shards) != parcel->owners[0];
	for (uint8_t i = 0; i < whole->cnt; i++)
		any |= whole->owners[i] != whole->owners[0];
	return any || own_cnt(parcel, parcel->cnt) < parcel->cnt;
}

/* A basket over lanes that is being decided, or may not be now, whatever it was told before. */
bool told_under_way(const struct answer *answer)
{
	const struct buyers *buyers = answer->buyers;
	const uint8_t verdict = answer->reply.verdict;

	/* The right lane, as another one says: so it is not asked, or does not sell it yet. */
	if (verdict == VERDICT_WRONG_SHARD && buyers != answer->asked &&
	    (answer->reply.quantity == buyers->lane ||
	     answer->reply.quantity == wire_shard_of(answer->wish->sku, buyers->shards))) {
		count(answer->buyers, TALLY_AWAY);
		return true;
	}
	/* There is no room for links: it says so of every line. */
	if (verdict == VERDICT_TABLE_FULL && buyers != answer->asked) {
		count(answer->buyers, TALLY_TABLE_FULL);
		return true;
	}
	if (verdict == VERDICT_DRAINING && answer->asked->ends &&
	    spans(answer->parcel, buyers->shards)) {
		count(answer->buyers, TALLY_DRAINING);
		return true;
	}
	if (verdict != VERDICT_UNDER_WAY)
		return false;
	CHECK(buyers->shards > 1 && !buyers->peace);
	count(answer->buyers, TALLY_UNDER_WAY);
	return true;
}

static bool is_change(uint8_t verdict)
{
	return verdict == VERDICT_CONFIRMED || verdict == VERDICT_CONFIRMED_LATE ||
	       verdict == VERDICT_RELEASED || verdict == VERDICT_HOLD_EXPIRED;
}

/* The one answer for all lines of a basket. */
void told_whole(const struct answer *answer)
{
	const struct held_basket *whole = &answer->parcel->whole;
	struct wish *first = answer->wish;
	const uint8_t verdict = answer->reply.verdict;

	for (uint8_t i = 0; i < whole->cnt; i++) {
		struct buyers *buyers = answer->buyers->of_lane[whole->owners[i]];
		struct answer line = *answer;

		line.buyers = buyers;
		line.truth = buyers->truth;
		line.wish = &buyers->wishes[whole->wishes[i]];
		/* The link is on disk; that line's record may be in memory only. */
		if (buyers != answer->buyers && buyers->ack_memory)
			line.reply.durability = DURABILITY_MEMORY;
		/* A refund may be by another request than this one. */
		if (is_change(verdict) &&
		    (verdict != VERDICT_HOLD_EXPIRED ||
		     told_find(line.wish, line.truth, line.truth->written_lsn) > 0)) {
			told_done(&line);
			first->whole_verdict =
				first->whole_verdict != 0 ? first->whole_verdict : verdict;
		} else if (verdict == VERDICT_UNAVAILABLE) {
			CHECK(answer->failed);
			line.wish->unknown = true;
		}
	}
	/* The same again, for good. */
	if (first->whole_verdict != 0 && verdict != VERDICT_UNAVAILABLE && !told_overtaken(answer))
		CHECK(first->whole_verdict == verdict);
	count(answer->buyers, is_change(verdict) ? TALLY_WHOLE_YES : TALLY_WHOLE_NO);
}

/* Keeps a basket that was held, so that it is paid or released as a whole. */
void told_keep_held(struct buyers *buyers, const struct parcel *parcel,
		    const struct wire_reply *replies)
{
	struct held_basket *held = &buyers->held[buyers->held_cnt % BUYERS_HELD_MAX];
	const struct wish *first = &buyers->wishes[parcel->wishes[0]];

	if (parcel->flags != WIRE_FLAG_BASKET || !parcel->made || parcel->cnt < 2 ||
	    first->lsn == 0 ||
	    (buyers->truth->records[first->lsn].flags & RECORD_BASKET_GOES_ON) == 0)
		return;
	for (uint8_t i = 0; i < parcel->cnt; i++) {
		if (replies[i].verdict != VERDICT_HELD || parcel->requests[i].op != WIRE_OP_HOLD)
			return;
	}
	held->cnt = parcel->cnt;
	memcpy(held->wishes, parcel->wishes, sizeof(held->wishes));
	memcpy(held->owners, parcel->owners, sizeof(held->owners));
	buyers->held_cnt++;
}

/* Of a basket that is committed no line is refused. */
void told_check_all(struct buyers *buyers, const struct parcel *parcel,
		    const struct wire_reply *replies)
{
	const struct wish *first = &buyers->wishes[parcel->wishes[0]];
	unsigned lanes = 0;
	unsigned lane_cnt = 0;
	bool yes = true;

	if (!spans(parcel, buyers->shards) || !parcel->parked)
		return;
	count(buyers, TALLY_SPANS);
	if (parcel->flags != WIRE_FLAG_BASKET || !parcel->made || !first->answered ||
	    first->lsn == 0 ||
	    (buyers->truth->records[first->lsn].flags & RECORD_BASKET_GOES_ON) == 0)
		return;
	for (uint8_t i = 0; i < parcel->cnt; i++) {
		const uint8_t verdict = replies[i].verdict;

		yes &= verdict < VERDICT_REFUSAL_FIRST;
		/* What it is where a lane failed or ends, the next start finds out. */
		CHECK(verdict < VERDICT_REFUSAL_FIRST || verdict == VERDICT_HOLD_EXPIRED ||
		      verdict >= VERDICT_FAILURE_FIRST || verdict == VERDICT_UNDER_WAY);
		if ((lanes >> parcel->owners[i] & 1) == 0)
			lane_cnt++;
		lanes |= 1U << parcel->owners[i];
	}
	count(buyers, yes ? TALLY_SPANS_YES : TALLY_SPANS_NO);
	if (yes && lane_cnt > 2)
		count(buyers, TALLY_SPANS_YES_3);
}
