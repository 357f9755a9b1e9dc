/* JOURNAL.md's example, byte for byte, and what the format promises about its checksums. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/journal/format.h"

static const uint64_t JOURNAL_ID = 0x1122334455667788;
static const uint16_t LANE = 2;
static const uint64_t SEGMENT = 5;

enum {
	EXAMPLE_BYTES = 4 * BLOCK_ALIGN_BYTES,
};

static _Alignas(8) uint8_t example[EXAMPLE_BYTES];

static void make_example(void)
{
	struct block_header *block = (struct block_header *)(example + BLOCK_ALIGN_BYTES);
	struct record *records = (struct record *)(block + 1);

	segment_header_fill((struct segment_header *)example, JOURNAL_ID, LANE, SEGMENT,
			    SEGMENT_BYTES);
	*block = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = JOURNAL_FORMAT,
		.lane = LANE,
		.prev_checksum = 0x0123456789abcdef,
		.first_lsn = 41,
		.durable_lsn = 40,
		.written_at_ns = 1794787200000002000,
		.record_cnt = 2,
		.block_bytes = BLOCK_ALIGN_BYTES,
	};
	records[0] = (struct record){
		.kind = RECORD_OFFER,
		.at_ns = 1794787200000000000,
		.sku = 4711,
		.unit_price = 1999,
		.offer = {.stock = 15000,
			  .limit_per_buyer = 1,
			  .opens_at_ns = 1794787260000000000,
			  .closes_at_ns = INSTANT_NEVER,
			  .hold_seconds = 300},
	};
	records[1] = (struct record){
		.kind = RECORD_ORDER,
		.quantity = 1,
		.channel = 7,
		.at_ns = 1794787260000001000,
		.sku = 4711,
		.unit_price = 1999,
		.order = {.buyer = 42, .max_price = 2000},
	};
	for (unsigned i = 0; i < 16; i++)
		((uint8_t *)records[1].order.request_id)[i] = (uint8_t)(0xa0 + i);
	block->checksum = block_checksum(
		block, block_seed(JOURNAL_ID, LANE, SEGMENT, BLOCK_ALIGN_BYTES, block->first_lsn));
}

/* The block after it sets the clock back. */
static void make_clock_block(void)
{
	const struct block_header *before =
		(const struct block_header *)(example + BLOCK_ALIGN_BYTES);
	struct block_header *block = (struct block_header *)(example + 2 * BLOCK_ALIGN_BYTES);
	struct record *record = (struct record *)(block + 1);

	*record = (struct record){
		.kind = RECORD_CLOCK,
		.at_ns = 1794783660000001000,
		.clock = {.was_ns = 1794787260000001000},
	};
	*block = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = block_format_of(record, 1),
		.lane = LANE,
		.prev_checksum = before->checksum,
		.first_lsn = 43,
		.durable_lsn = 42,
		.written_at_ns = 1794783660000001000,
		.record_cnt = 1,
		.block_bytes = BLOCK_ALIGN_BYTES,
	};
	block->checksum = block_checksum(
		block, block_seed(JOURNAL_ID, LANE, SEGMENT, (uint64_t)2 * BLOCK_ALIGN_BYTES, 43));
}

static void fill_request_id(uint64_t request_id[2], uint8_t first)
{
	for (unsigned i = 0; i < 16; i++)
		((uint8_t *)request_id)[i] = (uint8_t)(first + i);
}

/* The one after that has a placed SKU, a hold that is paid, and one that runs out. */
static void make_holds_block(void)
{
	const uint64_t at_ns = 1794787320000000000;
	const uint64_t s_ns = 1000000000;
	const struct block_header *before =
		(const struct block_header *)(example + 2 * BLOCK_ALIGN_BYTES);
	struct block_header *block = (struct block_header *)(example + 3 * BLOCK_ALIGN_BYTES);
	struct record *records = (struct record *)(block + 1);

	records[0] =
		(struct record){.kind = RECORD_PLACED, .quantity = 1, .at_ns = at_ns, .sku = 4713};
	records[1] = (struct record){
		.kind = RECORD_HOLD,
		.quantity = 1,
		.channel = 7,
		.at_ns = at_ns,
		.sku = 4711,
		.unit_price = 1999,
		.order = {.buyer = 43, .max_price = 2000},
	};
	fill_request_id(records[1].order.request_id, 0xb0);
	records[2] = (struct record){
		.kind = RECORD_CONFIRM,
		.quantity = 1,
		.at_ns = at_ns + 60 * s_ns,
		.sku = 4711,
		.unit_price = 1999,
		.change = {.buyer = 43, .order_lsn = 45},
	};
	fill_request_id(records[2].change.request_id, 0xc0);
	records[3] = records[1];
	records[3].at_ns = at_ns + 60 * s_ns;
	records[3].order.buyer = 44;
	fill_request_id(records[3].order.request_id, 0xd0);
	records[4] = (struct record){
		.kind = RECORD_EXPIRE,
		.at_ns = at_ns + 360 * s_ns,
		.sku = 4711,
		.expire = {.up_to_lsn = 47, .holds = 1, .units = 1},
	};
	*block = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = block_format_of(records, 5),
		.lane = LANE,
		.prev_checksum = before->checksum,
		.first_lsn = 44,
		.durable_lsn = 43,
		.written_at_ns = at_ns + 360 * s_ns,
		.record_cnt = 5,
		.block_bytes = BLOCK_ALIGN_BYTES,
	};
	block->checksum = block_checksum(
		block, block_seed(JOURNAL_ID, LANE, SEGMENT, (uint64_t)3 * BLOCK_ALIGN_BYTES, 44));
}

/* The document's indented lines that begin with eight hex digits: offset, two spaces, bytes. */
static size_t read_document(uint8_t *out)
{
	FILE *file = fopen("engine/journal/JOURNAL.md", "r");
	char line[512];
	size_t cnt = 0;

	cr_assert(ne(ptr, file, NULL), "run from the repository's root");
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned long offset;
		unsigned byte;
		int used = 0;

		const char *at = line + strspn(line, " ");

		if (strspn(at, "0123456789abcdef") != 8 ||
		    sscanf(at, "%8lx  %n", &offset, &used) != 1)
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

Test(journal_format, the_document_shows_a_segment_byte_for_byte)
{
	static uint8_t document[EXAMPLE_BYTES];

	make_example();
	make_clock_block();
	make_holds_block();
	cr_assert(eq(sz, read_document(document), 64 + 3 * 64 + 2 * 64 + 6 * 64),
		  "header, three block headers, 8 records");
	for (size_t i = 0; i < EXAMPLE_BYTES; i++)
		cr_assert(eq(u8, document[i], example[i]), "offset %zx", i);
}

Test(journal_format, the_example_is_valid_and_only_at_its_place)
{
	const struct block_header *block =
		(const struct block_header *)(example + BLOCK_ALIGN_BYTES);
	const uint64_t good[] = {JOURNAL_ID, LANE, SEGMENT, BLOCK_ALIGN_BYTES, 41};

	make_example();
	cr_assert(eq(ptr, (void *)block_shape_wrong(block, LANE, BLOCK_ALIGN_BYTES), NULL));
	for (unsigned i = 0; i < 5; i++) {
		uint64_t place[5];

		memcpy(place, good, sizeof(place));
		place[i] += i == 3 ? BLOCK_ALIGN_BYTES : 1;
		cr_assert(ne(u64,
			     block_checksum(block, block_seed(place[0], (uint16_t)place[1],
							      place[2], place[3], place[4])),
			     block->checksum));
	}
}

Test(journal_format, impossible_shapes_are_refused)
{
	struct block_header *block = (struct block_header *)(example + BLOCK_ALIGN_BYTES);
	struct block_header good;

	make_example();
	good = *block;
	for (unsigned way = 0; way < 12; way++) {
		*block = good;
		switch (way) {
		case 0:
			block->magic++;
			break;
		case 1:
			block->format = JOURNAL_FORMAT_MAX + 1;
			break;
		case 2:
			block->lane++;
			break;
		case 3:
			block->record_cnt = BLOCK_RECORDS_MAX + 1;
			break;
		case 4:
			block->record_cnt = UINT32_MAX;
			break;
		case 5:
			block->block_bytes = 0;
			break;
		case 6:
			block->block_bytes += BLOCK_ALIGN_BYTES;
			break;
		case 7:
			block->record_cnt = 64;
			block->block_bytes = 2 * BLOCK_ALIGN_BYTES;
			break;
		case 8:
			block->first_lsn = 0;
			break;
		case 9:
			block->first_lsn = UINT64_MAX;
			break;
		case 10:
			block->durable_lsn = block->first_lsn;
			break;
		default:
			block->reserved = 1;
			break;
		}
		cr_assert(ne(ptr, (void *)block_shape_wrong(block, LANE, BLOCK_ALIGN_BYTES), NULL),
			  "way %u", way);
	}
}

static const char *wrong(const struct block_header *block)
{
	cr_assert(eq(ptr, (void *)block_shape_wrong(block, LANE, BLOCK_ALIGN_BYTES), NULL));
	return block_records_wrong(block);
}

Test(journal_format, a_block_of_format_2_begins_with_a_clock_record)
{
	struct block_header *block = (struct block_header *)(example + BLOCK_ALIGN_BYTES);
	struct record *records = (struct record *)(block + 1);

	make_example();
	cr_assert(eq(uint, block_format_of(records, 2), JOURNAL_FORMAT));
	cr_assert(eq(ptr, (void *)wrong(block), NULL));
	block->format = JOURNAL_FORMAT_CLOCK;
	cr_assert(ne(ptr, (void *)wrong(block), NULL));
	records[0] = (struct record){.kind = RECORD_CLOCK};
	cr_assert(eq(uint, block_format_of(records, 2), JOURNAL_FORMAT_CLOCK));
	cr_assert(eq(uint, block_format_of(records, 0), JOURNAL_FORMAT), "a closing block");
	cr_assert(eq(ptr, (void *)wrong(block), NULL));
	block->format = JOURNAL_FORMAT;
	cr_assert(ne(ptr, (void *)wrong(block), NULL));
	/* Nothing new is in a block that sets the clock back, under no format. */
	records[1].kind = RECORD_HOLD;
	for (uint16_t format = JOURNAL_FORMAT; format <= JOURNAL_FORMAT_MAX; format++) {
		block->format = format;
		cr_assert(ne(ptr, (void *)wrong(block), NULL), "format %u", format);
	}
}

/* If and only if one of its records is new: older programs decide by the format. */
Test(journal_format, a_block_of_format_3_has_a_new_record)
{
	struct block_header *block = (struct block_header *)(example + BLOCK_ALIGN_BYTES);
	struct record *records = (struct record *)(block + 1);
	struct record good[2];

	make_example();
	memcpy(good, records, sizeof(good));
	for (unsigned way = 0; way < 7; way++) {
		memcpy(records, good, sizeof(good));
		switch (way) {
		case 0:
			records[1].kind = RECORD_HOLD;
			break;
		case 1:
			records[1].kind = RECORD_KIND_END; /* of a newer program still */
			break;
		case 2:
			records[1].flags = 1;
			break;
		case 3:
			records[0].flags = OFFER_PLACED;
			break;
		case 4:
			records[0].quantity = 1;
			break;
		case 5:
			records[0].channel = 1;
			break;
		default:
			records[0].offer.extend = 1;
			break;
		}
		block->format = JOURNAL_FORMAT;
		cr_assert(ne(ptr, (void *)wrong(block), NULL), "way %u", way);
		block->format = JOURNAL_FORMAT_CLOCK;
		cr_assert(ne(ptr, (void *)wrong(block), NULL), "way %u", way);
		block->format = JOURNAL_FORMAT_HOLDS;
		cr_assert(eq(ptr, (void *)wrong(block), NULL), "way %u", way);
	}
	memcpy(records, good, sizeof(good));
	cr_assert(ne(ptr, (void *)wrong(block), NULL), "nothing new");
}

Test(journal_format, no_block_ends_within_a_basket)
{
	static const uint8_t kinds[] = {RECORD_ORDER, RECORD_HOLD, RECORD_CONFIRM, RECORD_RELEASE,
					RECORD_LINK};
	struct block_header *block = (struct block_header *)(example + BLOCK_ALIGN_BYTES);
	struct record *records = (struct record *)(block + 1);

	make_example();
	block->format = JOURNAL_FORMAT_HOLDS;
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		records[0].kind = records[1].kind = kinds[i];
		records[0].flags = RECORD_BASKET_GOES_ON;
		records[1].flags = 0;
		cr_assert(eq(ptr, (void *)wrong(block), NULL), "kind %u", kinds[i]);
		records[1].flags = RECORD_BASKET_GOES_ON;
		cr_assert(ne(ptr, (void *)wrong(block), NULL), "kind %u", kinds[i]);
	}
}
