/*
 * Every damage of a kind that a small lane can suffer: cut at every byte, any bit of any header and
 * of records flipped, any two blocks swapped, any block doubled to any place. What the reader must
 * say of each comes from the rule (tests/support/lane_rule.h), not from the reader.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/lane_reader.h"
#include "tests/support/lane_rule.h"
#include "tests/support/memory_disk.h"

static const uint64_t JOURNAL_ID = 0x77;
static const uint16_t LANE = 3;

enum {
	UNIT = BLOCK_ALIGN_BYTES,
	SEGMENT_UNITS = 6,
	SEGMENT_CNT = 3,
	UNITS = SEGMENT_UNITS * SEGMENT_CNT,
	BLOCKS_MAX = UNITS,
	/* Of lanes: sealed, in the middle of a sale, and with writes that overlapped. */
	LANE_KINDS = 3,
};

/* A block as it was written. */
struct place {
	uint64_t segment;
	uint64_t offset;
	uint32_t bytes;
	uint64_t first_lsn;
	uint64_t last_lsn;
	uint64_t durable_lsn;
};

static struct memory_disk *disk;
static struct place blocks[BLOCKS_MAX];
static unsigned block_cnt;
static uint64_t sizes[SEGMENT_CNT]; /* that the files say they have */

/* Completes what waits, the younger first, and notes it. */
static void complete(struct journal *journal)
{
	while (disk->write_cnt > 0) {
		const struct memory_write *write = &disk->writes[disk->write_cnt - 1];
		const struct block_header *header = write->buffer;

		blocks[block_cnt++] = (struct place){
			.segment = (uint64_t)(write->fd - MEMORY_FD_FIRST),
			.offset = write->offset,
			.bytes = write->bytes,
			.first_lsn = header->first_lsn,
			.last_lsn = header->first_lsn + header->record_cnt - 1,
			.durable_lsn = header->durable_lsn,
		};
		memory_disk_complete(disk, disk->write_cnt - 1, journal);
	}
}

/* Blocks of one and of two units, over two segments; the third is there ahead. */
static void make_lane(unsigned kind)
{
	static const uint32_t records[] = {5, 63, 64, 1, 7, 90, 3, 2};
	const struct lane_tail tail = empty_tail();
	struct journal *journal;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)SEGMENT_UNITS * UNIT, SEGMENT_CNT);
	journal = memory_disk_journal(disk, &tail);
	block_cnt = 0;
	for (unsigned i = 0; i < SEGMENT_CNT; i++)
		sizes[i] = disk->segment_bytes;
	for (unsigned i = 0; i < 5 + (kind == 1); i++) {
		append_records(journal, records[i]);
		journal_pump(journal, 5000 + i);
		if (kind != 2 || i % 2 == 1)
			complete(journal);
	}
	complete(journal);
	if (kind == 0)
		journal_put_closing_block(journal, 9000);
	complete(journal);
	journal_close(journal);
}

static int64_t sized_size(struct lane_files *files, uint64_t segment)
{
	(void)files;
	return (int64_t)sizes[segment];
}

static struct lane_files_ops sized_ops;

static struct lane_files *open_sized(void)
{
	struct lane_files *files = memory_disk_files(disk);

	sized_ops = *files->ops;
	sized_ops.size = sized_size;
	files->ops = &sized_ops;
	return files;
}

/* What the reader says of the lane as it is now, compared with the rule. */
static enum lane_read judge(struct lane_tail *tail, const char *what, unsigned a, unsigned b)
{
	static const enum lane_read words[] = {
		[RULE_CLEAN] = LANE_END, [RULE_TORN] = LANE_TORN, [RULE_CORRUPT] = LANE_CORRUPT};
	struct rule_segment segments[SEGMENT_CNT];
	const struct rule_lane image = {segments, SEGMENT_CNT, JOURNAL_ID, LANE};
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	struct rule_outcome outcome;
	enum lane_read read;
	struct error error = {0};
	uint64_t lsn = 0;

	for (unsigned i = 0; i < SEGMENT_CNT; i++)
		segments[i] = (struct rule_segment){disk->data[i], sizes[i]};
	outcome = lane_rule(&image, NULL, NULL);
	cr_assert(eq(int, lane_reader_open_files(&reader, open_sized(), JOURNAL_ID, LANE, &error),
		     0));
	while ((read = lane_reader_next(reader, &block, &records, &error)) == LANE_BLOCK) {
		for (uint32_t i = 0; i < block->record_cnt; i++) {
			if (!is_appended_record(&records[i], ++lsn))
				cr_fatal("%s %u %u: record %lu is another", what, a, b, lsn);
		}
	}
	lane_reader_tail(reader, tail);
	if (read != words[outcome.end] ||
	    (read != LANE_CORRUPT && memcmp(tail, &outcome.tail, sizeof(*tail)) != 0))
		cr_fatal("%s %u %u: %d, by the rule %d: %s", what, a, b, (int)read,
			 (int)words[outcome.end], error.text);
	lane_reader_close(reader);
	return read;
}

/* Damage to this block: does a watermark of another, undamaged one cover it? */
static bool covered(unsigned idx)
{
	for (unsigned i = 0; i < block_cnt; i++) {
		if (i != idx && blocks[i].durable_lsn >= blocks[idx].first_lsn)
			return true;
	}
	return false;
}

/* What damage to a single block must lead to, without the rule: the lane is refused if a watermark
 * covers the block, else it ends before it. */
static void judge_block(unsigned idx, const char *what, unsigned a)
{
	struct lane_tail tail;
	const enum lane_read read = judge(&tail, what, idx, a);

	if (covered(idx))
		cr_assert(eq(int, read, LANE_CORRUPT), "%s, block %u, %u", what, idx, a);
	else
		cr_assert(le(u64, tail.next_lsn, blocks[idx].first_lsn), "%s, block %u, %u", what,
			  idx, a);
}

static uint8_t *block_at(unsigned idx)
{
	return disk->data[blocks[idx].segment] + blocks[idx].offset;
}

/* Every bit of its header, and in its records and padding those of a prime step. */
Test(lane_damage, any_bit_flipped)
{
	for (unsigned kind = 0; kind < LANE_KINDS; kind++) {
		make_lane(kind);
		for (unsigned idx = 0; idx < block_cnt; idx++) {
			const unsigned bits = blocks[idx].bytes * 8;

			for (unsigned bit = 0; bit < bits;
			     bit += bit < (BLOCK_HEADER_BYTES + RECORD_BYTES) * 8 ? 1 : 53) {
				block_at(idx)[bit / 8] ^= (uint8_t)(1U << bit % 8);
				judge_block(idx, "bit", bit);
				block_at(idx)[bit / 8] ^= (uint8_t)(1U << bit % 8);
			}
		}
		memory_disk_close(disk);
	}
}

Test(lane_damage, any_bit_of_a_segment_header_flipped)
{
	struct lane_tail tail;

	make_lane(0);
	for (unsigned segment = 0; segment < SEGMENT_CNT; segment++) {
		for (unsigned bit = 0; bit < sizeof(struct segment_header) * 8; bit++) {
			uint8_t *byte = disk->data[segment] + bit / 8;

			*byte ^= (uint8_t)(1U << bit % 8);
			cr_assert(eq(int, judge(&tail, "segment header bit", segment, bit),
				     LANE_CORRUPT));
			*byte ^= (uint8_t)(1U << bit % 8);
		}
	}
	memory_disk_close(disk);
}

/* From each byte on nothing was ever written. */
Test(lane_damage, cut_at_every_byte)
{
	for (unsigned kind = 0; kind < LANE_KINDS; kind++) {
		struct lane_tail tail;
		uint64_t next_lsn = UINT64_MAX;

		make_lane(kind);
		for (unsigned at = UNITS * UNIT; at-- > 0;) {
			const unsigned segment = at / (SEGMENT_UNITS * UNIT);
			const unsigned offset = at % (SEGMENT_UNITS * UNIT);
			uint8_t *byte = disk->data[segment] + offset;

			/* What is zero already changes nothing; segment headers are another's. */
			if (*byte == 0 || offset < UNIT)
				continue;
			*byte = 0;
			(void)judge(&tail, "cut at", segment, offset);
			/* Never more than before, and nothing was durable after a cut. */
			cr_assert(le(u64, tail.next_lsn, next_lsn));
			next_lsn = tail.next_lsn;
		}
		cr_assert(eq(u64, next_lsn, 1));
		memory_disk_close(disk);
	}
}

/* A file that ends at each byte: refused, because it got its name when it was whole. */
Test(lane_damage, any_segment_cut_short_at_every_byte)
{
	struct lane_tail tail;

	make_lane(0);
	for (unsigned segment = 0; segment < SEGMENT_CNT; segment++) {
		for (unsigned at = 0; at < SEGMENT_UNITS * UNIT; at++) {
			sizes[segment] = at;
			cr_assert(eq(int, judge(&tail, "file ends at", segment, at), LANE_CORRUPT));
		}
		sizes[segment] = disk->segment_bytes;
	}
	memory_disk_close(disk);
}

static uint8_t *unit(unsigned idx)
{
	return disk->data[idx / SEGMENT_UNITS] + (size_t)(idx % SEGMENT_UNITS) * UNIT;
}

/* Headers of segments and units without a block too. */
Test(lane_damage, any_two_units_swapped)
{
	struct lane_tail tail;

	for (unsigned kind = 0; kind < LANE_KINDS; kind++) {
		make_lane(kind);
		for (unsigned a = 0; a < UNITS; a++) {
			for (unsigned b = a + 1; b < UNITS; b++) {
				uint8_t one[UNIT];
				uint8_t two[UNIT];

				memcpy(one, unit(a), UNIT);
				memcpy(two, unit(b), UNIT);
				memcpy(unit(a), two, UNIT);
				memcpy(unit(b), one, UNIT);
				(void)judge(&tail, "swapped", a, b);
				memcpy(unit(a), one, UNIT);
				memcpy(unit(b), two, UNIT);
			}
		}
		memory_disk_close(disk);
	}
}

Test(lane_damage, any_block_doubled_to_any_place)
{
	struct lane_tail tail;

	for (unsigned kind = 0; kind < LANE_KINDS; kind++) {
		make_lane(kind);
		for (unsigned idx = 0; idx < block_cnt; idx++) {
			for (unsigned to = 0; to < UNITS; to++) {
				const uint64_t bytes = blocks[idx].bytes;
				uint8_t *place = unit(to);
				uint8_t before[2 * UNIT];

				if (to % SEGMENT_UNITS * UNIT + bytes > disk->segment_bytes)
					continue;
				memcpy(before, place, bytes);
				memmove(place, block_at(idx), bytes);
				(void)judge(&tail, "doubled", idx, to);
				/* Over another block alone: that one is lost. */
				for (unsigned i = 0; i < block_cnt; i++) {
					if (i != idx && block_at(i) == place && bytes == UNIT)
						judge_block(i, "doubled over", idx);
				}
				memcpy(place, before, bytes);
			}
		}
		cr_assert(ne(int, judge(&tail, "restored", kind, 0), LANE_CORRUPT));
		memory_disk_close(disk);
	}
}
