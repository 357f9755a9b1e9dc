#include "tests/sim/buyers.h"

#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/dates.h"

static void count(struct buyers *buyers, enum tally_row row)
{
	buyers->tally->cnt[row]++;
}

static struct parcel *take_parcel(struct buyers *buyers)
{
	for (unsigned i = 0; i < BUYERS_PARCELS_MAX; i++) {
		struct parcel *parcel = &buyers->parcels[i];

		if (parcel->out)
			continue;
		parcel->out = true;
		parcel->cnt = 0;
		return parcel;
	}
	return NULL;
}

static struct wire_request request_of(const struct wish *wish, bool content, uint8_t op)
{
	return (struct wire_request){
		.id = {wish->id[0], wish->id[1]},
		.buyer = wish->buyer,
		.sku = wish->sku,
		.price_or_order = wish->max_price,
		.channel = wish->channel + content,
		.quantity = (uint16_t)(wish->quantity + content),
		.op = op,
		.flags = wish->at_most_0 ? WIRE_ENTRY_AT_MOST_0 : 0,
	};
}

static void add(struct buyers *buyers, struct parcel *parcel, uint32_t wish, bool content,
		uint8_t op)
{
	parcel->requests[parcel->cnt] = request_of(&buyers->wishes[wish], content, op);
	parcel->wishes[parcel->cnt] = (uint16_t)wish;
	parcel->contents[parcel->cnt] = content;
	parcel->cnt++;
}

/* The index of a new wish, or of an old one where there is no room. */
static uint32_t new_wish(struct buyers *buyers)
{
	struct sim_random *random = buyers->random;
	const uint32_t idx = buyers->wish_cnt;
	struct wish *wish = &buyers->wishes[idx];
	const struct wish *old = idx > 0 ? &buyers->wishes[random_below(random, idx)] : NULL;

	if (idx > 0 && idx >= buyers->wish_max)
		return (uint32_t)random_below(random, idx);
	*wish = (struct wish){
		.id = {random_next(random) | 1, idx},
		.sku = buyers->skus[random_below(random, buyers->sku_cnt)],
		.buyer = 1 + random_below(random, buyers->buyer_cnt),
		.channel = (uint32_t)random_below(random, 5),
		.quantity = (uint16_t)(1 + random_below(random, 3)),
	};
	if (random_chance(random, 300))
		wish->max_price = 1 + random_below(random, 2 * buyers->price_max);
	else if (mix64(wish->id[0]) % 8 == 0)
		wish->at_most_0 = true;
	/* The same id for another SKU is another request. */
	if (old != NULL && old->sku != wish->sku && random_chance(random, 100)) {
		bool there = false;

		for (uint32_t i = 0; i < idx; i++)
			there |= memcmp(buyers->wishes[i].id, old->id, sizeof(old->id)) == 0 &&
				 buyers->wishes[i].sku == wish->sku;
		if (!there)
			memcpy(wish->id, old->id, sizeof(wish->id));
	}
	return buyers->wish_cnt++;
}

static void pack(const struct buyers *buyers, struct parcel *parcel, uint16_t shard, uint8_t flags)
{
	*(struct wire_header *)parcel->datagram = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = parcel->cnt,
		.flags = flags,
		.shard = shard,
		.key_id = 1,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
	};
	(void)buyers;
	memcpy(parcel->datagram + WIRE_HEADER_BYTES, parcel->requests,
	       parcel->cnt * sizeof(parcel->requests[0]));
}

/* Notes when its wishes count as asked, if they do. */
static void note_asked(struct buyers *buyers, const struct parcel *parcel)
{
	const uint64_t asked_ns = dates_asked_ns(buyers, parcel);

	for (uint8_t i = 0; i < parcel->cnt; i++) {
		struct wish *wish = &buyers->wishes[parcel->wishes[i]];

		if (parcel->requests[i].op == WIRE_OP_BUY && asked_ns > wish->asked_ns)
			wish->asked_ns = asked_ns;
	}
}

/* Sends an earlier datagram once more, byte for byte. */
static void send_again(struct buyers *buyers, struct parcel *parcel)
{
	*parcel = buyers->recorded[random_below(buyers->random, buyers->recorded_cnt)];
	parcel->out = true;
	count(buyers, TALLY_SENT_AGAIN);
}

static void record(struct buyers *buyers, const struct parcel *parcel)
{
	const unsigned idx = buyers->recorded_cnt < BUYERS_RECORDED_MAX
				     ? buyers->recorded_cnt++
				     : (unsigned)random_below(buyers->random, BUYERS_RECORDED_MAX);

	buyers->recorded[idx] = *parcel;
}

struct parcel *buyers_ask(struct buyers *buyers)
{
	struct sim_random *random = buyers->random;
	struct parcel *parcel = take_parcel(buyers);
	const uint8_t cnt = (uint8_t)(1 + random_below(random, buyers->entries_max));
	uint16_t shard = buyers->lane;
	uint8_t flags = 0;

	if (parcel == NULL)
		return NULL;
	if (buyers->recorded_cnt > 0 && random_chance(random, 100)) {
		send_again(buyers, parcel);
		return parcel;
	}
	while (parcel->cnt < cnt) {
		const uint64_t way = random_below(random, 100);
		const bool fresh = way < 60 || buyers->wish_cnt == 0;
		const uint32_t wish =
			fresh ? new_wish(buyers) : (uint32_t)random_below(random, buyers->wish_cnt);

		add(buyers, parcel, wish, way >= 75 && way < 85,
		    way >= 85 ? WIRE_OP_LOOKUP : WIRE_OP_BUY);
		/* Twice in one datagram. */
		if (parcel->cnt < cnt && random_chance(random, 50))
			add(buyers, parcel, wish, false, WIRE_OP_BUY);
	}
	if (random_chance(random, 10))
		shard = (uint16_t)(buyers->lane + 1);
	else if (random_chance(random, 10))
		flags = WIRE_FLAG_BASKET;
	pack(buyers, parcel, shard, flags);
	dates_choose(buyers, parcel);
	if (shard == buyers->lane && flags == 0)
		note_asked(buyers, parcel);
	if (random_chance(random, 100))
		record(buyers, parcel);
	return parcel;
}

struct parcel *buyers_ask_all(struct buyers *buyers, uint8_t op)
{
	struct parcel *parcel = buyers->asked_next < buyers->wish_cnt ? take_parcel(buyers) : NULL;

	if (parcel == NULL)
		return NULL;
	while (parcel->cnt < WIRE_ENTRY_CNT_MAX && buyers->asked_next < buyers->wish_cnt) {
		const uint32_t wish = buyers->asked_next++;

		add(buyers, parcel, wish, buyers->wishes[wish].winner, op);
	}
	pack(buyers, parcel, buyers->lane, 0);
	dates_good(buyers, parcel);
	note_asked(buyers, parcel);
	return parcel;
}

void buyers_forget_parcels(struct buyers *buyers)
{
	for (unsigned i = 0; i < BUYERS_PARCELS_MAX; i++)
		buyers->parcels[i].out = false;
	for (uint32_t i = 0; i < buyers->wish_cnt; i++)
		buyers->wishes[i].yes_arrival = 0;
}

static bool same_answer(const struct wire_reply *one, const struct wire_reply *two)
{
	return one->order_id == two->order_id && one->unit_price == two->unit_price &&
	       one->instant_ns == two->instant_ns && one->quantity == two->quantity;
}

/* A record must agree with the answer. */
static void check_answer(const struct buyers *buyers, const struct truth *truth,
			 const struct wish *wish, const struct wire_reply *reply)
{
	const uint64_t lsn = reply->order_id & LSN_MAX;
	const struct record *record = &truth->records[lsn];

	CHECK(reply->order_id == order_id_of(buyers->lane, lsn));
	CHECK(lsn > 0 && lsn <= truth->written_lsn && record->kind == RECORD_ORDER);
	CHECK(record->sku == wish->sku && record->order.request_id[0] == wish->id[0] &&
	      record->order.request_id[1] == wish->id[1]);
	CHECK(record->unit_price == reply->unit_price && record->at_ns == reply->instant_ns &&
	      record->quantity == reply->quantity);
}

/* It was asked after its offer had opened, by a datagram that was not stale. */
static void check_asked(const struct truth *truth, const struct wish *wish, uint64_t lsn)
{
	while (lsn > 1 &&
	       (truth->records[lsn].kind != RECORD_OFFER || truth->records[lsn].sku != wish->sku))
		lsn--;
	CHECK(truth->records[lsn].kind == RECORD_OFFER);
	CHECK(wish->asked_ns != 0 && wish->asked_ns >= truth->records[lsn].offer.opens_at_ns);
}

static void check_content(const struct wish *wish, const struct record *record)
{
	CHECK(record->quantity == wish->quantity + wish->winner);
	CHECK(record->channel == wish->channel + wish->winner);
	CHECK(record->order.buyer == wish->buyer);
	CHECK(record->order.max_price == (wish->at_most_0 ? PRICE_AT_MOST_0 : wish->max_price));
	CHECK(!wish->at_most_0 || record->unit_price == 0);
}

static void told_yes(struct buyers *buyers, struct wish *wish, const struct wire_reply *reply,
		     uint8_t op, bool content, const struct truth *truth, bool healthy)
{
	const uint64_t lsn = reply->order_id & LSN_MAX;

	CHECK(reply->durability == DURABILITY_DURABLE ||
	      (buyers->ack_memory && reply->durability == DURABILITY_MEMORY));
	count(buyers,
	      reply->durability == DURABILITY_MEMORY ? TALLY_YES_MEMORY : TALLY_YES_DURABLE);
	/* An answer that rests on memory may come before its record is written. */
	if (reply->durability == DURABILITY_DURABLE || lsn <= truth->written_lsn) {
		check_answer(buyers, truth, wish, reply);
		check_asked(truth, wish, lsn);
	}
	/* Acknowledged means durable. */
	if (healthy && reply->durability == DURABILITY_DURABLE)
		CHECK(lsn <= truth->down_lsn);
	count(buyers, wish->bought ? TALLY_YES_AGAIN : TALLY_YES);
	if (wish->bought)
		CHECK(same_answer(&wish->answer, reply));
	if (op == WIRE_OP_BUY) {
		CHECK(!wish->decided || wish->winner == content);
		wish->decided = true;
		wish->winner = content;
	}
	wish->bought = true;
	wish->answer = *reply;
	if (wish->unknown)
		count(buyers, TALLY_TOLD_LATER);
	wish->unknown = false;
}

static uint64_t known_since(const struct buyers *buyers, uint64_t sku)
{
	unsigned i = 0;

	while (buyers->skus[i] != sku)
		CHECK(++i < buyers->sku_cnt);
	return buyers->known_since[i];
}

static void told_no(struct buyers *buyers, const struct parcel *parcel, struct wish *wish,
		    const struct wire_reply *reply, uint8_t op, bool content,
		    const struct truth *truth, bool failed, bool stale)
{
	/* Decided before the order, but delivered after it. */
	if (parcel->arrival < wish->yes_arrival && reply->verdict != VERDICT_UNAVAILABLE &&
	    reply->verdict != VERDICT_CONFLICT) {
		count(buyers, TALLY_OVERTAKEN);
		return;
	}
	switch (reply->verdict) {
	case VERDICT_NOT_FOUND:
		CHECK(op == WIRE_OP_LOOKUP && !wish->bought);
		CHECK(truth_find(truth, truth->kept_lsn, wish->id, wish->sku) == 0);
		if (wish->unknown)
			count(buyers, TALLY_TOLD_LATER);
		wish->unknown = false;
		break;
	case VERDICT_CONFLICT:
		CHECK(op == WIRE_OP_BUY && !(wish->decided && wish->winner == content));
		count(buyers, TALLY_CONFLICT);
		break;
	case VERDICT_JOURNAL_FULL:
	case VERDICT_DRAINING:
	case VERDICT_SOLD_OUT:
	case VERDICT_LIMIT_REACHED:
	case VERDICT_NOT_OPEN:
	case VERDICT_CLOSED:
	case VERDICT_PRICE_TOO_HIGH:
		/* What was bought stays bought. */
		CHECK(op == WIRE_OP_BUY && !wish->bought);
		CHECK(truth_find(truth, truth->kept_lsn, wish->id, wish->sku) == 0);
		CHECK(!stale);
		count(buyers, reply->verdict == VERDICT_JOURNAL_FULL ? TALLY_JOURNAL_FULL
			      : reply->verdict == VERDICT_DRAINING   ? TALLY_DRAINING
								     : TALLY_REFUSED);
		break;
	case VERDICT_UNKNOWN_SKU:
		CHECK(!wish->bought && parcel->arrival <= known_since(buyers, wish->sku));
		CHECK(truth_find(truth, truth->kept_lsn, wish->id, wish->sku) == 0);
		if (op == WIRE_OP_LOOKUP)
			wish->unknown = false;
		count(buyers, TALLY_UNKNOWN_SKU);
		break;
	case VERDICT_STALE:
		CHECK(op == WIRE_OP_BUY && !wish->bought && stale);
		CHECK(truth_find(truth, truth->kept_lsn, wish->id, wish->sku) == 0);
		break;
	case VERDICT_UNAVAILABLE:
		/* Other lanes continue. */
		CHECK(failed);
		count(buyers, TALLY_UNAVAILABLE);
		wish->unknown = true;
		break;
	default:
		CHECK(!"a verdict that nothing here can lead to");
	}
}

/* Counts how its date was judged. */
static void count_date(struct buyers *buyers, const struct parcel *parcel,
		       const struct wire_reply *reply, const struct wire_date *date)
{
	if (reply->verdict == VERDICT_STALE)
		count(buyers, !parcel->dated                                   ? TALLY_STALE_UNDATED
			      : parcel->date.sale != buyers->sale              ? TALLY_STALE_SALE
			      : parcel->date.issued_at_ns > date->issued_at_ns ? TALLY_STALE_AHEAD
									       : TALLY_STALE_OLD);
	else if (reply->verdict == VERDICT_NOT_OPEN && parcel->dated &&
		 date->issued_at_ns >= reply->instant_ns)
		count(buyers, TALLY_NOT_OPEN_TO_IT);
}

void buyers_told(struct buyers *buyers, struct parcel *parcel, const struct truth *truth,
		 bool healthy, bool failed)
{
	const struct wire_header *header = (const struct wire_header *)parcel->datagram;
	const struct wire_reply *replies =
		(const struct wire_reply *)(parcel->datagram + WIRE_HEADER_BYTES);

	const struct wire_date date =
		parcel->dated ? wire_date_of(parcel->datagram) : (struct wire_date){0};
	const bool stale = dates_stale(buyers, parcel, date.issued_at_ns);

	CHECK(parcel->out && header->count == parcel->cnt);
	CHECK(wire_is_dated(parcel->datagram) == parcel->dated);
	if (parcel->dated)
		CHECK(date.sale == buyers->sale && date.valid_ms == parcel->date.valid_ms);
	for (uint8_t i = 0; i < parcel->cnt; i++) {
		struct wish *wish = &buyers->wishes[parcel->wishes[i]];
		const uint8_t op = parcel->requests[i].op;
		const bool content = parcel->contents[i] != 0;
		const struct wire_reply reply = replies[i];

		CHECK(reply.id[0] == wish->id[0] && reply.id[1] == wish->id[1]);
		if (reply.verdict == VERDICT_ACCEPTED) {
			told_yes(buyers, wish, &reply, op, content, truth, healthy);
			if (wish->yes_arrival == 0 || parcel->arrival < wish->yes_arrival)
				wish->yes_arrival = parcel->arrival;
		} else if (header->shard != buyers->lane && reply.verdict == VERDICT_WRONG_SHARD)
			CHECK(reply.quantity == buyers->lane);
		else if ((header->flags & WIRE_FLAG_BASKET) == 0 ||
			 reply.verdict != VERDICT_NOT_SUPPORTED)
			told_no(buyers, parcel, wish, &reply, op, content, truth, failed, stale);
		count_date(buyers, parcel, &reply, &date);
	}
	parcel->out = false;
}

void buyers_check(const struct buyers *buyers, const struct truth *truth, uint64_t last_lsn)
{
	for (uint32_t i = 0; i < buyers->wish_cnt; i++) {
		const struct wish *wish = &buyers->wishes[i];

		if (!wish->bought)
			continue;
		CHECK((wish->answer.order_id & LSN_MAX) <= last_lsn);
		check_answer(buyers, truth, wish, &wish->answer);
		if (wish->decided)
			check_content(wish, &truth->records[wish->answer.order_id & LSN_MAX]);
	}
}

void buyers_recovered(struct buyers *buyers, const struct truth *truth, uint64_t last_lsn)
{
	for (uint32_t i = 0; i < buyers->wish_cnt; i++) {
		struct wish *wish = &buyers->wishes[i];

		if (!wish->bought || (wish->answer.order_id & LSN_MAX) <= last_lsn)
			continue;
		CHECK(buyers->ack_memory && wish->answer.durability == DURABILITY_MEMORY);
		wish->bought = wish->decided = wish->winner = wish->unknown = false;
		count(buyers, TALLY_LOST_FROM_MEMORY);
	}
	buyers_check(buyers, truth, last_lsn);
}
