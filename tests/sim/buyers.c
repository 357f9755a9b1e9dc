#include "tests/sim/buyers.h"

#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/dates.h"

enum {
	FIND_TRIES = 8, /* of an earlier order */
};

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
		parcel->flags = 0;
		parcel->made = false;
		parcel->whole.cnt = 0;
		return parcel;
	}
	return NULL;
}

static struct wire_request request_of(const struct wish *wish, bool content, uint8_t op)
{
	struct wire_request request = {
		.id = {wish->id[0], wish->id[1]},
		.buyer = wish->buyer,
		.sku = wish->sku,
		.price_or_order = wish->order_id != 0 ? wish->order_id : wish->max_price,
		.channel = wish->channel + content,
		.quantity = (uint16_t)(wish->quantity + content),
		.op = op,
		.flags = wish->at_most_0 ? WIRE_ENTRY_AT_MOST_0 : 0,
	};

	if (wish->write_off && op == WIRE_OP_RETURN)
		request.flags |= WIRE_ENTRY_WRITE_OFF;
	return request;
}

static void add(struct buyers *buyers, struct parcel *parcel, uint32_t wish, bool content,
		uint8_t op)
{
	parcel->requests[parcel->cnt] = request_of(&buyers->wishes[wish], content, op);
	parcel->wishes[parcel->cnt] = (uint16_t)wish;
	parcel->owners[parcel->cnt] = (uint8_t)buyers->lane;
	parcel->contents[parcel->cnt] = content;
	parcel->cnt++;
}

/* A LOOKUP of the order that the wish made or changes. False: none is known. */
static bool add_by_order(struct buyers *buyers, struct parcel *parcel, uint32_t wish_idx)
{
	const struct wish *wish = &buyers->wishes[wish_idx];
	const uint64_t order_id = wish->answered ? wish->answer.order_id : wish->order_id;
	struct wire_request *request = &parcel->requests[parcel->cnt];

	if (order_id == 0 || wish->away)
		return false;
	add(buyers, parcel, wish_idx, false, WIRE_OP_LOOKUP);
	request->price_or_order = order_id;
	request->flags = WIRE_ENTRY_BY_ORDER;
	/* Somebody else learns nothing. */
	if (random_chance(buyers->random, 200))
		request->buyer++;
	return true;
}

static uint16_t change_quantity(struct sim_random *random, uint8_t op, const struct wish *old)
{
	if (op == WIRE_OP_RELEASE && random_chance(random, 500))
		return 0;
	if (op == WIRE_OP_CONFIRM && random_chance(random, 700))
		return old->quantity;
	return (uint16_t)(random_chance(random, 30) ? 0 : 1 + random_below(random, 3));
}

static uint8_t change_op(struct sim_random *random, const struct wish *old)
{
	const uint64_t way = random_below(random, 100);

	if (old->op == WIRE_OP_BUY && way < 90)
		return WIRE_OP_RETURN;
	return way < 45   ? WIRE_OP_CONFIRM
	       : way < 60 ? WIRE_OP_RELEASE
	       : way < 80 ? WIRE_OP_EXTEND
			  : WIRE_OP_RETURN;
}

/* An order that was made, mostly a late one; NULL: none is found. */
static const struct wish *find_order(const struct buyers *buyers)
{
	struct sim_random *random = buyers->random;
	const uint32_t cnt =
		buyers->latest_cnt < BUYERS_LATEST_CNT ? buyers->latest_cnt : BUYERS_LATEST_CNT;

	for (unsigned i = 0; i < FIND_TRIES; i++) {
		const uint64_t idx = cnt > 0 && random_chance(random, 700)
					     ? buyers->latest[random_below(random, cnt)]
					     : random_below(random, buyers->wish_cnt);
		const struct wish *wish = &buyers->wishes[idx];

		/* Most are holds. */
		if (wish->answered && wish->order_id == 0 &&
		    (wish->op == WIRE_OP_HOLD || random_chance(random, 200)))
			return wish;
	}
	return NULL;
}

/* Makes it a wish to change an earlier order, if one is found. */
static void make_change(struct buyers *buyers, struct wish *wish)
{
	struct sim_random *random = buyers->random;
	const struct wish *old = find_order(buyers);

	if (old == NULL)
		return;
	wish->op = change_op(random, old);
	wish->sku = old->sku;
	wish->order_id = old->answer.order_id;
	wish->quantity = change_quantity(random, wish->op, old);
	wish->write_off = wish->op == WIRE_OP_RETURN && random_chance(random, 300);
	if (!random_chance(random, 30))
		wish->buyer = old->buyer;
	if (random_chance(random, 30))
		wish->order_id += random_chance(random, 500) ? UINT64_C(1) << ORDER_ID_LSN_BITS
							     : 1 + random_below(random, 50);
}

/* What it asks for beside an id. */
static void choose_wish(struct buyers *buyers, struct wish *wish)
{
	struct sim_random *random = buyers->random;
	unsigned sku;

	wish->op = WIRE_OP_BUY;
	wish->buyer = 1 + random_below(random, buyers->buyer_cnt);
	wish->channel = (uint32_t)random_below(random, 5);
	wish->quantity = (uint16_t)(1 + random_below(random, 3));
	if (buyers->away_cnt > 0 && random_chance(random, 30)) {
		wish->sku = buyers->away[random_below(random, buyers->away_cnt)].sku;
		wish->away = true;
		return;
	}
	sku = (unsigned)random_below(random, buyers->sku_cnt);
	wish->sku = buyers->skus[sku];
	if (buyers->holds && random_chance(random, buyers->can_hold[sku] ? 550 : 50))
		wish->op = WIRE_OP_HOLD;
	if (buyers->holds && buyers->wish_cnt > 0 && random_chance(random, 500))
		make_change(buyers, wish);
	if (wish->order_id != 0)
		return;
	if (random_chance(random, 300))
		wish->max_price = 1 + random_below(random, 2 * buyers->price_max);
	else if (mix64(wish->id[0]) % 8 == 0)
		wish->at_most_0 = true;
}

/* The index of a new wish, or of an old one where there is no room. */
static uint32_t new_wish(struct buyers *buyers)
{
	struct sim_random *random = buyers->random;
	const uint32_t idx = buyers->wish_cnt;
	struct wish *wish = &buyers->wishes[idx];
	const struct wish *old = idx > 0 ? &buyers->wishes[random_below(random, idx)] : NULL;
	/* The rest is for baskets. */
	const uint32_t most = buyers->shards > 1 ? buyers->wish_max / 3 : buyers->wish_max;

	if (idx > 0 && idx >= most)
		return (uint32_t)random_below(random, idx);
	*wish = (struct wish){.id = {random_next(random) | 1, idx}};
	choose_wish(buyers, wish);
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

/* A wish without chance; the caller has looked that there is room. */
static uint32_t plain_wish(struct buyers *buyers, uint8_t op, uint64_t buyer, uint64_t sku)
{
	const uint32_t idx = buyers->wish_cnt++;

	buyers->wishes[idx] = (struct wish){
		.id = {random_next(buyers->random) | 1, idx},
		.sku = sku,
		.buyer = buyer,
		.op = op,
		.quantity = (uint16_t)(1 + random_below(buyers->random, 2)),
	};
	return idx;
}

static bool has_room(const struct buyers *buyers)
{
	return buyers->wish_cnt < buyers->wish_max;
}

/* The lines after the first come in any order. */
static void shuffle(struct sim_random *random, struct parcel *parcel)
{
	for (uint8_t i = 2; i < parcel->cnt; i++) {
		const uint8_t k = (uint8_t)(1 + random_below(random, i));
		const struct wire_request request = parcel->requests[i];
		const uint16_t wish = parcel->wishes[i];
		const uint8_t owner = parcel->owners[i];

		parcel->requests[i] = parcel->requests[k];
		parcel->wishes[i] = parcel->wishes[k];
		parcel->owners[i] = parcel->owners[k];
		parcel->requests[k] = request;
		parcel->wishes[k] = wish;
		parcel->owners[k] = owner;
	}
}

/* Lines of some SKUs of a lane, to buy or to hold. */
static void add_lines(struct buyers *buyers, struct parcel *parcel, uint8_t op, uint64_t buyer,
		      unsigned per_mille)
{
	struct sim_random *random = buyers->random;
	const unsigned one = (unsigned)random_below(random, buyers->sku_cnt);

	for (unsigned i = 0; i < buyers->sku_cnt && has_room(buyers); i++) {
		if (op == WIRE_OP_HOLD && !buyers->can_hold[i] && random_chance(random, 900))
			continue;
		if (i == one || random_chance(random, per_mille))
			add(buyers, parcel, plain_wish(buyers, op, buyer, buyers->skus[i]), false,
			    op);
	}
}

/* Lines to buy or to hold; of several lanes, the first of this one. */
static void add_purchases(struct buyers *buyers, struct parcel *parcel)
{
	struct sim_random *random = buyers->random;
	const uint8_t op = buyers->holds && random_chance(random, 600) ? WIRE_OP_HOLD : WIRE_OP_BUY;
	const uint64_t buyer = 1 + random_below(random, buyers->buyer_cnt);
	const bool spans = buyers->shards > 1 && random_chance(random, 800);

	add_lines(buyers, parcel, op, buyer, spans ? 100 : 700);
	for (unsigned i = 0; i < buyers->shards && spans && parcel->cnt > 0; i++) {
		if (i != buyers->lane && random_chance(random, 600))
			add_lines(buyers->of_lane[i], parcel, op, buyer, 100);
	}
	shuffle(random, parcel);
}

static bool has_sku(const struct parcel *parcel, uint64_t sku)
{
	for (uint8_t i = 0; i < parcel->cnt; i++) {
		if (parcel->requests[i].sku == sku)
			return true;
	}
	return false;
}

/* Lines for several holds of a buyer in a lane, to pay or to release them. */
static void add_changes_of(struct buyers *buyers, struct parcel *parcel, uint8_t op, uint64_t buyer)
{
	for (uint32_t i = 0; i < BUYERS_LATEST_CNT && has_room(buyers); i++) {
		const struct wish *old = &buyers->wishes[buyers->latest[i]];
		uint32_t idx;

		if (!old->answered || old->op != WIRE_OP_HOLD || old->buyer != buyer ||
		    has_sku(parcel, old->sku))
			continue;
		idx = plain_wish(buyers, op, old->buyer, old->sku);
		buyers->wishes[idx].order_id = old->answer.order_id;
		buyers->wishes[idx].quantity = old->quantity;
		add(buyers, parcel, idx, false, op);
	}
}

static void add_changes(struct buyers *buyers, struct parcel *parcel)
{
	struct sim_random *random = buyers->random;
	const struct wish *one = find_order(buyers);
	const uint8_t op = random_chance(random, 800) ? WIRE_OP_CONFIRM : WIRE_OP_RELEASE;
	const bool spans = buyers->shards > 1 && random_chance(random, 900);

	if (one == NULL)
		return;
	add_changes_of(buyers, parcel, op, one->buyer);
	for (unsigned i = 0; i < buyers->shards && spans && parcel->cnt > 0; i++) {
		if (i != buyers->lane)
			add_changes_of(buyers->of_lane[i], parcel, op, one->buyer);
	}
	shuffle(random, parcel);
}

/* One entry for all lines of a basket that was held. */
static void add_whole(struct buyers *buyers, struct parcel *parcel)
{
	struct sim_random *random = buyers->random;
	const unsigned cnt =
		buyers->held_cnt < BUYERS_HELD_MAX ? buyers->held_cnt : BUYERS_HELD_MAX;
	/* Mostly a late one. */
	const unsigned back =
		(unsigned)random_below(random, random_chance(random, 400) ? 1 + cnt / 8 : cnt);
	const struct held_basket *held =
		&buyers->held[(buyers->held_cnt - 1 - back) % BUYERS_HELD_MAX];
	const uint8_t op = random_chance(random, 750) ? WIRE_OP_CONFIRM : WIRE_OP_RELEASE;
	uint64_t id[2];

	for (uint8_t i = 0; i < held->cnt; i++) {
		if (!has_room(buyers->of_lane[held->owners[i]]))
			return;
	}
	parcel->whole = *held;
	for (uint8_t i = 0; i < held->cnt; i++) {
		struct buyers *owner = buyers->of_lane[held->owners[i]];
		const struct wish *old = &owner->wishes[held->wishes[i]];
		const uint32_t idx = plain_wish(owner, op, old->buyer, old->sku);
		struct wish *wish = &owner->wishes[idx];

		parcel->whole.wishes[i] = (uint16_t)idx;
		if (i == 0)
			memcpy(id, wish->id, sizeof(id));
		memcpy(wish->id, id, sizeof(id));
		wish->order_id = old->answer.order_id;
		wish->quantity = 0;
		wish->whole = true;
	}
	add(buyers, parcel, parcel->whole.wishes[0], false, op);
	parcel->requests[0].flags = WIRE_ENTRY_WHOLE_BASKET;
}

static void fill_basket(struct buyers *buyers, struct parcel *parcel)
{
	if (buyers->held_cnt > 0 && random_chance(buyers->random, 450)) {
		add_whole(buyers, parcel);
		return;
	}
	parcel->flags = WIRE_FLAG_BASKET;
	if (random_chance(buyers->random, 150))
		parcel->flags |= WIRE_FLAG_WHAT_THERE_IS;
	if (buyers->wish_cnt + BUYERS_SKUS_MAX > buyers->wish_max)
		return;
	if (buyers->holds && buyers->wish_cnt > 0 && random_chance(buyers->random, 500))
		add_changes(buyers, parcel);
	if (parcel->cnt == 0)
		add_purchases(buyers, parcel);
	parcel->made = parcel->cnt > 0;
	/* One line alone is mostly none. */
	if (parcel->cnt == 0 || (parcel->cnt == 1 && random_chance(buyers->random, 900)))
		parcel->flags = 0;
}

static void pack(const struct buyers *buyers, struct parcel *parcel, uint16_t shard)
{
	*(struct wire_header *)parcel->datagram = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = parcel->cnt,
		.flags = parcel->flags,
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
		struct wish *wish = &buyers->of_lane[parcel->owners[i]]->wishes[parcel->wishes[i]];

		if (parcel->requests[i].op == wish->op && asked_ns > wish->asked_ns)
			wish->asked_ns = asked_ns;
	}
	for (uint8_t i = 0; i < parcel->whole.cnt; i++) {
		struct wish *wish =
			&buyers->of_lane[parcel->whole.owners[i]]->wishes[parcel->whole.wishes[i]];

		if (asked_ns > wish->asked_ns)
			wish->asked_ns = asked_ns;
	}
}

/* Sends an earlier datagram once more, byte for byte. */
static void send_again(struct buyers *buyers, struct parcel *parcel)
{
	*parcel = buyers->recorded[buyers->again > 0
					   ? buyers->again - 1
					   : random_below(buyers->random, buyers->recorded_cnt)];
	buyers->again = 0;
	parcel->out = true;
	count(buyers, TALLY_SENT_AGAIN);
}

static void record(struct buyers *buyers, const struct parcel *parcel)
{
	const unsigned idx = buyers->recorded_cnt < BUYERS_RECORDED_MAX
				     ? buyers->recorded_cnt++
				     : (unsigned)random_below(buyers->random, BUYERS_RECORDED_MAX);

	buyers->recorded[idx] = *parcel;
	/* A copy comes while it is decided. */
	if ((parcel->flags != 0 || parcel->whole.cnt > 0) && random_chance(buyers->random, 500))
		buyers->again = idx + 1;
}

/* New wishes and old ones, and LOOKUPs. */
static void fill(struct buyers *buyers, struct parcel *parcel, uint8_t cnt)
{
	struct sim_random *random = buyers->random;

	while (parcel->cnt < cnt) {
		const uint64_t way = random_below(random, 100);
		const bool fresh = way < 60 || buyers->wish_cnt == 0;
		const uint32_t wish =
			fresh ? new_wish(buyers) : (uint32_t)random_below(random, buyers->wish_cnt);

		const uint8_t op = buyers->wishes[wish].op;

		if (way >= 95 && add_by_order(buyers, parcel, wish))
			continue;
		add(buyers, parcel, wish, way >= 75 && way < 85, way >= 85 ? WIRE_OP_LOOKUP : op);
		/* Twice in one datagram. */
		if (parcel->cnt < cnt && random_chance(random, 50))
			add(buyers, parcel, wish, false, op);
	}
}

struct parcel *buyers_ask(struct buyers *buyers)
{
	struct sim_random *random = buyers->random;
	struct parcel *parcel = take_parcel(buyers);
	const uint8_t cnt = (uint8_t)(1 + random_below(random, buyers->entries_max));
	uint16_t shard = buyers->lane;

	if (parcel == NULL)
		return NULL;
	if (buyers->again > 0 || (buyers->recorded_cnt > 0 && random_chance(random, 100))) {
		send_again(buyers, parcel);
		return parcel;
	}
	if (random_chance(random, buyers->shards > 1 ? 250 : 80))
		fill_basket(buyers, parcel);
	/* Also what is left for a basket by chance. */
	if (parcel->cnt == 0)
		fill(buyers, parcel, cnt);
	if (random_chance(random, 10))
		shard = (uint16_t)(buyers->lane + 1);
	pack(buyers, parcel, shard);
	if (parcel->flags != 0 && random_chance(random, 600))
		dates_good(buyers, parcel);
	else
		dates_choose(buyers, parcel);
	if (shard == buyers->lane)
		note_asked(buyers, parcel);
	if (random_chance(random, parcel->flags != 0 || parcel->whole.cnt > 0 ? 400 : 100))
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

		add(buyers, parcel, wish, buyers->wishes[wish].winner,
		    op != 0 ? op : buyers->wishes[wish].op);
	}
	pack(buyers, parcel, buyers->lane);
	dates_good(buyers, parcel);
	note_asked(buyers, parcel);
	return parcel;
}

void buyers_forget_parcels(struct buyers *buyers)
{
	for (unsigned i = 0; i < BUYERS_PARCELS_MAX; i++)
		buyers->parcels[i].out = false;
	buyers->again = 0;
	for (uint32_t i = 0; i < buyers->wish_cnt; i++) {
		buyers->wishes[i].yes_arrival = 0;
		buyers->wishes[i].yes_answered = 0;
	}
}
