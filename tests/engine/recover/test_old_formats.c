/*
 * A journal as the first programs wrote it, byte by byte from JOURNAL.md and not by the engine's
 * own structs: it is read as it is, and sold on under the format of today.
 */
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/mix64.h"
#include "engine/recover/scan.h"
#include "tests/support/lane_fixture.h"

enum {
	UNIT = 4096,
	SEGMENT = 32 * UNIT,
	RECORD = 64,
	PRICE = 500,
	STOCK = 100000,
};

static const uint64_t ID = 0xab;

static uint8_t segment[SEGMENT];

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void put_checksum(uint8_t *at, uint64_t bytes, uint64_t seed)
{
	uint64_t front = 0;

	for (unsigned i = 8; i-- > 0;)
		front = front << 8 | at[i];
	put(at + 8, XXH3_64bits_withSeed(at + 16, bytes - 16, mix64(seed ^ front)), 8);
}

static void put_segment_header(void)
{
	put(segment, 0x47534244, 4);
	put(segment + 4, 1, 2);
	put(segment + 16, ID, 8);
	put(segment + 32, SEGMENT, 8);
	put_checksum(segment, 64, 0);
}

/* Its records must be there. Returns its checksum. */
static uint64_t put_block(uint64_t offset, unsigned format, uint64_t previous, uint64_t first_lsn,
			  uint64_t at_ns, unsigned cnt)
{
	uint8_t *at = segment + offset;
	uint64_t seed = mix64(ID);
	uint64_t checksum;

	put(at, 0x4b4c4244, 4);
	put(at + 4, format, 2);
	put(at + 16, previous, 8);
	put(at + 24, first_lsn, 8);
	put(at + 32, first_lsn - 1, 8);
	put(at + 40, at_ns, 8);
	put(at + 48, cnt, 4);
	put(at + 52, UNIT, 4);
	seed = mix64(mix64(mix64(seed ^ 0) ^ offset) ^ first_lsn);
	put_checksum(at, UNIT, seed);
	memcpy(&checksum, at + 8, sizeof(checksum));
	return checksum;
}

static void put_offer(uint8_t *at)
{
	at[0] = 2;
	put(at + 8, 1, 8);
	put(at + 16, 1, 8);
	put(at + 24, PRICE, 8);
	put(at + 32, STOCK, 4);
	put(at + 36, 1, 4);
	put(at + 48, UINT64_MAX, 8);
	put(at + 56, 300, 4);
}

static void put_order(uint8_t *at, uint64_t buyer, uint64_t at_ns)
{
	at[0] = 1;
	put(at + 2, 1, 2);
	put(at + 8, at_ns, 8);
	put(at + 16, 1, 8);
	put(at + 24, PRICE, 8);
	put(at + 32, buyer, 8);
	put(at + 40, ~buyer, 8);
	put(at + 48, buyer, 8);
}

/* An offer and two orders; as format 2 also a clock that is set back, and an order after it. */
static void write_journal(unsigned format)
{
	char identity[80];
	uint64_t checksum;

	set_up();
	memset(segment, 0, sizeof(segment));
	put_segment_header();
	put_offer(segment + UNIT + RECORD);
	put_order(segment + UNIT + 2 * RECORD, 7000001, 900);
	put_order(segment + UNIT + 3 * RECORD, 7000002, 1000);
	checksum = put_block(UNIT, 1, 0, 1, 1000, 3);
	if (format == 2) {
		uint8_t *at = segment + 2 * UNIT + RECORD;

		at[0] = 3;
		put(at + 8, 500, 8);
		put(at + 32, 1000, 8);
		put_order(at + RECORD, 7000003, 600);
		(void)put_block(2 * UNIT, 2, checksum, 4, 600, 2);
	}
	cr_assert(eq(int, mkdir(temp_path("data"), 0700), 0));
	cr_assert(eq(int, mkdir(temp_path("data/lane-000"), 0700), 0));
	snprintf(identity, sizeof(identity), "doorbuster-journal %u\nid %016x\nshards 1\n", format,
		 (unsigned)ID);
	write_text(temp_path("data/journal"), identity);
	write_text(temp_path("data/lane-000/seg-000000000000"), "");
	poke_file(temp_path("data/lane-000/seg-000000000000"), 0, segment, sizeof(segment));
}

static void assert_read(unsigned format, uint64_t orders, uint64_t clock_ns)
{
	reopen(SMALL_BYTES);
	cr_assert(eq(uint, lane.dir.format, format));
	assert_totals(orders);
	cr_assert(eq(u64, lane.scan.tail.last_at_ns, clock_ns));
	cr_assert(eq(u64, shard_last_at_ns(lane.shard), clock_ns));
}

Test(old_formats, are_read_as_they_are_and_sold_on, .fini = temp_dir_remove)
{
	for (unsigned format = 1; format <= 2; format++) {
		const uint64_t orders = format == 1 ? 2 : 3;
		struct shard_hash before;
		struct shard_hash after;

		write_journal(format);
		assert_read(format, orders, format == 1 ? 1000 : 600);
		before = shard_hash(lane.shard);
		cr_assert(eq(int, data_dir_raise_format(&lane.dir, JOURNAL_FORMAT_MAX, &lane.error),
			     0));
		real_lane_close(&lane);
		assert_read(JOURNAL_FORMAT_MAX, orders, format == 1 ? 1000 : 600);
		after = shard_hash(lane.shard);
		cr_assert(eq(int, memcmp(&before, &after, sizeof(before)), 0));
		real_lane_sell(&lane, 100);
		real_lane_close(&lane);
		reopen(SMALL_BYTES);
		assert_totals(orders + 100);
		real_lane_close(&lane);
		if (format == 1)
			temp_dir_remove();
	}
}
