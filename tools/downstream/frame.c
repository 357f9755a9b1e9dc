#include "tools/downstream/frame.h"

#include <inttypes.h>
#include <stdio.h>

void frame_fill(struct frame *frame, uint64_t journal_id, uint16_t lane,
		const struct lane_block *block)
{
	*frame = (struct frame){
		.magic = FRAME_MAGIC,
		.format = 1,
		.lane = lane,
		.journal_id = journal_id,
		.segment = block->place.segment,
		.offset = block->place.offset,
		.segment_bytes = block->segment_bytes,
		.block_bytes = block->header->block_bytes,
	};
}

void frame_to_text(const struct frame *frame, char out[FRAME_TEXT_BYTES])
{
	snprintf(out, FRAME_TEXT_BYTES, "%u %016" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64,
		 frame->format, frame->journal_id, frame->lane, frame->segment, frame->offset,
		 frame->segment_bytes);
}

bool frame_from_text(const char *text, struct frame *out)
{
	int end = 0;

	*out = (struct frame){.magic = FRAME_MAGIC};
	return sscanf(text,
		      "%" SCNu16 " %16" SCNx64 " %" SCNu16 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n",
		      &out->format, &out->journal_id, &out->lane, &out->segment, &out->offset,
		      &out->segment_bytes, &end) == 6 &&
	       text[end] == '\0' && out->format == 1;
}

const char *frame_block_wrong(const struct frame *frame, uint64_t journal_id, uint16_t lane,
			      const void *block, uint64_t bytes)
{
	const struct block_header *header = block;
	const char *wrong;

	if (frame->magic != FRAME_MAGIC || frame->format != 1)
		return "not a block of ours";
	if (frame->journal_id != journal_id)
		return "a block of another journal";
	if (frame->lane != lane)
		return "a block of another lane";
	if (bytes < BLOCK_ALIGN_BYTES || bytes > BLOCK_BYTES_MAX ||
	    !segment_bytes_valid(frame->segment_bytes) || frame->offset >= frame->segment_bytes)
		return "a block with an impossible size or place";
	wrong = block_shape_wrong(header, lane, frame->segment_bytes - frame->offset);
	if (wrong != NULL)
		return wrong;
	if (header->block_bytes != bytes)
		return "a block that was cut short";
	if (header->checksum !=
	    block_checksum(header, block_seed(journal_id, lane, frame->segment, frame->offset,
					      header->first_lsn)))
		return "a block with a wrong checksum";
	return block_records_wrong(header);
}
