#include "tests/sim/checkpoint_rule.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/check.h"
#include "net/wire.h"

enum {
	HEADER = 192,
	CHUNK = 64,
	ENTRY = 64,
	CHUNK_ENTRIES = 16384,
};

static uint64_t le(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | at[bytes];
	return value;
}

static uint64_t chunks_of(uint64_t entries)
{
	return (entries + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
}

static bool header_good(const struct rule_checkpoint *file)
{
	const uint8_t *at = file->data;
	const uint64_t offers = file->bytes >= HEADER ? le(at + 96, 8) : 0;
	const uint64_t orders = file->bytes >= HEADER ? le(at + 104, 8) : 0;

	return file->bytes >= HEADER && le(at, 4) == 0x50434244 &&
	       (le(at + 4, 2) == 1 || le(at + 4, 2) == 2) && le(at + 6, 2) == file->lane &&
	       le(at + 16, 8) == file->journal_id && le(at + 136, 2) == file->shards &&
	       le(at + 8, 8) == XXH3_64bits_withSeed(at + 16, HEADER - 16, mix64(le(at, 8))) &&
	       offers + orders == le(at + 24, 8) - 1 &&
	       file->bytes == HEADER + (chunks_of(offers) + chunks_of(orders)) * CHUNK +
				      (offers + orders) * ENTRY;
}

bool checkpoint_rule(const struct rule_checkpoint *file, uint64_t *next_lsn, uint64_t *segment)
{
	const uint8_t *at = file->data + HEADER;
	uint64_t number = 0;

	if (!header_good(file))
		return false;
	*next_lsn = le(file->data + 24, 8);
	*segment = le(file->data + 40, 8);
	while (at < file->data + file->bytes) {
		const uint64_t bytes = CHUNK + le(at + 24, 4) * ENTRY;
		const uint64_t seed = mix64(le(file->data + 8, 8) ^ number);

		if (bytes > (uint64_t)(file->data + file->bytes - at) || le(at, 4) != 0x4b484344 ||
		    le(at + 16, 8) != number ||
		    le(at + 8, 8) !=
			    XXH3_64bits_withSeed(at + 16, bytes - 16, mix64(seed ^ le(at, 8))))
			return false;
		at += bytes;
		number++;
	}
	return true;
}

static void check_order(const uint8_t *at, const struct record *record)
{
	CHECK(memcmp(at, record->order.request_id, 16) == 0);
	CHECK(le(at + 16, 8) == record->order.buyer);
	CHECK(le(at + 24, 8) == record->order.max_price);
	CHECK(le(at + 32, 8) == record->unit_price && le(at + 40, 8) == record->at_ns);
	CHECK((le(at + 48, 8) & 0xffff) == record->quantity);
	CHECK(le(at + 60, 4) == record->channel);
}

void checkpoint_rule_check(const struct rule_checkpoint *file, struct truth *truth)
{
	const uint64_t next_lsn = le(file->data + 24, 8);
	const struct shard_hash hash = truth_hash(truth, next_lsn - 1, file->lane, file->shards);
	const uint8_t *offer = file->data + HEADER + CHUNK;
	const uint8_t *order = offer + le(file->data + 96, 8) * ENTRY + CHUNK;

	bool set_back = false;

	/* A sale here has one chunk of each kind, and no order without an offer. */
	CHECK(le(file->data + 96, 8) > 0 && le(file->data + 104, 8) <= CHUNK_ENTRIES);
	CHECK(next_lsn - 1 <= truth->down_lsn);
	CHECK(le(file->data + 120, 8) == hash.low && le(file->data + 128, 8) == hash.high);
	CHECK(le(file->data + 32, 8) == truth->records[next_lsn - 1].at_ns);
	for (uint64_t lsn = 1; lsn < next_lsn; lsn++) {
		const struct record *record = &truth->records[lsn];

		set_back |= record->kind == RECORD_CLOCK;
		if (record->kind != RECORD_ORDER) {
			CHECK(memcmp(offer, record, ENTRY) == 0);
			offer += ENTRY;
			continue;
		}
		CHECK(le(order + 48, 8) >> 16 == lsn);
		check_order(order, record);
		order += ENTRY;
	}
	CHECK(le(file->data + 4, 2) == (set_back ? 2 : 1));
}
