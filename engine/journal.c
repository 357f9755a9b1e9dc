#include "engine/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/segments.h"

/* A block on its way to the disk. */
struct write_slot {
	uint64_t last_lsn;
	uint32_t bytes;
	uint32_t buffer_idx;
	int fd_done; /* the segment this block was the last of, or -1 */
	bool done;
};

struct journal {
	/* The block being filled. */
	struct block_header *block;
	uint32_t record_cnt;
	uint32_t record_max; /* what fits into a block and into the rest of the segment */
	uint64_t next_lsn;
	uint64_t durable_lsn;
	int error;

	/* Where it goes. */
	int fd; /* -1: the next segment isn't ready */
	uint64_t segment;
	uint64_t offset;
	uint64_t prev_checksum;
	uint64_t watermark_lsn; /* durable_lsn as the disk knows it from the last block */

	/* What is on its way: a ring, oldest first. */
	struct write_slot slots[WRITES_IN_FLIGHT_MAX];
	uint32_t slot_head; /* free-running */
	uint32_t slot_tail;
	uint32_t buffers_free; /* bit i: buffer i is neither filled nor on its way */
	uint32_t buffer_idx;   /* of the block being filled */

	uint64_t journal_id;
	uint16_t lane;
	struct disk *disk;
	struct segment_source *segments;
	uint8_t *buffers;
	uint64_t blocks_written;
	uint64_t bytes_written;
};

static_assert(BLOCK_BUFFERS_CNT < 32, "buffers are counted in a mask");

enum {
	/* The end of each segment stays free for a closing block. */
	SEAL_RESERVE_BYTES = BLOCK_ALIGN_BYTES,
};

static void fail(struct journal *journal, int error)
{
	if (journal->error == 0)
		journal->error = error;
}

static uint32_t in_flight(const struct journal *journal)
{
	return journal->slot_tail - journal->slot_head;
}

/* Sizes the block being filled to what the segment still takes; moves on to the next segment. */
static void place_block(struct journal *journal)
{
	uint64_t space;

	if (journal->fd < 0) {
		journal->fd = segment_take(journal->segments, journal->segment);
		if (journal->fd < 0) {
			journal->fd = -1;
			journal->record_max = 0;
			return;
		}
	}
	space = SEGMENT_BYTES - SEAL_RESERVE_BYTES;
	space = journal->offset < space ? space - journal->offset : 0;
	if (space > BLOCK_BYTES_MAX)
		space = BLOCK_BYTES_MAX;
	journal->record_max = space > 0 ? (uint32_t)(space - BLOCK_HEADER_BYTES) / RECORD_BYTES : 0;
}

/* No block of records fits into the segment any more: the next one, if it is ready. */
static void advance_segment(struct journal *journal)
{
	if (journal->fd >= 0 && journal->record_max == 0) {
		const int full_fd = journal->fd;

		journal->segment++;
		journal->offset = BLOCK_ALIGN_BYTES;
		journal->fd = -1;
		/* Its blocks may still be on their way: the last of them gives it back. */
		if (in_flight(journal) > 0)
			journal->slots[(journal->slot_tail - 1) % WRITES_IN_FLIGHT_MAX].fd_done =
				full_fd;
		else
			segment_done(journal->segments, full_fd);
	}
	if (journal->fd < 0)
		place_block(journal);
}

static void take_buffer(struct journal *journal)
{
	DCHECK(journal->buffers_free != 0);
	journal->buffer_idx = (uint32_t)__builtin_ctz(journal->buffers_free);
	journal->buffers_free &= ~(1U << journal->buffer_idx);
	journal->block = (struct block_header *)(journal->buffers +
						 (size_t)journal->buffer_idx * BLOCK_BYTES_MAX);
	journal->record_cnt = 0;
}

/* Queues the block being filled, which may be empty (a closing block), and begins the next one. */
static void queue_block(struct journal *journal, uint64_t now_ns)
{
	struct block_header *block = journal->block;
	const uint32_t bytes = block_bytes_of(journal->record_cnt);
	const uint32_t used_bytes = BLOCK_HEADER_BYTES + journal->record_cnt * RECORD_BYTES;
	struct write_slot *slot = &journal->slots[journal->slot_tail % WRITES_IN_FLIGHT_MAX];
	const uint64_t first_lsn = journal->next_lsn - journal->record_cnt;

	*block = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = JOURNAL_FORMAT,
		.lane = journal->lane,
		.prev_checksum = journal->prev_checksum,
		.first_lsn = first_lsn,
		.durable_lsn = journal->durable_lsn,
		.written_at_ns = now_ns,
		.record_cnt = journal->record_cnt,
		.block_bytes = bytes,
	};
	memset((uint8_t *)block + used_bytes, 0, bytes - used_bytes);
	block->checksum =
		block_checksum(block, block_seed(journal->journal_id, journal->lane,
						 journal->segment, journal->offset, first_lsn));
	*slot = (struct write_slot){
		.last_lsn = journal->next_lsn - 1,
		.bytes = bytes,
		.buffer_idx = journal->buffer_idx,
		.fd_done = -1,
	};

	const uint64_t token =
		(uint64_t)journal->lane << 48 | journal->slot_tail % WRITES_IN_FLIGHT_MAX;
	const int rc = journal->disk->ops->write(journal->disk, journal->fd, block, bytes,
						 journal->offset, token);

	if (rc != 0) {
		fail(journal, -rc);
		return;
	}
	journal->slot_tail++;
	journal->prev_checksum = block->checksum;
	journal->watermark_lsn = journal->durable_lsn;
	journal->offset += bytes;
	journal->blocks_written++;
	journal->bytes_written += bytes;
	take_buffer(journal);
	place_block(journal);
	advance_segment(journal);
}

int journal_open(struct journal **out, const struct journal_options *options, char *error,
		 size_t error_bytes)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (journal == NULL) {
		snprintf(error, error_bytes, "lane %u: no memory for its journal", options->lane);
		return -ENOMEM;
	}
	journal->next_lsn = options->tail.next_lsn;
	journal->durable_lsn = options->tail.next_lsn - 1;
	/* watermark_lsn stays 0: a closing block soon says that what recovery found is durable. */
	journal->fd = -1;
	journal->segment = options->tail.segment;
	journal->offset = options->tail.offset;
	journal->prev_checksum = options->tail.prev_checksum;
	journal->buffers_free = (1U << BLOCK_BUFFERS_CNT) - 1;
	journal->journal_id = options->journal_id;
	journal->lane = options->lane;
	journal->disk = options->disk;
	journal->segments = options->segments;
	journal->buffers = options->buffers;
	take_buffer(journal);
	place_block(journal);
	if (journal->fd < 0) {
		snprintf(error, error_bytes, "lane %u: segment %llu isn't there to be written",
			 journal->lane, (unsigned long long)journal->segment);
		free(journal);
		return -ENOENT;
	}
	advance_segment(journal);
	*out = journal;
	return 0;
}

uint32_t journal_room(const struct journal *journal)
{
	return journal->error != 0 ? 0 : journal->record_max - journal->record_cnt;
}

struct record *journal_slot(struct journal *journal)
{
	DCHECK(journal_room(journal) > 0);
	return (struct record *)(journal->block + 1) + journal->record_cnt;
}

void journal_commit(struct journal *journal)
{
	const struct record *record = journal_slot(journal);

	DCHECK(journal->next_lsn < LSN_MAX);
	journal->record_cnt++;
	journal->next_lsn++;
	if (journal->record_cnt == journal->record_max && in_flight(journal) < WRITES_IN_FLIGHT_MAX)
		queue_block(journal, record->at_ns);
}

uint64_t journal_next_lsn(const struct journal *journal)
{
	return journal->next_lsn;
}

void journal_pump(struct journal *journal, uint64_t now_ns)
{
	if (journal->error != 0)
		return;
	if (journal->record_cnt > 0 && in_flight(journal) < WRITES_IN_FLIGHT_MAX)
		queue_block(journal, now_ns);
	else if (journal->fd < 0)
		place_block(journal);
}

void journal_written(struct journal *journal, uint64_t token, int64_t result)
{
	struct write_slot *slot = &journal->slots[token & 0xffff];

	DCHECK(journal_token_lane(token) == journal->lane);
	if (result != slot->bytes)
		fail(journal, result < 0 ? (int)-result : EIO);
	slot->done = true;
	while (in_flight(journal) > 0) {
		slot = &journal->slots[journal->slot_head % WRITES_IN_FLIGHT_MAX];
		if (!slot->done)
			break;
		/* After a failure nothing more counts as durable, whatever still arrives. */
		if (journal->error == 0)
			journal->durable_lsn = slot->last_lsn;
		if (slot->fd_done >= 0)
			segment_done(journal->segments, slot->fd_done);
		journal->buffers_free |= 1U << slot->buffer_idx;
		journal->slot_head++;
	}
}

uint64_t journal_durable_lsn(const struct journal *journal)
{
	return journal->durable_lsn;
}

int journal_error(const struct journal *journal)
{
	return journal->error;
}

bool journal_idle(const struct journal *journal)
{
	return in_flight(journal) == 0 && journal->record_cnt == 0;
}

void journal_written_totals(const struct journal *journal, uint64_t *blocks, uint64_t *bytes)
{
	*blocks = journal->blocks_written;
	*bytes = journal->bytes_written;
}

bool journal_wants_seal(const struct journal *journal)
{
	return journal->durable_lsn > journal->watermark_lsn && journal->error == 0 &&
	       journal_idle(journal) && journal->fd >= 0 &&
	       journal->offset + SEAL_RESERVE_BYTES <= SEGMENT_BYTES;
}

void journal_seal(struct journal *journal, uint64_t now_ns)
{
	DCHECK(journal_wants_seal(journal));
	queue_block(journal, now_ns);
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->fd >= 0)
		segment_done(journal->segments, journal->fd);
	free(journal);
}
