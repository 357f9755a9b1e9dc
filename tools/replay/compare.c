#include "tools/replay/compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "tools/common/cli.h"
#include "tools/replay/op_name.h"

enum {
	INDEX_SLOTS = COMPARE_WAITING_MAX * 2,
	NOBODY = -1,
};

/* A datagram that waits for that of the other side. `chain` links the free ones. */
struct waiting_answer {
	uint64_t key;
	int32_t chain; /* the next with the same place in the index */
	int32_t older; /* the next older one that waits */
	int32_t newer;
	uint8_t side;
	uint8_t cnt;
	uint8_t ops[WIRE_ENTRY_CNT_MAX];
	struct compare_answer answers[WIRE_ENTRY_CNT_MAX];
};

/* The furthest pair of orders of a lane that was compared so far. */
struct furthest {
	uint64_t lsn[COMPARE_SIDES];
};

struct compare {
	struct compare_result result;
	struct waiting_answer *waiting; /* [COMPARE_WAITING_MAX]; untouched ones take no memory */
	int32_t *index;                 /* [INDEX_SLOTS] */
	int32_t free;                   /* used before, free now */
	int32_t touched;                /* the first never used */
	int32_t oldest;
	int32_t newest;
	struct furthest furthest[SHARDS_MAX];
	struct order_map *orders;
	uint32_t keep_max;
	uint32_t kept;
	struct compare_difference first[];
};

static const char *const what_names[] = {"verdict", "price", "quantity", "order"};

struct compare *compare_open(uint32_t keep_max)
{
	struct compare *compare =
		calloc(1, sizeof(*compare) + keep_max * sizeof(compare->first[0]));

	if (compare == NULL)
		return NULL;
	compare->waiting = calloc(COMPARE_WAITING_MAX, sizeof(*compare->waiting));
	compare->index = malloc(INDEX_SLOTS * sizeof(*compare->index));
	compare->orders = order_map_open();
	if (compare->waiting == NULL || compare->index == NULL || compare->orders == NULL) {
		compare_close(compare);
		return NULL;
	}
	memset(compare->index, 0xff, INDEX_SLOTS * sizeof(*compare->index));
	compare->free = compare->oldest = compare->newest = NOBODY;
	compare->keep_max = keep_max;
	return compare;
}

uint64_t compare_key(uint16_t shard, const uint8_t *datagram)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	const struct wire_reply *replies =
		(const struct wire_reply *)(datagram + WIRE_HEADER_BYTES);
	uint64_t key = mix64(header->echo ^ mix64((uint64_t)header->count << 32 | shard));

	for (uint32_t i = 0; i < header->count; i++)
		key = mix64(key ^ replies[i].id[0]) + mix64(replies[i].id[1] + i);
	return key;
}

static int32_t *slot_of(struct compare *compare, uint64_t key)
{
	return &compare->index[key % INDEX_SLOTS];
}

static void unlink_waiting(struct compare *compare, int32_t idx)
{
	struct waiting_answer *one = &compare->waiting[idx];
	int32_t *link = slot_of(compare, one->key);

	while (*link != idx)
		link = &compare->waiting[*link].chain;
	*link = one->chain;
	if (one->older != NOBODY)
		compare->waiting[one->older].newer = one->newer;
	else
		compare->oldest = one->newer;
	if (one->newer != NOBODY)
		compare->waiting[one->newer].older = one->older;
	else
		compare->newest = one->older;
	one->chain = compare->free;
	compare->free = idx;
}

/* The one of the other side that waits longest under this key, or NOBODY. */
static int32_t find_other(struct compare *compare, uint64_t key, uint8_t cnt,
			  enum compare_side side)
{
	int32_t found = NOBODY;

	/* The newest come first in a chain. */
	for (int32_t i = *slot_of(compare, key); i != NOBODY; i = compare->waiting[i].chain) {
		const struct waiting_answer *one = &compare->waiting[i];

		if (one->key == key && one->side != side && one->cnt == cnt)
			found = i;
	}
	return found;
}

static void give_up_oldest(struct compare *compare)
{
	const struct waiting_answer *oldest = &compare->waiting[compare->oldest];

	compare->result.alone[oldest->side] += oldest->cnt;
	unlink_waiting(compare, compare->oldest);
}

/* The ids that a captured answer tells, before the new one came. */
static void expect_orders(struct compare *compare, const struct compare_answer *answers,
			  uint8_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		if (order_map_tells(answers[i].verdict))
			order_map_expect(compare->orders, answers[i].order_id);
	}
}

static void wait(struct compare *compare, uint64_t key, enum compare_side side, uint8_t cnt,
		 const struct compare_answer *answers, const uint8_t *ops)
{
	struct waiting_answer *one;
	int32_t *slot = slot_of(compare, key);
	int32_t idx;

	if (compare->free == NOBODY && compare->touched == COMPARE_WAITING_MAX)
		give_up_oldest(compare);
	if (compare->free != NOBODY) {
		idx = compare->free;
		compare->free = compare->waiting[idx].chain;
	} else {
		idx = compare->touched++;
	}
	one = &compare->waiting[idx];
	one->key = key;
	one->side = (uint8_t)side;
	one->cnt = cnt;
	memcpy(one->answers, answers, cnt * sizeof(*answers));
	memset(one->ops, 0, sizeof(one->ops));
	if (ops != NULL)
		memcpy(one->ops, ops, cnt);
	if (side == COMPARE_CAPTURED)
		expect_orders(compare, answers, cnt);
	one->chain = *slot;
	*slot = idx;
	one->older = compare->newest;
	one->newer = NOBODY;
	if (compare->newest != NOBODY)
		compare->waiting[compare->newest].newer = idx;
	else
		compare->oldest = idx;
	compare->newest = idx;
}

static uint8_t matrix_idx(uint8_t verdict)
{
	return verdict < VERDICT_END ? verdict : VERDICT_NONE;
}

/* False if the order has another place among the orders of its lane than the same order on the
 * other side. */
static bool in_order(struct compare *compare, const struct compare_answer *const sides[])
{
	const uint64_t lane = sides[COMPARE_NEW]->order_id >> ORDER_ID_LSN_BITS;
	const uint64_t captured = sides[COMPARE_CAPTURED]->order_id & LSN_MAX;
	const uint64_t now = sides[COMPARE_NEW]->order_id & LSN_MAX;
	struct furthest *furthest;

	if (lane >= SHARDS_MAX)
		return false;
	furthest = &compare->furthest[lane];
	if ((captured > furthest->lsn[COMPARE_CAPTURED]) != (now > furthest->lsn[COMPARE_NEW]) ||
	    (captured < furthest->lsn[COMPARE_CAPTURED]) != (now < furthest->lsn[COMPARE_NEW]))
		return false;
	if (now > furthest->lsn[COMPARE_NEW]) {
		furthest->lsn[COMPARE_CAPTURED] = captured;
		furthest->lsn[COMPARE_NEW] = now;
	}
	return true;
}

/* Finds what differs; COMPARE_WHATS: nothing. */
static enum compare_what find_difference(struct compare *compare,
					 const struct compare_answer *const sides[])
{
	const struct compare_answer *captured = sides[COMPARE_CAPTURED];
	const struct compare_answer *now = sides[COMPARE_NEW];

	if (captured->verdict != now->verdict)
		return COMPARE_VERDICT;
	/* A PONG has the sale's id there, and a replay is another sale. */
	if (captured->order_id == 0 || now->order_id == 0 || now->verdict == VERDICT_PONG)
		return COMPARE_WHATS;
	compare->result.orders_moved += captured->order_id != now->order_id;
	if (!in_order(compare, sides))
		return COMPARE_ORDER;
	if (captured->unit_price != now->unit_price)
		return COMPARE_PRICE;
	return captured->quantity != now->quantity ? COMPARE_QUANTITY : COMPARE_WHATS;
}

static void count(struct compare *compare, uint8_t op, const struct compare_answer *const sides[])
{
	struct compare_result *result = &compare->result;
	const uint8_t captured = matrix_idx(sides[COMPARE_CAPTURED]->verdict);
	const uint8_t now = matrix_idx(sides[COMPARE_NEW]->verdict);

	result->compared++;
	result->matrix[captured][now]++;
	result->by_op[op].compared++;
	result->by_op[op].matrix[captured][now]++;
}

static void compare_one(struct compare *compare, const uint8_t *id, uint8_t op,
			const struct compare_answer *const sides[])
{
	struct compare_result *result = &compare->result;
	const struct compare_answer *captured = sides[COMPARE_CAPTURED];
	const enum compare_what what = find_difference(compare, sides);
	struct compare_difference *kept;
	bool follows;

	count(compare, op, sides);
	if (order_map_tells(captured->verdict))
		order_map_set(compare->orders, captured->order_id, captured->verdict,
			      sides[COMPARE_NEW]->order_id);
	if (what == COMPARE_WHATS)
		return;
	follows = order_map_tainted(compare->orders, captured->order_id);
	order_map_taint(compare->orders, captured->order_id);
	result->different++;
	result->by_what[what]++;
	result->follows += follows;
	result->by_op[op].different++;
	result->by_op[op].follows += follows;
	if (compare->kept == compare->keep_max)
		return;
	kept = &compare->first[compare->kept++];
	memcpy(kept->request_id, id, sizeof(kept->request_id));
	kept->what = what;
	kept->op = op;
	kept->follows = follows;
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		kept->answers[side] = *sides[side];
}

void compare_add(struct compare *compare, enum compare_side side, uint16_t shard,
		 const uint8_t *datagram, const uint8_t *ops)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	const struct wire_reply *replies =
		(const struct wire_reply *)(datagram + WIRE_HEADER_BYTES);
	const uint64_t key = compare_key(shard, datagram);
	struct compare_answer answers[WIRE_ENTRY_CNT_MAX];
	int32_t other;

	DCHECK(header->count > 0 && header->count <= WIRE_ENTRY_CNT_MAX);
	for (uint32_t i = 0; i < header->count; i++)
		answers[i] = (struct compare_answer){
			.order_id = replies[i].order_id,
			.unit_price = replies[i].unit_price,
			.quantity = replies[i].quantity,
			.verdict = replies[i].verdict,
		};
	other = find_other(compare, key, header->count, side);
	if (other == NOBODY) {
		wait(compare, key, side, header->count, answers, ops);
		return;
	}
	for (uint32_t i = 0; i < header->count; i++) {
		const struct compare_answer *sides[COMPARE_SIDES];
		const uint8_t op = ops != NULL ? ops[i] : compare->waiting[other].ops[i];

		sides[side] = &answers[i];
		sides[1 - side] = &compare->waiting[other].answers[i];
		compare_one(compare, (const uint8_t *)replies[i].id, op < WIRE_OP_END ? op : 0,
			    sides);
	}
	unlink_waiting(compare, other);
}

void compare_finish(struct compare *compare)
{
	while (compare->oldest != NOBODY)
		give_up_oldest(compare);
}

bool compare_same(const struct compare *compare)
{
	return compare->result.different == 0 && compare->result.alone[COMPARE_CAPTURED] == 0;
}

struct order_map *compare_orders(const struct compare *compare)
{
	return compare->orders;
}

const struct compare_result *compare_result(const struct compare *compare)
{
	return &compare->result;
}

uint32_t compare_first(const struct compare *compare, const struct compare_difference **out)
{
	*out = compare->first;
	return compare->kept;
}

/* Whether a verdict occurs on a side. */
static bool occurs(const uint64_t matrix[VERDICT_END][VERDICT_END], enum compare_side side,
		   unsigned verdict)
{
	for (unsigned i = 0; i < VERDICT_END; i++) {
		if ((side == COMPARE_CAPTURED ? matrix[verdict][i] : matrix[i][verdict]) > 0)
			return true;
	}
	return false;
}

static void print_matrix(const uint64_t matrix[VERDICT_END][VERDICT_END], FILE *out)
{
	fprintf(out, "\n%-16s", "captured \\ new");
	for (unsigned now = 0; now < VERDICT_END; now++) {
		if (occurs(matrix, COMPARE_NEW, now))
			fprintf(out, " %15s", verdict_name((uint8_t)now));
	}
	fputc('\n', out);
	for (unsigned captured = 0; captured < VERDICT_END; captured++) {
		if (!occurs(matrix, COMPARE_CAPTURED, captured))
			continue;
		fprintf(out, "%-16s", verdict_name((uint8_t)captured));
		for (unsigned now = 0; now < VERDICT_END; now++) {
			if (occurs(matrix, COMPARE_NEW, now))
				fprintf(out, " %15" PRIu64, matrix[captured][now]);
		}
		fputc('\n', out);
	}
}

static void print_op(uint8_t op, const struct compare_op *one, FILE *out)
{
	fprintf(out, "\n%s: compared %" PRIu64 ", %" PRIu64 " different", op_name(op),
		one->compared, one->different);
	if (one->follows > 0)
		fprintf(out, ", of these %" PRIu64 " because the order they name differed before",
			one->follows);
	print_matrix(one->matrix, out);
}

/* A matrix for each op, or one if there is only one. */
static void print_ops(const struct compare_result *result, FILE *out)
{
	unsigned ops = 0;

	for (uint8_t op = 0; op < WIRE_OP_END; op++)
		ops += result->by_op[op].compared > 0;
	if (ops == 1)
		print_matrix(result->matrix, out);
	for (uint8_t op = 0; op < WIRE_OP_END && ops > 1; op++) {
		if (result->by_op[op].compared > 0)
			print_op(op, &result->by_op[op], out);
	}
}

/* How requests were told which order they mean. */
static void print_named(const struct compare *compare, FILE *out)
{
	const struct order_map_counts *counts = order_map_counts(compare->orders);

	if (counts->named == 0)
		return;
	fprintf(out,
		"%" PRIu64 " requests name an order: %" PRIu64 " have another id in this sale, "
		"%" PRIu64 " were not made in it",
		counts->named, counts->moved, counts->none);
	if (counts->guessed > 0)
		fprintf(out, ", of %" PRIu64 " the answer did not come in time", counts->guessed);
	if (order_map_lost(compare->orders) > 0)
		fprintf(out, "; no memory for %" PRIu64 " others", order_map_lost(compare->orders));
	fputc('\n', out);
}

static void print_answer(const char *who, const struct compare_answer *answer, FILE *out)
{
	fprintf(out, "%s %s", who, verdict_name(answer->verdict));
	if (answer->order_id != 0)
		fprintf(out, " order %" PRIu64 ", %u at %" PRIu64, answer->order_id,
			answer->quantity, answer->unit_price);
}

void compare_print(const struct compare *compare, FILE *out)
{
	const struct compare_result *result = &compare->result;

	fprintf(out,
		"compared %" PRIu64 " requests: %" PRIu64 " different (verdict %" PRIu64
		", price %" PRIu64 ", quantity %" PRIu64 ", order %" PRIu64 "); answered only in "
		"the capture %" PRIu64 ", only now %" PRIu64 "\n",
		result->compared, result->different, result->by_what[COMPARE_VERDICT],
		result->by_what[COMPARE_PRICE], result->by_what[COMPARE_QUANTITY],
		result->by_what[COMPARE_ORDER], result->alone[COMPARE_CAPTURED],
		result->alone[COMPARE_NEW]);
	if (result->compared == 0)
		return;
	print_named(compare, out);
	print_ops(result, out);
	for (uint32_t i = 0; i < compare->kept; i++) {
		const struct compare_difference *one = &compare->first[i];
		char id[33];

		cli_request_id_text(one->request_id, id);
		fprintf(out, "%s%s%s%s differs in %s: ", i == 0 ? "\n" : "",
			one->op > WIRE_OP_BUY ? op_name(one->op) : "",
			one->op > WIRE_OP_BUY ? " " : "", id, what_names[one->what]);
		print_answer("captured", &one->answers[COMPARE_CAPTURED], out);
		print_answer(", now", &one->answers[COMPARE_NEW], out);
		fprintf(out, "%s\n", one->follows ? " (the order it names differed before)" : "");
	}
}

void compare_close(struct compare *compare)
{
	if (compare == NULL)
		return;
	order_map_close(compare->orders);
	free(compare->waiting);
	free(compare->index);
	free(compare);
}
