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
	const uint8_t *entries; /* of the chunk read last */
	uint32_t entry_bytes;
	uint32_t cnt;
	uint32_t next;
	bool ended;
};

enum {
	STREAM_ORDERS,
	STREAM_HOLDS,
	STREAM_CHANGES,
	STREAM_LINKS,
	STREAM_PREPARED,
	STREAM_CNT,
};

static const uint16_t stream_kinds[STREAM_CNT] = {
	[STREAM_ORDERS] = RECORD_ORDER,      [STREAM_HOLDS] = RECORD_HOLD,
	[STREAM_CHANGES] = RECORD_CONFIRM,   [STREAM_LINKS] = RECORD_LINK,
	[STREAM_PREPARED] = RECORD_PREPARED,
};

/* The entry that comes next, made a record. */
struct entry {
	uint64_t lsn;
	struct stream *from; /* NULL: there is none */
	struct record record;
};

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
	switch (kind) {
	case RECORD_ORDER:
		return header->order_cnt;
	case RECORD_HOLD:
		return header->hold_cnt;
	case RECORD_LINK:
		return header->link_cnt;
	case RECORD_PREPARED:
		return header->prepared_cnt;
	default:
		return header->change_cnt;
	}
}

static uint32_t entry_bytes(uint16_t kind)
{
	switch (kind) {
	case RECORD_HOLD:
		return sizeof(struct snapshot_hold);
	case RECORD_PREPARED:
		return sizeof(struct snapshot_prepared);
	default:
		return CHECKPOINT_ENTRY_BYTES;
	}
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
		stream->entry_bytes = entry_bytes(stream->kind);
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
		records->header.placed_cnt == 0 && checkpoint_unsaved_cnt(&records->header) == 0;
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

static const void *entries_of(const struct checkpoint_chunk *chunk, uint16_t kind)
{
	switch (kind) {
	case RECORD_ORDER:
		return chunk->orders;
	case RECORD_HOLD:
		return chunk->holds;
	case RECORD_LINK:
		return chunk->links;
	case RECORD_PREPARED:
		return chunk->prepared;
	default:
		return chunk->changes;
	}
}

/* Reads the next chunk of a stream. It ends at the first of another kind. */
static int fill_stream(struct stream *stream, struct error *error)
{
	struct checkpoint_chunk chunk;
	const int rc = checkpoint_next(stream->checkpoint, &chunk, error);
	const void *entries = NULL;

	if (rc < 0)
		return rc;
	if (rc == 1)
		entries = entries_of(&chunk, stream->kind);
	stream->ended = entries == NULL;
	stream->entries = entries;
	stream->cnt = stream->ended ? 0 : chunk.cnt;
	stream->next = 0;
	return 0;
}

static uint64_t lsn_of(const struct stream *stream, const void *entry)
{
	if (stream->kind == RECORD_LINK)
		return ((const struct snapshot_link *)entry)->lsn;
	if (stream->kind == RECORD_PREPARED)
		return ((const struct snapshot_prepared *)entry)->lsn;
	return ((const struct snapshot_order *)entry)->lsn_quantity >> QUANTITY_BITS;
}

/* *entry: the stream's next, without bought orders among the holds, which are among the orders too;
 * NULL after the last. 0 or -errno. */
static int look(struct stream *stream, const void **entry, struct error *error)
{
	*entry = NULL;
	while (!stream->ended) {
		if (stream->next == stream->cnt) {
			const int rc = fill_stream(stream, error);

			if (rc != 0)
				return rc;
			continue;
		}
		*entry = stream->entries + (size_t)stream->next * stream->entry_bytes;
		if (stream->kind != RECORD_HOLD || checkpoint_entry_kind(*entry) == RECORD_HOLD)
			return 0;
		*entry = NULL;
		stream->next++;
	}
	return 0;
}

static uint8_t flags_of(const struct snapshot_order *entry)
{
	const uint32_t flags = entry->offer >> SNAPSHOT_FLAGS_SHIFT;
	const uint8_t kind = checkpoint_entry_kind(entry);
	uint8_t of_record = 0;

	if (kind == RECORD_ORDER)
		of_record = (flags & SNAPSHOT_WAS_PREPARED) != 0 ? RECORD_WAS_PREPARED : 0;
	else if (kind != RECORD_HOLD) /* its entry has those of its CONFIRM there */
		of_record = flags & (CONFIRM_LATE | CONFIRM_REFUND | CONFIRM_OF_BASKET);
	if ((flags & SNAPSHOT_BASKET_GOES_ON) != 0)
		of_record |= RECORD_BASKET_GOES_ON;
	return of_record;
}

/* Changes have the LSN of their order where orders have the highest price. 0, or -EBADMSG. */
static int record_of_order(const struct checkpoint_records *records,
			   const struct snapshot_order *entry, struct record *record)
{
	const uint32_t offer = entry->offer & ((UINT32_C(1) << SNAPSHOT_OFFER_BITS) - 1);

	static_assert(offsetof(struct record, change.order_lsn) ==
			      offsetof(struct record, order.max_price),
		      "either");
	if (offer >= records->sku_cnt)
		return -EBADMSG;
	*record = (struct record){
		.kind = checkpoint_entry_kind(entry),
		.flags = flags_of(entry),
		.quantity = (uint16_t)entry->lsn_quantity,
		.channel = entry->channel,
		.at_ns = entry->at_ns,
		.sku = records->skus[offer],
		.unit_price = entry->unit_price,
		.order = {.request_id = {entry->request_id[0], entry->request_id[1]},
			  .buyer = entry->buyer,
			  .max_price = entry->max_price},
	};
	return 0;
}

static int record_of(const struct checkpoint_records *records, const struct stream *stream,
		     const void *entry, struct record *record)
{
	if (stream->kind == RECORD_LINK) {
		*record = record_of_link(entry);
		return 0;
	}
	if (stream->kind == RECORD_PREPARED) {
		*record = ((const struct snapshot_prepared *)entry)->record;
		return record->kind == RECORD_PREPARED ? 0 : -EBADMSG;
	}
	return record_of_order(records, entry, record);
}

static int say_impossible(const struct checkpoint_records *records, struct error *error)
{
	return error_say(error, -EBADMSG, "%s: no record of it can be LSN %" PRIu64, records->path,
			 records->lsn);
}

/* The entry with the least LSN of all streams. */
static int look_at_all(struct checkpoint_records *records, struct entry *first, struct error *error)
{
	const void *least = NULL;

	*first = (struct entry){.lsn = UINT64_MAX};
	for (unsigned i = 0; i < STREAM_CNT; i++) {
		struct stream *stream = &records->streams[i];
		const void *entry;
		const int rc = look(stream, &entry, error);

		if (rc != 0)
			return rc;
		if (entry == NULL || (least != NULL && lsn_of(stream, entry) >= first->lsn))
			continue;
		least = entry;
		first->from = stream;
		first->lsn = lsn_of(stream, entry);
	}
	if (least != NULL && record_of(records, first->from, least, &first->record) != 0)
		return say_impossible(records, error);
	return 0;
}

int checkpoint_records_next(struct checkpoint_records *records, uint64_t *lsn,
			    struct record *record, struct error *error)
{
	struct entry entry;
	int rc = 0;

	if (!records->exact && records->offer_next < records->offer_cnt) {
		*lsn = 0;
		*record = records->offers[records->offer_next++];
		return 1;
	}
	if (records->lsn == records->header.next_lsn)
		return 0;
	rc = look_at_all(records, &entry, error);
	if (rc != 0 || (entry.from == NULL && !records->exact))
		return rc;
	*lsn = records->lsn;
	if (entry.from != NULL && entry.lsn < records->header.next_lsn &&
	    (entry.lsn == records->lsn || (!records->exact && entry.lsn > records->lsn))) {
		*lsn = entry.lsn;
		*record = entry.record;
		entry.from->next++;
	} else if (entry.lsn > records->lsn && records->offer_next < records->offer_cnt) {
		*record = records->offers[records->offer_next++];
	} else {
		return say_impossible(records, error);
	}
	records->lsn = *lsn + 1;
	return 1;
}
