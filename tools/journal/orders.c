#include "tools/journal/orders.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/checkpoint/records.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"
#include "net/wire.h"
#include "tools/common/cli.h"

static const char *const column_names[] = {
	"order_id", "request_id", "buyer", "sku", "quantity", "unit_price", "durability",
};
static const char header[] = "order_id,request_id,buyer,sku,quantity,unit_price,durability";

enum column {
	COLUMN_ORDER_ID,
	COLUMN_REQUEST_ID,
	COLUMN_BUYER,
	COLUMN_SKU,
	COLUMN_QUANTITY,
	COLUMN_UNIT_PRICE,
	COLUMN_DURABILITY,
	COLUMN_CNT,
};

/* A line of the file: an order as its buyer knows it. */
struct claim {
	uint64_t order_id;
	uint64_t request_id[2];
	uint64_t buyer;
	uint64_t sku;
	uint64_t unit_price;
	uint32_t line;
	uint16_t quantity;
	uint8_t durability;
	bool found;
	bool same; /* with a record of that order */
};

/* An order, hold or change of the current lane: each came by a request. */
struct sold {
	uint64_t sku;
	uint64_t buyer;
	uint64_t request_id[2];
	int64_t units; /* that the buyer got; RETURN: gave back */
	uint32_t group;
	uint32_t group_limit;
};

struct orders {
	struct claim *claims; /* by order id */
	uint64_t claim_cnt;
	uint64_t *buyers; /* of every order of every lane */
	uint64_t buyer_cnt;
	struct orders_result result;
};

/* By name, as tools write it, or by number, as it is on the wire. */
static bool parse_durability(const char *text, uint8_t *out)
{
	uint64_t number;

	for (uint8_t i = DURABILITY_NONE; i <= DURABILITY_REPLICATED; i++) {
		*out = i;
		if (strcasecmp(text, durability_name(i)) == 0)
			return true;
	}
	if (!cli_parse_u64(text, DURABILITY_REPLICATED, &number))
		return false;
	*out = (uint8_t)number;
	return true;
}

/* The column that is wrong, or COLUMN_CNT if the line is right. */
static enum column parse_claim(char *line, struct claim *claim)
{
	char *fields[COLUMN_CNT];
	uint64_t quantity = 0;
	char *rest = line;

	for (unsigned i = 0; i < COLUMN_CNT; i++) {
		fields[i] = strsep(&rest, ",");
		if (fields[i] == NULL)
			return (enum column)i;
	}
	if (rest != NULL || !parse_durability(fields[COLUMN_DURABILITY], &claim->durability))
		return COLUMN_DURABILITY;
	if (!cli_parse_u64(fields[COLUMN_ORDER_ID], UINT64_MAX, &claim->order_id))
		return COLUMN_ORDER_ID;
	if (!cli_parse_request_id(fields[COLUMN_REQUEST_ID], claim->request_id))
		return COLUMN_REQUEST_ID;
	if (!cli_parse_u64(fields[COLUMN_BUYER], UINT64_MAX, &claim->buyer))
		return COLUMN_BUYER;
	if (!cli_parse_u64(fields[COLUMN_SKU], UINT64_MAX, &claim->sku))
		return COLUMN_SKU;
	if (!cli_parse_u64(fields[COLUMN_QUANTITY], QUANTITY_MAX, &quantity))
		return COLUMN_QUANTITY;
	if (!cli_parse_u64(fields[COLUMN_UNIT_PRICE], UINT64_MAX, &claim->unit_price))
		return COLUMN_UNIT_PRICE;
	claim->quantity = (uint16_t)quantity;
	return COLUMN_CNT;
}

static struct claim *add_claim(struct orders *orders)
{
	/* Grows at powers of two. */
	if ((orders->claim_cnt & (orders->claim_cnt - 1)) == 0) {
		const uint64_t room = orders->claim_cnt == 0 ? 1 : orders->claim_cnt * 2;
		struct claim *more = reallocarray(orders->claims, room, sizeof(*more));

		if (more == NULL)
			return NULL;
		orders->claims = more;
	}
	return &orders->claims[orders->claim_cnt++];
}

static int load_lines(struct orders *orders, FILE *file, const char *path, struct error *error)
{
	char line[512];
	uint32_t number = 0;

	while (fgets(line, sizeof(line), file) != NULL) {
		number++;
		line[strcspn(line, "\r\n")] = '\0';
		if (number == 1) {
			if (strcmp(line, header) == 0)
				continue;
			place_set(error, path, number, 0, "");
			error_add(error, "the first line must be the header %s", header);
			return -EINVAL;
		}
		if (line[0] == '\0')
			continue;

		struct claim *claim = add_claim(orders);

		if (claim == NULL)
			return error_say(error, -ENOMEM, "%s: no memory for its orders", path);
		*claim = (struct claim){.line = number};

		const enum column wrong = parse_claim(line, claim);

		if (wrong != COLUMN_CNT) {
			place_set(error, path, number, wrong + 1U, column_names[wrong]);
			error_add(error, "missing, or not what it should be; the columns are %s",
				  header);
			return -EINVAL;
		}
	}
	if (number > 0 && !ferror(file))
		return 0;
	return error_say(error, -EINVAL, "%s: %s", path,
			 ferror(file) ? "cannot be read" : "empty; it has not even a header line");
}

static int by_order_id(const void *a, const void *b)
{
	const struct claim *one = a;
	const struct claim *two = b;

	if (one->order_id != two->order_id)
		return one->order_id < two->order_id ? -1 : 1;
	return one->line < two->line ? -1 : 1;
}

int orders_load(struct orders **out, const char *path, struct error *error)
{
	struct orders *orders = calloc(1, sizeof(*orders));
	FILE *file = fopen(path, "re");
	int rc = 0;

	CHECK(orders != NULL);
	if (file == NULL) {
		rc = -errno;
		error_set(error, "--orders %s: %s", path, strerror(-rc));
	} else {
		rc = load_lines(orders, file, path, error);
		fclose(file);
	}
	if (rc != 0) {
		orders_free(orders);
		return rc;
	}
	if (orders->claim_cnt > 0)
		qsort(orders->claims, orders->claim_cnt, sizeof(*orders->claims), by_order_id);
	orders->result.checked = orders->claim_cnt;
	*out = orders;
	return 0;
}

void orders_free(struct orders *orders)
{
	if (orders == NULL)
		return;
	free(orders->claims);
	free(orders->buyers);
	free(orders);
}

static void note_bad(struct orders *orders, uint64_t line)
{
	if (orders->result.first_bad_line == 0 || line < orders->result.first_bad_line)
		orders->result.first_bad_line = line;
}

static bool same(const struct claim *claim, const struct record *record)
{
	return memcmp(claim->request_id, record->order.request_id, sizeof(claim->request_id)) ==
		       0 &&
	       claim->buyer == record->order.buyer && claim->sku == record->sku &&
	       claim->quantity == record->quantity && claim->unit_price == record->unit_price;
}

/* The first claim at or above an order id. */
static uint64_t find_claim(const struct orders *orders, uint64_t order_id)
{
	uint64_t low = 0;
	uint64_t high = orders->claim_cnt;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (orders->claims[middle].order_id < order_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Compares the claims from this one on that have an order id with a record of that order: its ORDER
 * or HOLD, or a CONFIRM. A buyer knows one of them. */
static void match(struct orders *orders, uint64_t next, uint64_t order_id,
		  const struct record *record)
{
	for (; next < orders->claim_cnt && orders->claims[next].order_id == order_id; next++) {
		orders->claims[next].found = true;
		orders->claims[next].same |= same(&orders->claims[next], record);
	}
}

/* ORDER and HOLD: both sides ascend, the lane by LSN, the claims by order id. */
static void match_next(struct orders *orders, uint64_t *next, uint64_t order_id,
		       const struct record *record)
{
	while (*next < orders->claim_cnt && orders->claims[*next].order_id < order_id)
		(*next)++;
	match(orders, *next, order_id, record);
}

static int by_request(const void *a, const void *b)
{
	const struct sold *one = a;
	const struct sold *two = b;
	const int ids = memcmp(one->request_id, two->request_id, sizeof(one->request_id));

	if (ids != 0)
		return ids;
	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

static int by_buyer(const void *a, const void *b)
{
	const struct sold *one = a;
	const struct sold *two = b;

	if (one->sku != two->sku)
		return one->sku < two->sku ? -1 : 1;
	return one->buyer < two->buyer ? -1 : one->buyer > two->buyer;
}

static int by_sku(const void *a, const void *b)
{
	const struct record *one = a;
	const struct record *two = b;

	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

static int by_group(const void *a, const void *b)
{
	const struct sold *one = a;
	const struct sold *two = b;

	if (one->group != two->group)
		return one->group < two->group ? -1 : 1;
	return one->buyer < two->buyer ? -1 : one->buyer > two->buyer;
}

static const struct record *offer_of(const struct record *offers, uint64_t offer_cnt, uint64_t sku)
{
	const struct record wanted = {.sku = sku};

	return offer_cnt == 0 ? NULL : bsearch(&wanted, offers, offer_cnt, sizeof(*offers), by_sku);
}

static int64_t limit_of(const struct record *offer)
{
	return offer == NULL || offer->offer.limit_per_buyer == 0 ? INT64_MAX
								  : offer->offer.limit_per_buyer;
}

/* What buyers hold is not counted here: only what they got. A SKU is sold by one lane only, and so
 * is a group, so that each lane can be counted by itself. */
static void count_lane(struct orders *orders, struct sold *sold, uint64_t cnt,
		       const struct record *offers, uint64_t offer_cnt)
{
	qsort(sold, cnt, sizeof(*sold), by_request);
	for (uint64_t i = 1; i < cnt; i++)
		orders->result.doubled += by_request(&sold[i - 1], &sold[i]) == 0;
	qsort(sold, cnt, sizeof(*sold), by_buyer);
	for (uint64_t i = 0; i < cnt;) {
		const struct sold *first = &sold[i];
		const struct record *offer = offer_of(offers, offer_cnt, first->sku);
		int64_t units = 0;

		for (; i < cnt && by_buyer(first, &sold[i]) == 0; i++) {
			units += sold[i].units;
			sold[i].group = offer == NULL ? 0 : offer->channel;
			sold[i].group_limit = offer == NULL ? 0 : offer->quantity;
		}
		orders->result.buyers_over_limit += units > limit_of(offer);
	}
	qsort(sold, cnt, sizeof(*sold), by_group);
	for (uint64_t i = 0; i < cnt;) {
		const struct sold *first = &sold[i];
		int64_t units = 0;

		for (; i < cnt && by_group(first, &sold[i]) == 0; i++)
			units += sold[i].units;
		orders->result.buyers_over_limit +=
			first->group != 0 && first->group_limit != 0 && units > first->group_limit;
	}
}

/* State of the walk over a lane, in lane order. */
struct walk {
	struct orders *orders;
	uint64_t next; /* claim */
	struct sold *sold;
	uint64_t cnt;
	uint64_t room;
	uint16_t lane;
};

/* The units that a record gave its buyer, or took back. */
static int64_t units_of(const struct record *record)
{
	switch (record->kind) {
	case RECORD_ORDER:
		return record->quantity;
	case RECORD_CONFIRM:
		return (record->flags & CONFIRM_REFUND) == 0 ? record->quantity : 0;
	case RECORD_RETURN:
		return -(int64_t)record->quantity;
	default:
		return 0;
	}
}

static void collect(struct walk *walk, uint64_t lsn, const struct record *record)
{
	struct orders *orders = walk->orders;

	switch (record->kind) {
	case RECORD_ORDER:
	case RECORD_HOLD:
		match_next(orders, &walk->next, order_id_of(walk->lane, lsn), record);
		break;
	case RECORD_CONFIRM: {
		const uint64_t order_id = order_id_of(walk->lane, record->change.order_lsn);

		if ((record->flags & CONFIRM_REFUND) == 0)
			match(orders, find_claim(orders, order_id), order_id, record);
		break;
	}
	case RECORD_RELEASE:
	case RECORD_EXTEND:
	case RECORD_RETURN:
		break;
	default:
		return;
	}
	/* The scan has counted them: this is no more. */
	CHECK(walk->cnt < walk->room);
	walk->sold[walk->cnt++] = (struct sold){
		.sku = record->sku,
		.buyer = record->order.buyer,
		.request_id = {record->order.request_id[0], record->order.request_id[1]},
		.units = units_of(record),
	};
}

/* Walks what was before a pruned lane's first segment. */
static int walk_checkpoint(struct walk *walk, const struct data_dir *dir,
			   const struct recover_scan *scan, struct error *error)
{
	struct checkpoint_records *records = NULL;
	struct record record;
	uint64_t lsn;
	int rc;

	if (recover_checkpoint_lsn(scan) == 0)
		return 0;
	rc = checkpoint_records_open(&records, dir, walk->lane, scan->from.tail.next_lsn, error);
	while (rc == 0 && (rc = checkpoint_records_next(records, &lsn, &record, error)) == 1) {
		collect(walk, lsn, &record);
		rc = 0;
	}
	checkpoint_records_close(records);
	return rc;
}

static int walk_lane(struct walk *walk, const struct data_dir *dir, const struct recover_scan *scan,
		     struct error *error)
{
	struct lane_reader *reader = NULL;
	struct lane_files *files = NULL;
	uint64_t lsn = recover_checkpoint_lsn(scan) + 1;
	int rc = data_dir_open_lane(dir, walk->lane, &files, error);

	if (rc == 0)
		rc = lane_reader_open_at(&reader, files, dir->journal_id, walk->lane, &scan->from,
					 error);
	while (rc == 0 && lsn < scan->tail.next_lsn) {
		const struct block_header *block;
		const struct record *records;

		if (lane_reader_next(reader, &block, &records, error) != LANE_BLOCK) {
			rc = -EBADMSG;
			break;
		}
		CHECK(lsn + block->record_cnt <= scan->tail.next_lsn);
		for (uint32_t i = 0; i < block->record_cnt; i++)
			collect(walk, lsn + i, &records[i]);
		lsn += block->record_cnt;
	}
	lane_reader_close(reader);
	return rc;
}

/* Reads the lane into sold[] and buyers[], which have room for what the scan counted. */
static int read_lane(struct orders *orders, const struct data_dir *dir, struct walk *walk,
		     const struct recover_scan *scan, struct error *error)
{
	int rc = walk_checkpoint(walk, dir, scan, error);

	if (rc == 0)
		rc = walk_lane(walk, dir, scan, error);
	for (uint64_t i = 0; i < walk->cnt; i++) {
		if (walk->sold[i].units > 0)
			orders->buyers[orders->buyer_cnt++] = walk->sold[i].buyer;
	}
	return rc;
}

int orders_check_lane(struct orders *orders, const struct data_dir *dir, uint16_t lane,
		      const struct recover_scan *scan, struct error *error)
{
	/* hold_cnt has the HOLD records, and more. */
	const uint64_t room = scan->order_cnt + scan->hold_cnt + scan->change_cnt;
	struct walk walk = {
		.orders = orders,
		.next = find_claim(orders, order_id_of(lane, 0)),
		.sold = calloc(room + 1, sizeof(*walk.sold)),
		.room = room,
		.lane = lane,
	};
	struct record *offers = calloc(scan->offer_cnt + 1, sizeof(*offers));
	uint64_t *buyers =
		reallocarray(orders->buyers, orders->buyer_cnt + room + 1, sizeof(*buyers));
	int rc = -ENOMEM;

	if (buyers != NULL)
		orders->buyers = buyers;
	if (walk.sold == NULL || offers == NULL || buyers == NULL) {
		error_set(error, "lane %u: no memory to compare %" PRIu64 " orders", lane, room);
	} else {
		rc = read_lane(orders, dir, &walk, scan, error);
		if (scan->offer_cnt > 0)
			memcpy(offers, scan->offers, scan->offer_cnt * sizeof(*offers));
		qsort(offers, scan->offer_cnt, sizeof(*offers), by_sku);
		if (rc == 0)
			count_lane(orders, walk.sold, walk.cnt, offers, scan->offer_cnt);
	}
	free(offers);
	free(walk.sold);
	return rc;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

void orders_finish(struct orders *orders, struct orders_result *result)
{
	if (orders->buyer_cnt > 0)
		qsort(orders->buyers, orders->buyer_cnt, sizeof(*orders->buyers), by_value);
	for (uint64_t i = 0; i < orders->buyer_cnt; i++)
		orders->result.distinct_buyers +=
			i == 0 || orders->buyers[i] != orders->buyers[i - 1];
	for (uint64_t i = 0; i < orders->claim_cnt; i++) {
		const struct claim *claim = &orders->claims[i];

		if (claim->found) {
			if (!claim->same) {
				orders->result.different++;
				note_bad(orders, claim->line);
			}
			continue;
		}
		if (claim->durability >= DURABILITY_DURABLE) {
			orders->result.missing++;
			note_bad(orders, claim->line);
		} else {
			orders->result.forgotten++;
		}
	}
	*result = orders->result;
}
