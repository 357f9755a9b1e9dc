#include "tests/support/lane_rule.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "net/wire.h"

enum {
	UNIT = 4096,
	RECORD = 64,
	OFFER = 2,
	CLOCK = 3, /* a record that sets the clock back, the first of a block of format 2 */
	HOLD = 4,  /* it and the kinds after it: only in a block of format 3 */
	RELEASE = 6,
	LINK = 13,
	BASKET_GOES_ON = 128,
};

struct block {
	uint64_t checksum;
	uint64_t prev_checksum;
	uint64_t first_lsn;
	uint64_t durable_lsn;
	uint64_t written_at_ns;
	uint64_t record_cnt;
	uint64_t bytes;
	bool sets_clock;
};

static uint64_t le(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | at[bytes];
	return value;
}

static bool zeros(const uint8_t *at, uint64_t bytes)
{
	for (uint64_t i = 0; i + 8 <= bytes; i += 8) {
		if (le(at + i, 8) != 0)
			return false;
	}
	return true;
}

/* Whether a record needs a block of format 3. */
static bool is_new(const uint8_t *at)
{
	return at[0] >= HOLD || at[1] != 0 ||
	       (at[0] == OFFER &&
		(le(at + 2, 2) != 0 || le(at + 4, 4) != 0 || le(at + 60, 4) != 0));
}

/* The format of a block with these records; 0: no block has them. */
static unsigned format_of(const uint8_t *records, uint64_t cnt)
{
	const uint8_t *last = records + (cnt > 0 ? cnt - 1 : 0) * RECORD;
	const bool sets_clock = cnt > 0 && records[0] == CLOCK;
	bool has_new = false;

	for (uint64_t i = 0; i < cnt; i++)
		has_new |= is_new(records + i * RECORD);
	if (cnt > 0 && (last[1] & BASKET_GOES_ON) != 0 &&
	    ((last[0] <= RELEASE && last[0] != OFFER && last[0] != CLOCK) || last[0] == LINK))
		return 0;
	if (has_new)
		return sets_clock ? 0 : 3;
	return sets_clock ? 2 : 1;
}

/* The block at a place, if there is a valid one. */
static bool block_at(const struct rule_lane *lane, uint64_t segment, uint64_t offset,
		     struct block *out)
{
	const uint8_t *at = lane->segments[segment].data + offset;
	uint64_t seed;

	if (le(at, 4) != 0x4b4c4244 || le(at + 4, 2) < 1 || le(at + 4, 2) > 3 ||
	    le(at + 6, 2) != lane->lane)
		return false;
	*out = (struct block){
		.checksum = le(at + 8, 8),
		.prev_checksum = le(at + 16, 8),
		.first_lsn = le(at + 24, 8),
		.durable_lsn = le(at + 32, 8),
		.written_at_ns = le(at + 40, 8),
		.record_cnt = le(at + 48, 4),
		.bytes = le(at + 52, 4),
		.sets_clock = le(at + 4, 2) == 2,
	};
	if (out->record_cnt > 1023 ||
	    out->bytes != (RECORD + out->record_cnt * RECORD + UNIT - 1) / UNIT * UNIT ||
	    offset + out->bytes > lane->segments[segment].bytes || le(at + 56, 8) != 0)
		return false;
	if (out->first_lsn == 0 || out->first_lsn + out->record_cnt >= UINT64_C(1) << 48 ||
	    out->durable_lsn >= out->first_lsn)
		return false;
	seed = mix64(lane->journal_id + lane->lane);
	seed = mix64(mix64(mix64(seed ^ segment) ^ offset) ^ out->first_lsn);
	seed = mix64(seed ^ le(at, 8));
	return out->checksum == XXH3_64bits_withSeed(at + 16, out->bytes - 16, seed) &&
	       le(at + 4, 2) == format_of(at + RECORD, out->record_cnt);
}

/* A segment got its name when it was whole: anything else is damage. */
static bool segment_whole(const struct rule_lane *lane, uint64_t segment)
{
	const struct rule_segment *file = &lane->segments[segment];
	const uint8_t *at = file->data;

	if (at == NULL || file->bytes < 3 * (uint64_t)UNIT)
		return false;
	return le(at, 4) == 0x47534244 && le(at + 4, 2) == 1 && le(at + 6, 2) == lane->lane &&
	       le(at + 8, 8) == XXH3_64bits_withSeed(at + 16, 48, mix64(le(at, 8))) &&
	       le(at + 16, 8) == lane->journal_id && le(at + 24, 8) == segment &&
	       le(at + 32, 8) == file->bytes && file->bytes % UNIT == 0;
}

/* Nothing good is where the next block should be. */
static enum rule_end end_of(const struct rule_lane *lane, const struct lane_tail *tail)
{
	enum rule_end end = RULE_CLEAN;
	uint64_t offset = tail->place.offset;
	struct block block;

	for (uint64_t segment = tail->place.segment; segment < lane->segment_cnt; segment++) {
		for (; offset < lane->segments[segment].bytes; offset += UNIT) {
			if (zeros(lane->segments[segment].data + offset, UNIT))
				continue;
			end = RULE_TORN;
			if (block_at(lane, segment, offset, &block) &&
			    block.durable_lsn >= tail->next_lsn)
				return RULE_CORRUPT;
		}
		offset = UNIT;
	}
	return end;
}

/* Where the next block should be; false where the lane has no place for one. *skipped: the room
 * for a closing block was left empty. */
static bool next_place(const struct rule_lane *lane, const struct lane_tail *tail,
		       uint64_t *segment, uint64_t *offset, bool *skipped)
{
	const bool more = tail->place.segment + 1 < lane->segment_cnt;
	uint64_t bytes;

	*segment = tail->place.segment;
	*offset = tail->place.offset;
	*skipped = false;
	if (tail->place.segment >= lane->segment_cnt)
		return false;
	bytes = lane->segments[tail->place.segment].bytes;
	*skipped = more && *offset == bytes - UNIT &&
		   zeros(lane->segments[tail->place.segment].data + *offset, UNIT);
	if (*skipped || (more && *offset == bytes)) {
		*segment += 1;
		*offset = UNIT;
	}
	return *offset < lane->segments[*segment].bytes;
}

static void take(const struct rule_lane *lane, const struct block *block, struct lane_tail *tail,
		 rule_record_fn *record, void *context)
{
	const uint8_t *at = lane->segments[tail->place.segment].data + tail->place.offset + RECORD;

	if (block->sets_clock)
		tail->last_at_ns = le(at + 8, 8);
	if (block->written_at_ns > tail->last_at_ns)
		tail->last_at_ns = block->written_at_ns;
	for (uint64_t i = 0; i < block->record_cnt; i++, at += RECORD) {
		if (le(at + 8, 8) > tail->last_at_ns)
			tail->last_at_ns = le(at + 8, 8);
		if (record != NULL)
			record(context, tail->next_lsn, at);
		tail->next_lsn++;
	}
	tail->place.offset += block->bytes;
	tail->prev_checksum = block->checksum;
}

struct rule_outcome lane_rule(const struct rule_lane *lane, rule_record_fn *record, void *context)
{
	struct rule_outcome outcome = {.tail = {.next_lsn = 1, .place.offset = UNIT}};
	struct lane_tail *tail = &outcome.tail;
	uint64_t watermark_lsn = 0;
	uint64_t segment;
	uint64_t offset;
	bool skipped;

	outcome.end = RULE_CORRUPT;
	for (uint64_t i = 0; i < lane->segment_cnt; i++) {
		if (!segment_whole(lane, i))
			return outcome;
	}
	while (next_place(lane, tail, &segment, &offset, &skipped)) {
		struct block block;

		if (!block_at(lane, segment, offset, &block))
			break;
		if (block.first_lsn != tail->next_lsn ||
		    block.prev_checksum != tail->prev_checksum ||
		    block.durable_lsn < watermark_lsn) {
			if (skipped)
				break;
			return outcome;
		}
		tail->place.segment = segment;
		tail->place.offset = offset;
		take(lane, &block, tail, record, context);
		watermark_lsn = block.durable_lsn;
		outcome.block_cnt++;
	}
	outcome.end = end_of(lane, tail);
	return outcome;
}

uint64_t lane_rule_watermark(const struct rule_lane *lane)
{
	uint64_t highest = 0;
	struct block block;

	for (uint64_t segment = 0; segment < lane->segment_cnt; segment++) {
		const struct rule_segment *file = &lane->segments[segment];

		for (uint64_t at = UNIT; file->data != NULL && at + UNIT <= file->bytes;
		     at += UNIT) {
			if (block_at(lane, segment, at, &block) && block.durable_lsn > highest)
				highest = block.durable_lsn;
		}
	}
	return highest;
}

uint64_t lane_rule_last_lsn(const struct rule_lane *lane, uint64_t segment)
{
	uint64_t highest = 0;
	struct block block;

	for (uint64_t at = UNIT; at + UNIT <= lane->segments[segment].bytes; at += UNIT) {
		if (block_at(lane, segment, at, &block) &&
		    block.first_lsn + block.record_cnt - 1 > highest)
			highest = block.first_lsn + block.record_cnt - 1;
	}
	return highest;
}
