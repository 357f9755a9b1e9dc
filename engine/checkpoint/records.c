#include "engine/checkpoint/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries of one kind, chunk by chunk, by a reader of their own. */
struct stream {
	struct checkpoint *checkpoint; /* NULL: there are none */
	uint16_t kind;
	const struct snapshot_order *entries; /* of the chunk read last */
	uint32_t step;                        /* entries from one of the kind to the next */
	uint32_t cnt;
	uint32_t next;
	bool ended;
};

enum {
	STREAM_ORDERS,
	STREAM_HOLDS,
	STREAM_CHANGES,
	STREAM_CNT,
};

static const uint16_t stream_kinds[STREAM_CNT] = {RECORD_ORDER, RECORD_HOLD, RECORD_CONFIRM};

struct checkpoint_records {
	struct checkpoint_header header;
	struct record *offers; /* and CLOCK and PLACED records */
	uint64_t *skus;        /* of the offers alone */
	uint64_t offer_cnt;
	uint64_t sku_cnt;
	uint64_t offer_next;
	struct stream streams[STREAM_CNT];
	/* Every LSN has an entry, and offers and PLACED records are not mixed: so those of the
	 * offers are the ones that nothing else has. */
	bool exact;
	uint64_t lsn;
	char path[CHECKPOINT_PATH_BYTES];
};

/* Reads all offers with a reader of the whole file. */
static int read_offers(struct checkpoint_records *records, struct checkpoint *checkpoint,
		       struct error *error)
{
	const uint64_t offer_cnt = records->header.offer_cnt;
	struct checkpoint_chunk chunk;

	records->offers = calloc(offer_cnt + 1, sizeof(*records->offers));
	records->skus = calloc(offer_cnt + 1, sizeof(*records->skus));
	if (records->offers == NULL || records->skus == NULL) {
		return error_say(error, -ENOMEM, "%s: no memory for its %" PRIu64 " offers",
				 records->path, offer_cnt);
	}
	while (records->offer_cnt < offer_cnt) {
		const int rc = checkpoint_next(checkpoint, &chunk, error);

		if (rc < 0)
			return rc;
		memcpy(records->offers + records->offer_cnt, chunk.offers,
		       chunk.cnt * sizeof(*records->offers));
		records->offer_cnt += chunk.cnt;
		for (uint32_t i = 0; i < chunk.cnt; i++) {
			if (chunk.offers[i].kind == RECORD_OFFER)
				records->skus[records->sku_cnt++] = chunk.offers[i].sku;
		}
	}
	return 0;
}

static uint64_t entry_cnt(const struct checkpoint_header *header, uint16_t kind)
{
	if (kind == RECORD_ORDER)
		return header->order_cnt;
	return kind == RECORD_HOLD ? header->hold_cnt : header->change_cnt;
}

static int open_all(struct checkpoint_records *records, const struct data_dir *dir, uint16_t lane,
		    uint64_t next_lsn, struct error *error)
{
	struct checkpoint *checkpoint = NULL;
	int rc = checkpoint_open(&checkpoint, dir, lane, next_lsn, error);

	if (rc == 0) {
		records->header = *checkpoint_header(checkpoint);
		rc = read_offers(records, checkpoint, error);
	}
	checkpoint_close(checkpoint);
	for (unsigned i = 0; i < STREAM_CNT && rc == 0; i++) {
		struct stream *stream = &records->streams[i];

		stream->kind = stream_kinds[i];
		stream->step = stream->kind == RECORD_HOLD ? CHECKPOINT_HOLD_ENTRIES : 1;
		stream->ended = entry_cnt(&records->header, stream->kind) == 0;
		if (stream->ended)
			continue;
		rc = checkpoint_open(&stream->checkpoint, dir, lane, next_lsn, error);
		if (rc == 0)
			checkpoint_skip_to(stream->checkpoint, stream->kind);
	}
	return rc;
}

int checkpoint_records_open(struct checkpoint_records **out, const struct data_dir *dir,
			    uint16_t lane, uint64_t next_lsn, struct error *error)
{
	struct checkpoint_records *records = calloc(1, sizeof(*records));
	int rc;

	if (records == NULL)
		return error_say(error, -ENOMEM, "lane %u: no memory to read a checkpoint", lane);
	checkpoint_path(dir, lane, next_lsn, records->path);
	rc = open_all(records, dir, lane, next_lsn, error);
	if (rc != 0) {
		checkpoint_records_close(records);
		return rc;
	}
	records->exact =
		records->header.placed_cnt == 0 && checkpoint_expire_cnt(&records->header) == 0;
	records->lsn = 1;
	*out = records;
	return 0;
}

void checkpoint_records_close(struct checkpoint_records *records)
{
	if (records == NULL)
		return;
	for (unsigned i = 0; i < STREAM_CNT; i++)
		checkpoint_close(records->streams[i].checkpoint);
	free(records->offers);
	free(records->skus);
	free(records);
}

const struct checkpoint_header *checkpoint_records_header(const struct checkpoint_records *records)
{
	return &records->header;
}

/* Reads the next chunk of a stream. It ends at the first of another kind. */
static int fill_stream(struct stream *stream, struct error *error)
{
	struct checkpoint_chunk chunk;
	const int rc = checkpoint_next(stream->checkpoint, &chunk, error);
	const void *entries = NULL;

	if (rc < 0)
		return rc;
	if (rc == 1 && stream->kind == RECORD_ORDER)
		entries = chunk.orders;
	else if (rc == 1)
		entries = stream->kind == RECORD_HOLD ? (const void *)chunk.holds : chunk.changes;
	stream->ended = entries == NULL;
	stream->entries = entries;
	stream->cnt = stream->ended ? 0 : chunk.cnt;
	stream->next = 0;
	return 0;
}

/* *entry: the stream's next, without bought orders among the holds, which are among the orders too;
 * NULL after the last. 0 or -errno. */
static int look(struct stream *stream, const struct snapshot_order **entry, struct error *error)
{
	*entry = NULL;
	while (!stream->ended) {
		if (stream->next == stream->cnt) {
			const int rc = fill_stream(stream, error);

			if (rc != 0)
				return rc;
			continue;
		}
		*entry = &stream->entries[stream->next * stream->step];
		if (stream->kind != RECORD_HOLD || checkpoint_entry_kind(*entry) == RECORD_HOLD)
			return 0;
		*entry = NULL;
		stream->next++;
	}
	return 0;
}

/* The entry with the least LSN of all streams, and its stream; NULL after the last. */
static int look_at_all(struct checkpoint_records *records, const struct snapshot_order **entry,
		       struct stream **from, struct error *error)
{
	*entry = NULL;
	*from = NULL;
	for (unsigned i = 0; i < STREAM_CNT; i++) {
		const struct snapshot_order *one;
		const int rc = look(&records->streams[i], &one, error);

		if (rc != 0)
			return rc;
		if (one != NULL &&
		    (*entry == NULL || one->lsn_quantity >> QUANTITY_BITS <
					       (*entry)->lsn_quantity >> QUANTITY_BITS)) {
			*entry = one;
			*from = &records->streams[i];
		}
	}
	return 0;
}

static uint8_t flags_of(const struct snapshot_order *entry)
{
	const uint32_t flags = entry->offer >> SNAPSHOT_FLAGS_SHIFT;
	const uint8_t kind = checkpoint_entry_kind(entry);
	/* A hold's entry has those of its CONFIRM there. */
	const bool own = kind != RECORD_ORDER && kind != RECORD_HOLD;

	return (uint8_t)((own ? flags & (CONFIRM_LATE | CONFIRM_REFUND | CONFIRM_OF_BASKET) : 0) |
			 ((flags & SNAPSHOT_BASKET_GOES_ON) != 0 ? RECORD_BASKET_GOES_ON : 0));
}

/* Changes have the LSN of their order where orders have the highest price. */
static struct record record_of(const struct snapshot_order *entry, uint64_t sku)
{
	static_assert(offsetof(struct record, change.order_lsn) ==
			      offsetof(struct record, order.max_price),
		      "either");
	return (struct record){
		.kind = checkpoint_entry_kind(entry),
		.flags = flags_of(entry),
		.quantity = (uint16_t)entry->lsn_quantity,
		.channel = entry->channel,
		.at_ns = entry->at_ns,
		.sku = sku,
		.unit_price = entry->unit_price,
		.order = {.request_id = {entry->request_id[0], entry->request_id[1]},
			  .buyer = entry->buyer,
			  .max_price = entry->max_price},
	};
}

int checkpoint_records_next(struct checkpoint_records *records, uint64_t *lsn,
			    struct record *record, struct error *error)
{
	const struct snapshot_order *entry;
	struct stream *from;
	int rc = 0;

	if (!records->exact && records->offer_next < records->offer_cnt) {
		*lsn = 0;
		*record = records->offers[records->offer_next++];
		return 1;
	}
	if (records->lsn == records->header.next_lsn)
		return 0;
	rc = look_at_all(records, &entry, &from, error);
	if (rc != 0 || (entry == NULL && !records->exact))
		return rc;

	const uint64_t entry_lsn =
		entry == NULL ? UINT64_MAX : entry->lsn_quantity >> QUANTITY_BITS;
	const uint32_t offer =
		entry == NULL ? 0 : entry->offer & ((UINT32_C(1) << SNAPSHOT_OFFER_BITS) - 1);

	*lsn = records->lsn;
	if (entry != NULL && offer < records->sku_cnt && entry_lsn < records->header.next_lsn &&
	    (entry_lsn == records->lsn || (!records->exact && entry_lsn > records->lsn))) {
		*lsn = entry_lsn;
		*record = record_of(entry, records->skus[offer]);
		from->next++;
	} else if (entry_lsn > records->lsn && records->offer_next < records->offer_cnt) {
		*record = records->offers[records->offer_next++];
	} else {
		return error_say(error, -EBADMSG, "%s: no record of it can be LSN %" PRIu64,
				 records->path, records->lsn);
	}
	records->lsn = *lsn + 1;
	return 1;
}
