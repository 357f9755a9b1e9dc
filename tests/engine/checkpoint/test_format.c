/* JOURNAL.md's example of a checkpoint, byte for byte, and what shapes are refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "tests/support/temp_dir.h"

static const uint64_t JOURNAL_ID = 0x1122334455667788;
static const uint16_t LANE = 2;
static const uint16_t SHARDS = 4;

enum {
	EXAMPLE_BYTES =
		CHECKPOINT_HEADER_BYTES + 2 * CHUNK_HEADER_BYTES + 2 * CHECKPOINT_ENTRY_BYTES,
};

static _Alignas(8) uint8_t example[EXAMPLE_BYTES];

/* The sale of JOURNAL.md's blocks, as if it were all the lane has. */
static struct shard *make_shard(void)
{
	const struct shard_size size = {.offer_cnt = 1, .order_cnt = 1, .buyer_cnt = 1};
	struct record records[2] = {
		{.kind = RECORD_OFFER,
		 .at_ns = 1794787200000000000,
		 .sku = 4711,
		 .unit_price = 1999,
		 .offer = {.stock = 15000,
			   .limit_per_buyer = 1,
			   .opens_at_ns = 1794787260000000000,
			   .closes_at_ns = INSTANT_NEVER,
			   .hold_seconds = 300}},
		{.kind = RECORD_ORDER,
		 .quantity = 1,
		 .channel = 7,
		 .at_ns = 1794787260000001000,
		 .sku = 4711,
		 .unit_price = 1999,
		 .order = {.buyer = 42, .max_price = 2000}},
	};
	struct shard *shard = NULL;
	const char *why = NULL;

	for (unsigned i = 0; i < 16; i++)
		((uint8_t *)records[1].order.request_id)[i] = (uint8_t)(0xa0 + i);
	cr_assert(eq(int, shard_open(&shard, LANE, SHARDS, &size), 0));
	for (unsigned i = 0; i < 2; i++)
		cr_assert(eq(int, shard_apply(shard, i + 1, &records[i], &why), 0), "%s", why);
	return shard;
}

static void make_example(void)
{
	const struct lane_position position = {
		.tail = {.next_lsn = 3,
			 .place.offset = 3 * BLOCK_ALIGN_BYTES,
			 .prev_checksum = 0x0123456789abcdef,
			 .last_at_ns = 1794787260000002000},
		.block_offset = 2 * BLOCK_ALIGN_BYTES,
		.watermark_lsn = 1,
	};
	struct shard *shard = make_shard();
	struct data_dir dir;
	char path[CHECKPOINT_PATH_BYTES];
	struct error error;
	uint64_t bytes;
	FILE *file;

	temp_dir_make();
	cr_assert(eq(int, data_dir_open(&dir, temp_path("data"), SHARDS, &error), 0));
	dir.journal_id = JOURNAL_ID;
	cr_assert(eq(int, checkpoint_write(&dir, LANE, shard, &position, 2, &bytes, &error), 0),
		  "%s", error.text);
	checkpoint_path(&dir, LANE, 3, path);
	file = fopen(path, "re");
	cr_assert(eq(sz, fread(example, 1, EXAMPLE_BYTES, file), EXAMPLE_BYTES));
	cr_assert(eq(int, fgetc(file), EOF));
	fclose(file);
	shard_close(shard);
	data_dir_close(&dir);
	temp_dir_remove();
}

/* The document's indented lines that begin with four hex digits: offset, two spaces, bytes. */
static size_t read_document(uint8_t *out)
{
	FILE *file = fopen("engine/journal/JOURNAL.md", "r");
	char line[512];
	size_t cnt = 0;

	cr_assert(ne(ptr, file, NULL), "run from the repository's root");
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *at = line + strspn(line, " ");
		unsigned offset;
		unsigned byte;
		int used = 0;

		if (at == line || strspn(at, "0123456789abcdef") != 4 ||
		    sscanf(at, "%4x  %n", &offset, &used) != 1)
			continue;
		at += used;
		for (unsigned i = 0; i < 16 && sscanf(at, "%2x%n", &byte, &used) == 1; i++) {
			cr_assert(lt(sz, offset + i, EXAMPLE_BYTES));
			out[offset + i] = (uint8_t)byte;
			at += used;
			cnt++;
		}
	}
	fclose(file);
	return cnt;
}

Test(checkpoint_format, the_document_shows_a_checkpoint_byte_for_byte)
{
	static uint8_t document[EXAMPLE_BYTES];

	make_example();
	cr_assert(eq(sz, read_document(document), EXAMPLE_BYTES));
	for (size_t i = 0; i < EXAMPLE_BYTES; i++)
		cr_assert(eq(u8, document[i], example[i]), "offset %zx", i);
}

static const char *judge(const struct checkpoint_header *header)
{
	struct checkpoint_header sealed = *header;

	sealed.checksum = checkpoint_checksum(&sealed);
	return checkpoint_header_wrong(&sealed, JOURNAL_ID, LANE, SHARDS);
}

/* Also under a checksum that is right. */
Test(checkpoint_format, impossible_headers_are_refused)
{
	struct checkpoint_header good;

	make_example();
	memcpy(&good, example, sizeof(good));
	cr_assert(eq(ptr, (void *)judge(&good), NULL));
	for (unsigned way = 0; way < 16; way++) {
		struct checkpoint_header bad = good;

		switch (way) {
		case 0:
			bad.magic++;
			break;
		case 1:
			bad.format = CHECKPOINT_FORMAT_HOLDS + 1;
			break;
		case 2:
			bad.lane++;
			break;
		case 3:
			bad.journal_id++;
			break;
		case 4:
			bad.shards++;
			break;
		case 5:
			bad.next_lsn = 1;
			bad.offer_cnt = bad.order_cnt = 0;
			break;
		case 6:
			bad.order_cnt++;
			break;
		case 7:
			bad.offer_cnt = UINT64_MAX; /* the sum is right again */
			bad.order_cnt = bad.next_lsn;
			break;
		case 8:
			bad.next_lsn = UINT64_C(1) << 40;
			bad.order_cnt = bad.next_lsn - 2;
			break;
		case 9:
			bad.block_offset = 0;
			break;
		case 10:
			bad.block_offset++;
			break;
		case 11:
			bad.offset = bad.block_offset;
			break;
		case 12:
			bad.offset += BLOCK_BYTES_MAX;
			break;
		case 13:
			bad.watermark_lsn = bad.next_lsn;
			break;
		case 14:
			bad.clock_ns = bad.last_at_ns - 1;
			break;
		case 15:
			bad.prepared_cnt = 1;
			break;
		default:
			bad.link_cnt = 1;
			break;
		}
		cr_assert(ne(ptr, (void *)judge(&bad), NULL), "way %u", way);
	}
}

/* A header of format 3: what the counts of the others leave out. */
static struct checkpoint_header holds_header(void)
{
	struct checkpoint_header header;

	make_example();
	memcpy(&header, example, sizeof(header));
	header.format = CHECKPOINT_FORMAT_HOLDS;
	/* 2 offers and a PLACED record; 4 orders; 5 holds and an order with a return; 6 changes; 2
	 * links; a prepared line; 7 records that left no entry. */
	header.next_lsn = 1 + 3 + 4 + 5 + 6 + 2 + 1 + 7;
	header.offer_cnt = 3;
	header.placed_cnt = 1;
	header.order_cnt = 4;
	header.hold_cnt = 6;
	header.bought_cnt = 1;
	header.change_cnt = 6;
	header.link_cnt = 2;
	header.prepared_cnt = 1;
	header.units_written_off = 3;
	return header;
}

Test(checkpoint_format, impossible_headers_of_format_3_are_refused)
{
	const struct checkpoint_header good = holds_header();

	cr_assert(eq(ptr, (void *)judge(&good), NULL));
	cr_assert(eq(u64, checkpoint_unsaved_cnt(&good), 7));
	for (unsigned way = 0; way < 16; way++) {
		struct checkpoint_header bad = good;

		switch (way) {
		case 0:
			bad.format = CHECKPOINT_FORMAT_CLOCK;
			break;
		case 1:
			bad.placed_cnt = 4; /* more than there are offers */
			break;
		case 2:
			bad.bought_cnt = 7; /* more than there are holds */
			break;
		case 3:
			bad.bought_cnt = 5; /* more than there are orders */
			break;
		case 4:
			bad.change_cnt += 8; /* more records than LSNs */
			break;
		case 5:
			bad.hold_cnt = UINT64_MAX;
			break;
		case 6:
			bad.change_cnt = UINT64_MAX;
			break;
		case 7:
			bad.hold_cnt = bad.bought_cnt; /* nothing could run out */
			bad.shards = 1;                /* or wait for another shard */
			bad.link_cnt = 0;
			bad.prepared_cnt = 0;
			break;
		case 8:
			bad.next_lsn = UINT64_C(1) << 40;
			bad.hold_cnt = bad.next_lsn - 14;
			break;
		case 9:
			bad.next_lsn = UINT64_C(1) << 40;
			bad.change_cnt = UINT64_C(1) << 33;
			break;
		case 10:
			bad.next_lsn = UINT64_C(1) << 40;
			bad.prepared_cnt = PREPARED_MAX + 1;
			break;
		case 11:
			bad.reserved_16 = 1;
			break;
		case 12:
			bad.link_cnt = UINT64_MAX;
			break;
		case 13:
			bad.next_lsn = UINT64_C(1) << 40;
			bad.link_cnt = UINT64_C(1) << 33;
			break;
		case 14:
			bad.prepared_cnt += 8; /* more records than LSNs */
			break;
		default:
			bad.next_lsn = UINT64_C(1) << 40;
			bad.offer_cnt = bad.placed_cnt = OFFERS_MAX + 1;
			break;
		}
		cr_assert(ne(ptr, (void *)judge(&bad), NULL), "way %u", way);
	}
}

/* In the older formats nothing of it may be there. */
Test(checkpoint_format, headers_of_older_formats_have_nothing_of_3)
{
	make_example();
	for (unsigned i = 0; i < 6; i++) {
		struct checkpoint_header bad;

		memcpy(&bad, example, sizeof(bad));
		(&bad.hold_cnt)[i] = 1;
		cr_assert(ne(ptr, (void *)judge(&bad), NULL), "word %u", i);
	}
}

Test(checkpoint_format, counts_give_chunks_and_size)
{
	const uint32_t full = CHECKPOINT_CHUNK_ENTRIES;
	const struct checkpoint_header header = {
		.offer_cnt = full + 1,
		.order_cnt = 2 * full,
	};
	const uint32_t wanted[] = {full, 1, full, full, 0, 0};
	uint16_t kind;

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		cr_assert(eq(u32, chunk_entries(&header, i, &kind), wanted[i]));
		cr_assert(wanted[i] == 0 || kind == (i < 2 ? RECORD_OFFER : RECORD_ORDER));
	}
	cr_assert(eq(u64, checkpoint_bytes(&header), 192 + 4 * 64 + (3 * full + 1) * UINT64_C(64)));
	cr_assert(eq(u64, checkpoint_bytes(&(struct checkpoint_header){0}), 192));
}

Test(checkpoint_format, holds_take_two_entries_and_lie_in_one_chunk)
{
	static const struct {
		uint16_t kind;
		uint32_t cnt;
	} wanted[] = {
		{RECORD_OFFER, 1},    {RECORD_ORDER, 2},   {RECORD_HOLD, CHECKPOINT_CHUNK_ENTRIES},
		{RECORD_HOLD, 2},     {RECORD_CONFIRM, 5}, {RECORD_LINK, 3},
		{RECORD_PREPARED, 8},
	};
	const struct checkpoint_header header = {
		.offer_cnt = 1,
		.order_cnt = 2,
		.hold_cnt = CHECKPOINT_CHUNK_ENTRIES / 2 + 1,
		.change_cnt = 5,
		.link_cnt = 3,
		.prepared_cnt = 4,
	};
	uint16_t kind;

	for (unsigned i = 0; i < 7; i++) {
		cr_assert(eq(u32, chunk_entries(&header, i, &kind), wanted[i].cnt));
		cr_assert(eq(u16, kind, wanted[i].kind));
	}
	cr_assert(eq(u32, chunk_entries(&header, 7, &kind), 0));
	cr_assert(eq(u64, chunk_first(&header, RECORD_OFFER), 0));
	cr_assert(eq(u64, chunk_first(&header, RECORD_HOLD), 2));
	cr_assert(eq(u64, chunk_first(&header, RECORD_CONFIRM), 4));
	cr_assert(eq(u64, chunk_first(&header, RECORD_PREPARED), 6));
	cr_assert(eq(u64, checkpoint_bytes(&header),
		     192 + 7 * 64 +
			     (1 + 2 + CHECKPOINT_CHUNK_ENTRIES + 2 + 5 + 3 + 8) * UINT64_C(64)));
}
