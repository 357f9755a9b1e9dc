#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/journal/format.h"
#include "tools/downstream/frame.h"

enum {
	LANE = 3,
	OFFSET = 8192,
};

static const uint64_t JOURNAL_ID = 0x1122334455667788;
static _Alignas(BLOCK_ALIGN_BYTES) uint8_t bytes[BLOCK_ALIGN_BYTES];
static struct block_header *const header = (struct block_header *)bytes;
static struct frame frame;

/* A block of two records as an engine writes it, and its frame. */
static void set_up(void)
{
	const struct lane_block block = {{5, OFFSET}, SEGMENT_BYTES, header};

	memset(bytes, 0, sizeof(bytes));
	*header = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = JOURNAL_FORMAT,
		.lane = LANE,
		.record_cnt = 2,
		.block_bytes = sizeof(bytes),
		.first_lsn = 10,
		.durable_lsn = 9,
	};
	header->checksum =
		block_checksum(header, block_seed(JOURNAL_ID, LANE, 5, OFFSET, header->first_lsn));
	frame_fill(&frame, JOURNAL_ID, LANE, &block);
}

TestSuite(frame, .init = set_up);

static const char *wrong(void)
{
	return frame_block_wrong(&frame, JOURNAL_ID, LANE, bytes, sizeof(bytes));
}

Test(frame, comes_back_from_its_text)
{
	char text[FRAME_TEXT_BYTES];
	struct frame back;

	frame_to_text(&frame, text);
	cr_assert(frame_from_text(text, &back));
	cr_assert(all(eq(u16, back.lane, LANE), eq(u64, back.journal_id, JOURNAL_ID),
		      eq(u64, back.segment, 5), eq(u64, back.offset, OFFSET),
		      eq(u64, back.segment_bytes, SEGMENT_BYTES)));
	snprintf(text + strlen(text), 2, " ");
	cr_assert(not(frame_from_text(text, &back)), "something behind it");
	text[0] = '2';
	cr_assert(not(frame_from_text(text, &back)), "another format");
	for (size_t length = 0; length < strlen(text); length++) {
		char part[FRAME_TEXT_BYTES] = "";

		frame_to_text(&frame, text);
		memcpy(part, text, strcspn(text, " ") + length / 4);
		cr_assert(not(frame_from_text(part, &back)), "'%s'", part);
	}
}

Test(frame, lets_a_whole_block_in_its_place_pass)
{
	cr_assert(wrong() == NULL, "%s", wrong());
}

/* Every bit of it counts. */
Test(frame, refuses_a_block_with_any_bit_turned)
{
	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(wrong() != NULL, "bit %zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

Test(frame, refuses_another_place_journal_or_lane)
{
	frame.segment++;
	cr_assert(eq(str, (char *)wrong(), "a block with a wrong checksum"));
	frame.segment--;
	frame.offset += BLOCK_ALIGN_BYTES;
	cr_assert(eq(str, (char *)wrong(), "a block with a wrong checksum"));
	frame.offset = SEGMENT_BYTES;
	cr_assert(eq(str, (char *)wrong(), "a block with an impossible size or place"));
	frame.offset = OFFSET;
	frame.journal_id++;
	cr_assert(eq(str, (char *)wrong(), "a block of another journal"));
	frame.journal_id--;
	frame.lane++;
	cr_assert(eq(str, (char *)wrong(), "a block of another lane"));
	frame = (struct frame){0};
	cr_assert(eq(str, (char *)wrong(), "not a block of ours"));
}
