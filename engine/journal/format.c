/*
 * Checksums and shape of the journal on disk. Writer, recovery and tools share this one place.
 */
#include "engine/journal/format.h"

#include <string.h>

/* Inlined, as the library's own build does not use our target's instructions. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/mix64.h"

uint64_t block_seed(uint64_t journal_id, uint16_t lane, uint64_t segment, uint64_t offset,
		    uint64_t first_lsn)
{
	uint64_t seed = mix64(journal_id + lane);

	seed = mix64(seed ^ segment);
	seed = mix64(seed ^ offset);
	return mix64(seed ^ first_lsn);
}

/*
 * XXH3 over the bytes after the checksum field; the 8 bytes before it go into the seed, so that
 * nothing must be copied or zeroed to leave the field out.
 */
static uint64_t checksum_of(const void *data, size_t bytes, uint64_t seed)
{
	uint64_t front;

	DCHECK(bytes >= BLOCK_HEADER_BYTES);
	memcpy(&front, data, sizeof(front));
	return XXH3_64bits_withSeed((const uint8_t *)data + 2 * sizeof(front),
				    bytes - 2 * sizeof(front), mix64(seed ^ front));
}

uint64_t block_checksum(const struct block_header *block, uint64_t seed)
{
	static_assert(offsetof(struct block_header, checksum) == 8, "left out by checksum_of");
	DCHECK(block->block_bytes >= BLOCK_ALIGN_BYTES && block->block_bytes <= BLOCK_BYTES_MAX);
	DCHECK(block->block_bytes % BLOCK_ALIGN_BYTES == 0);
	return checksum_of(block, block->block_bytes, seed);
}

uint64_t segment_checksum(const struct segment_header *header)
{
	static_assert(offsetof(struct segment_header, checksum) == 8, "left out by checksum_of");
	return checksum_of(header, sizeof(*header), 0);
}

const char *block_shape_wrong(const struct block_header *block, uint16_t lane, uint64_t room_bytes)
{
	if (block->magic != BLOCK_MAGIC)
		return "no block begins here";
	if (block->format < JOURNAL_FORMAT || block->format > JOURNAL_FORMAT_MAX)
		return "block of an unknown format";
	if (block->lane != lane)
		return "block of another lane";
	if (block->record_cnt > BLOCK_RECORDS_MAX ||
	    block->block_bytes != block_bytes_of(block->record_cnt))
		return "block with a wrong size";
	if (block->block_bytes > room_bytes)
		return "block that crosses the segment's end";
	if (block->first_lsn == 0 || block->first_lsn > LSN_MAX - block->record_cnt)
		return "block with an impossible LSN";
	if (block->durable_lsn >= block->first_lsn)
		return "block with an impossible watermark";
	if (block->reserved != 0)
		return "block with reserved bytes in use";
	/* From here on callers trust that the block can be read whole, and its records counted. */
	DCHECK(block->block_bytes >= BLOCK_HEADER_BYTES + block->record_cnt * RECORD_BYTES);
	DCHECK(block->block_bytes <= BLOCK_BYTES_MAX && block->block_bytes <= room_bytes);
	return NULL;
}

uint16_t block_format_of(const struct record *records, uint32_t record_cnt)
{
	const bool sets_clock = record_cnt > 0 && records[0].kind == RECORD_CLOCK;
	bool is_new = false;

	DCHECK(record_cnt <= BLOCK_RECORDS_MAX);
	for (uint32_t i = 0; i < record_cnt; i++)
		is_new |= record_is_new(&records[i]);
	if (is_new)
		return sets_clock ? 0 : JOURNAL_FORMAT_HOLDS;
	return sets_clock ? JOURNAL_FORMAT_CLOCK : JOURNAL_FORMAT;
}

/* Whether the basket of a record goes on in the next one. */
static bool goes_on(const struct record *record)
{
	return (record->kind == RECORD_ORDER || record->kind == RECORD_HOLD ||
		record->kind == RECORD_CONFIRM || record->kind == RECORD_RELEASE ||
		record->kind == RECORD_LINK) &&
	       (record->flags & RECORD_BASKET_GOES_ON) != 0;
}

const char *block_records_wrong(const struct block_header *block)
{
	const struct record *records = (const struct record *)(block + 1);

	if (block->format != block_format_of(records, block->record_cnt))
		return "block of another format than its records";
	if (block->record_cnt > 0 && goes_on(&records[block->record_cnt - 1]))
		return "block that ends within a basket";
	return NULL;
}

const char *segment_header_wrong(const struct segment_header *header, uint64_t journal_id,
				 uint16_t lane, uint64_t segment)
{
	static const struct segment_header zeros;

	if (memcmp(header, &zeros, sizeof(zeros)) == 0)
		return "its header is all zero";
	if (header->magic != SEGMENT_MAGIC)
		return "it does not begin like a segment";
	if (header->format != JOURNAL_FORMAT)
		return "it has an unknown format";
	if (header->checksum != segment_checksum(header))
		return "its header is damaged";
	if (header->journal_id != journal_id)
		return "it belongs to another journal";
	if (header->lane != lane)
		return "it belongs to another lane";
	if (header->segment != segment)
		return "it is another segment under this name";
	if (!segment_bytes_valid(header->segment_bytes))
		return "its header gives an impossible size";
	return NULL;
}

void segment_header_fill(struct segment_header *header, uint64_t journal_id, uint16_t lane,
			 uint64_t segment, uint64_t segment_bytes)
{
	CHECK(segment_bytes_valid(segment_bytes));
	*header = (struct segment_header){
		.magic = SEGMENT_MAGIC,
		.format = JOURNAL_FORMAT,
		.lane = lane,
		.journal_id = journal_id,
		.segment = segment,
		.segment_bytes = segment_bytes,
	};
	header->checksum = segment_checksum(header);
	/* Readers accept what is written here. */
	CHECK(segment_header_wrong(header, journal_id, lane, segment) == NULL);
}
