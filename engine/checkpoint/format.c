/*
 * Checksums and shape of a checkpoint: the code that writer and reader share.
 */
#include "engine/checkpoint/format.h"

#include <stdbool.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/mix64.h"
#include "engine/journal/format.h"

/* The kinds of chunks, in the order of a file. */
static const uint16_t kinds[] = {RECORD_OFFER,   RECORD_ORDER, RECORD_HOLD,
				 RECORD_CONFIRM, RECORD_LINK,  RECORD_PREPARED};

enum {
	KIND_CNT = sizeof(kinds) / sizeof(kinds[0]),
};

static uint64_t entries_of(const struct checkpoint_header *header, uint16_t kind)
{
	switch (kind) {
	case RECORD_OFFER:
		return header->offer_cnt;
	case RECORD_ORDER:
		return header->order_cnt;
	case RECORD_HOLD:
		return header->hold_cnt * CHECKPOINT_HOLD_ENTRIES;
	case RECORD_LINK:
		return header->link_cnt;
	case RECORD_PREPARED:
		return (uint64_t)header->prepared_cnt * CHECKPOINT_PREPARED_ENTRIES;
	default:
		return header->change_cnt;
	}
}

uint64_t checkpoint_bytes(const struct checkpoint_header *header)
{
	uint64_t bytes = CHECKPOINT_HEADER_BYTES;

	for (unsigned i = 0; i < KIND_CNT; i++) {
		const uint64_t cnt = entries_of(header, kinds[i]);

		bytes += checkpoint_chunks(cnt) * CHUNK_HEADER_BYTES + cnt * CHECKPOINT_ENTRY_BYTES;
	}
	return bytes;
}

/* As the journal's: the bytes before the field go into the seed. */
static uint64_t checksum_of(const void *data, size_t bytes, uint64_t seed)
{
	uint64_t front;

	memcpy(&front, data, sizeof(front));
	return XXH3_64bits_withSeed((const uint8_t *)data + 2 * sizeof(front),
				    bytes - 2 * sizeof(front), mix64(seed ^ front));
}

uint64_t checkpoint_checksum(const struct checkpoint_header *header)
{
	return checksum_of(header, sizeof(*header), 0);
}

uint64_t chunk_checksum(const struct chunk_header *chunk, const struct checkpoint_header *header)
{
	return checksum_of(chunk,
			   CHUNK_HEADER_BYTES + (size_t)chunk->entry_cnt * CHECKPOINT_ENTRY_BYTES,
			   mix64(header->checksum ^ chunk->number));
}

static bool format_is_known(const struct checkpoint_header *header)
{
	return header->format >= CHECKPOINT_FORMAT && header->format <= CHECKPOINT_FORMAT_HOLDS;
}

static bool reserved_is_zero(const struct checkpoint_header *header)
{
	return header->reserved_16 == 0 &&
	       (header->format == CHECKPOINT_FORMAT_HOLDS ||
		(header->prepared_cnt | header->hold_cnt | header->change_cnt | header->placed_cnt |
		 header->bought_cnt | header->units_written_off | header->link_cnt) == 0);
}

/* Whether a lane can have records that leave no entry: EXPIRE of its holds, and lines of baskets
 * over several shards. */
static bool can_leave_none(const struct checkpoint_header *header)
{
	return header->hold_cnt > header->bought_cnt ||
	       (header->format == CHECKPOINT_FORMAT_HOLDS && header->shards > 1);
}

static bool counts_are_possible(const struct checkpoint_header *header)
{
	uint64_t records;

	if (header->next_lsn < 2 || header->next_lsn > LSN_MAX)
		return false;
	/* None by itself is more: so their sums are right. */
	if (header->offer_cnt >= header->next_lsn || header->order_cnt >= header->next_lsn ||
	    header->hold_cnt >= header->next_lsn || header->change_cnt >= header->next_lsn ||
	    header->link_cnt >= header->next_lsn || header->placed_cnt > header->offer_cnt ||
	    header->bought_cnt > header->hold_cnt || header->bought_cnt > header->order_cnt)
		return false;
	if (header->offer_cnt - header->placed_cnt > OFFERS_MAX + CLOCK_RECORDS_MAX ||
	    header->placed_cnt > OFFERS_MAX || header->order_cnt > UINT32_MAX ||
	    header->hold_cnt > UINT32_MAX || header->change_cnt > UINT32_MAX ||
	    header->link_cnt > UINT32_MAX || header->prepared_cnt > PREPARED_MAX)
		return false;
	if (header->shards == 1 && (header->link_cnt | header->prepared_cnt) != 0)
		return false;
	records = header->offer_cnt + header->order_cnt + header->hold_cnt - header->bought_cnt +
		  header->change_cnt + header->link_cnt + header->prepared_cnt;
	return records == header->next_lsn - 1 ||
	       (records < header->next_lsn - 1 && can_leave_none(header));
}

static bool position_is_possible(const struct checkpoint_header *header)
{
	return header->block_offset >= BLOCK_ALIGN_BYTES &&
	       header->block_offset % BLOCK_ALIGN_BYTES == 0 &&
	       header->offset > header->block_offset &&
	       header->offset - header->block_offset <= BLOCK_BYTES_MAX &&
	       header->offset % BLOCK_ALIGN_BYTES == 0 && header->offset <= SEGMENT_BYTES_MAX &&
	       header->watermark_lsn < header->next_lsn && header->clock_ns >= header->last_at_ns;
}

const char *checkpoint_header_wrong(const struct checkpoint_header *header, uint64_t journal_id,
				    uint16_t lane, uint16_t shards)
{
	if (header->magic != CHECKPOINT_MAGIC)
		return "it does not begin like a checkpoint";
	if (!format_is_known(header))
		return "it has an unknown format";
	if (header->checksum != checkpoint_checksum(header))
		return "its header is damaged";
	if (header->journal_id != journal_id)
		return "it belongs to another journal";
	if (header->lane != lane || header->shards != shards)
		return "it belongs to another lane";
	/* Before the counts, which formats 1 and 2 have not all. */
	if (!reserved_is_zero(header))
		return "its header has reserved bytes in use";
	if (!counts_are_possible(header))
		return "its header gives impossible counts";
	if (!position_is_possible(header))
		return "its header gives an impossible position";
	return NULL;
}

bool checkpoint_header_foreign(const struct checkpoint_header *header, uint64_t journal_id,
			       uint16_t lane, uint16_t shards)
{
	return header->magic == CHECKPOINT_MAGIC && format_is_known(header) &&
	       header->checksum == checkpoint_checksum(header) &&
	       (header->journal_id != journal_id || header->lane != lane ||
		header->shards != shards);
}

uint32_t chunk_entries(const struct checkpoint_header *header, uint64_t number, uint16_t *kind)
{
	for (unsigned i = 0; i < KIND_CNT; i++) {
		const uint64_t cnt = entries_of(header, kinds[i]);
		const uint64_t done = number * CHECKPOINT_CHUNK_ENTRIES;

		*kind = kinds[i];
		if (number < checkpoint_chunks(cnt))
			return cnt - done < CHECKPOINT_CHUNK_ENTRIES ? (uint32_t)(cnt - done)
								     : CHECKPOINT_CHUNK_ENTRIES;
		number -= checkpoint_chunks(cnt);
	}
	return 0;
}

uint64_t chunk_first(const struct checkpoint_header *header, uint16_t kind)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < KIND_CNT && kinds[i] != kind; i++)
		number += checkpoint_chunks(entries_of(header, kinds[i]));
	return number;
}

const char *chunk_header_wrong(const struct chunk_header *chunk,
			       const struct checkpoint_header *header, uint64_t number)
{
	uint16_t kind;
	const uint32_t entry_cnt = chunk_entries(header, number, &kind);

	if (chunk->magic != CHUNK_MAGIC || chunk->kind != kind || chunk->lane != header->lane ||
	    chunk->number != number || chunk->entry_cnt != entry_cnt)
		return "its content is not what its header says";
	return NULL;
}
