#include "tools/replay/order_map.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"

enum {
	SLOTS_FIRST = 1024, /* a power of two */
	/* Most captures name no order. Until one does, so many are remembered: those of 32 MiB. */
	UNNAMED_MAX = 1 << 19,
};

struct slot {
	uint64_t captured; /* 0: free */
	uint64_t now;
	uint8_t place; /* enum order_place */
	bool tainted;
};

struct order_map {
	struct slot *slots;
	uint64_t slot_cnt; /* a power of two, at most half of them used */
	uint64_t used_cnt;
	uint64_t lost;
	struct order_map_counts counts;
};

struct order_map *order_map_open(void)
{
	struct order_map *map = calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->slot_cnt = SLOTS_FIRST;
	map->slots = calloc(map->slot_cnt, sizeof(*map->slots));
	if (map->slots == NULL) {
		free(map);
		return NULL;
	}
	return map;
}

void order_map_close(struct order_map *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map);
}

/* The slot of an order, or the free one where it belongs. */
static struct slot *slot_of(const struct order_map *map, uint64_t captured)
{
	uint64_t i = mix64(captured) & (map->slot_cnt - 1);

	while (map->slots[i].captured != 0 && map->slots[i].captured != captured)
		i = (i + 1) & (map->slot_cnt - 1);
	return &map->slots[i];
}

static bool grow(struct order_map *map)
{
	struct order_map bigger = *map;

	bigger.slot_cnt = map->slot_cnt * 2;
	bigger.slots = calloc(bigger.slot_cnt, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (uint64_t i = 0; i < map->slot_cnt; i++) {
		if (map->slots[i].captured != 0)
			*slot_of(&bigger, map->slots[i].captured) = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return true;
}

/* The slot of an order, made if it is not there. held: something will name it, most likely. NULL:
 * no memory. */
static struct slot *slot_for(struct order_map *map, uint64_t captured, bool held)
{
	struct slot *slot;

	DCHECK(captured != 0);
	slot = slot_of(map, captured);
	if (slot->captured != 0)
		return slot;
	if ((map->counts.named == 0 && map->used_cnt >= UNNAMED_MAX && !held) ||
	    (map->used_cnt >= map->slot_cnt / 2 && !grow(map))) {
		map->lost++;
		return NULL;
	}
	slot = slot_of(map, captured);
	*slot = (struct slot){.captured = captured, .now = captured, .place = ORDER_SAME};
	map->used_cnt++;
	return slot;
}

/* Frees a slot that says nothing, and closes the gap: those after it must be found from their
 * place on. */
static void forget(struct order_map *map, struct slot *slot)
{
	const uint64_t mask = map->slot_cnt - 1;
	uint64_t gap = (uint64_t)(slot - map->slots);

	for (uint64_t i = (gap + 1) & mask; map->slots[i].captured != 0; i = (i + 1) & mask) {
		const uint64_t home = mix64(map->slots[i].captured) & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		map->slots[gap] = map->slots[i];
		gap = i;
	}
	map->slots[gap] = (struct slot){0};
	map->used_cnt--;
}

void order_map_expect(struct order_map *map, uint64_t captured)
{
	struct slot *slot = captured != 0 ? slot_of(map, captured) : NULL;

	/* An order that is known goes on under the id that is known. */
	if (slot == NULL || slot->captured != 0)
		return;
	slot = slot_for(map, captured, true);
	if (slot != NULL)
		slot->place = ORDER_WAITS;
}

void order_map_set(struct order_map *map, uint64_t captured, uint8_t captured_verdict, uint64_t now)
{
	struct slot *slot;
	bool known;

	if (captured == 0)
		return;
	slot = slot_of(map, captured);
	known = slot->captured != 0 && slot->place != ORDER_WAITS;
	/* What only mentions an order does not say that it was not made. */
	if (now == 0 && (known || captured_verdict == VERDICT_ALREADY_HELD))
		now = known ? slot->now : captured;
	if (now == captured && slot->captured == 0)
		return;
	slot = slot_for(map, captured, captured_verdict != VERDICT_ACCEPTED);
	if (slot == NULL)
		return;
	slot->now = now;
	slot->place = now == 0 ? ORDER_NONE : now == captured ? ORDER_SAME : ORDER_MOVED;
	if (slot->place == ORDER_SAME && !slot->tainted)
		forget(map, slot);
}

void order_map_taint(struct order_map *map, uint64_t captured)
{
	struct slot *slot = captured != 0 ? slot_for(map, captured, false) : NULL;

	if (slot != NULL)
		slot->tainted = true;
}

bool order_map_tainted(const struct order_map *map, uint64_t captured)
{
	return captured != 0 && slot_of(map, captured)->tainted;
}

enum order_place order_map_find(const struct order_map *map, uint64_t captured, uint64_t *now)
{
	const struct slot *slot = slot_of(map, captured);

	*now = captured;
	if (captured == 0 || slot->captured == 0)
		return ORDER_SAME;
	if (slot->place != ORDER_WAITS)
		*now = slot->now;
	return (enum order_place)slot->place;
}

bool order_map_ready(const struct order_map *map, const uint8_t *datagram)
{
	const struct wire_request *requests =
		(const struct wire_request *)(datagram + WIRE_HEADER_BYTES);
	uint64_t now;

	for (uint32_t i = 0; i < wire_count(datagram); i++) {
		if (order_map_names(&requests[i]) &&
		    order_map_find(map, requests[i].price_or_order, &now) == ORDER_WAITS)
			return false;
	}
	return true;
}

void order_map_apply(struct order_map *map, uint8_t *datagram)
{
	struct wire_request *requests = wire_requests(datagram);

	for (uint32_t i = 0; i < wire_count(datagram); i++) {
		const uint64_t captured = requests[i].price_or_order;
		uint64_t now;
		enum order_place place;

		if (!order_map_names(&requests[i]))
			continue;
		place = order_map_find(map, captured, &now);
		map->counts.named++;
		map->counts.moved += place == ORDER_MOVED;
		map->counts.none += place == ORDER_NONE;
		map->counts.guessed += place == ORDER_WAITS;
		requests[i].price_or_order = now;
		/* Nothing else waits for it. */
		if (place == ORDER_WAITS)
			order_map_set(map, captured, VERDICT_HELD, captured);
	}
}

const struct order_map_counts *order_map_counts(const struct order_map *map)
{
	return &map->counts;
}

uint64_t order_map_lost(const struct order_map *map)
{
	return map->lost;
}

static uint64_t bit_of(uint64_t order_id)
{
	return mix64(order_id) % ORDER_RECENT_BITS;
}

void order_recent_add(struct order_recent *recent, const uint8_t *reply_datagram)
{
	const struct wire_reply *replies =
		(const struct wire_reply *)(reply_datagram + WIRE_HEADER_BYTES);

	for (uint32_t i = 0; i < wire_count(reply_datagram); i++) {
		const uint64_t bit = bit_of(replies[i].order_id);

		if (!order_map_tells(replies[i].verdict))
			continue;
		recent->bits[bit / 64] |= UINT64_C(1) << bit % 64;
		recent->any = true;
	}
}

void order_recent_clear(struct order_recent *recent)
{
	if (recent->any)
		*recent = (struct order_recent){0};
}

bool order_recent_has(const struct order_recent *recent, const uint8_t *datagram, bool *names)
{
	const struct wire_request *requests =
		(const struct wire_request *)(datagram + WIRE_HEADER_BYTES);
	bool has = false;

	*names = false;
	for (uint32_t i = 0; i < wire_count(datagram); i++) {
		const uint64_t bit = bit_of(requests[i].price_or_order);

		if (!order_map_names(&requests[i]))
			continue;
		*names = true;
		has |= (recent->bits[bit / 64] >> bit % 64 & 1) != 0;
	}
	return has;
}
