#include "engine/journal/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/relaxed.h"
#include "engine/journal/segments.h"

enum {
	/* The end of each segment that only a closing block may use, so that a lane can always be
	 * sealed, also when the next segment isn't there. */
	CLOSING_RESERVE_BYTES = BLOCK_ALIGN_BYTES,
	/*
	 * A block that isn't full is written only while fewer writes than this are in flight; full
	 * blocks up to WRITES_IN_FLIGHT_MAX. If a small block could use every slot, disk and core
	 * would be busy with small blocks: 2.5 to 3.5 M orders/s at full speed against 5.1 to 9.3.
	 * With two slots for them, datagrams of one request reached 0.50 M/s where one slot gives
	 * 0.65 (bench/README.md).
	 */
	PARTIAL_IN_FLIGHT_MAX = 1,
	/* A token: the lane in the upper 16 bits, the block's number below. */
	TOKEN_BLOCK_BITS = 48,
};
static_assert((int)BLOCK_HEADER_BYTES <= (int)CLOSING_RESERVE_BYTES,
	      "a closing block fits into its room");
static_assert(CLOSING_RESERVE_BYTES + 2 * BLOCK_ALIGN_BYTES <= SEGMENT_BYTES_MIN,
	      "there is room for a block beside it");
static_assert((int)PARTIAL_IN_FLIGHT_MAX <= (int)WRITES_IN_FLIGHT_MAX,
	      "a block that is not full is written, too");
static_assert(SHARDS_MAX <= UINT64_C(1) << (64 - TOKEN_BLOCK_BITS), "a token has room for a lane");

/*
 * Blocks are numbered as they are opened; block n lies in buffer n % BLOCK_BUFFERS_CNT. They pass
 * through four states, in order, so that three counters give the state of each:
 *
 *	        n < head    durable
 *	head <= n < sent    in flight: given to the disk, or written before an older one is
 *	sent <= n < fill    closed: takes no more records, not given to the disk yet
 *	        n = fill    being filled
 */
struct block_state {
	uint64_t last_lsn; /* durable when this block and all before it are */
	uint64_t offset;
	uint64_t segment;
	uint32_t record_cnt;
	uint32_t bytes;
	int fd;
	uint16_t format;
	uint64_t sent_ns;  /* CLOCK_MONOTONIC */
	bool ends_segment; /* the file is given back when this block is durable */
	bool done;
};

struct journal {
	/* Touched by every record. */
	struct record *slots; /* of the block being filled */
	uint32_t record_cnt;  /* in it */
	uint32_t record_max;  /* that fit into it and into the segment; 0: no place for it yet */
	int error;            /* errno of a failed write, positive; 0: none */
	uint16_t format;      /* of the block being filled, as its records are so far */
	uint64_t next_lsn;
	uint64_t durable_lsn;

	uint64_t head; /* the oldest block that is not durable */
	uint64_t sent; /* the first block not given to the disk */
	uint64_t fill; /* the block being filled */

	/* Where the block being filled goes. */
	int fd;
	uint64_t segment;
	uint64_t segment_bytes;
	uint64_t offset;

	uint64_t prev_checksum; /* of the block sent last */
	uint64_t watermark_lsn; /* of that block */
	uint64_t written_at_ns; /* of that block */
	uint64_t noted_ns;      /* latest instant that a block must carry */

	struct disk *disk;
	struct segment_source *segments;
	uint8_t *buffers;
	uint64_t journal_id;
	uint16_t lane;
	struct arena *arena; /* that it lies in; NULL: the heap */
	const void *owner;   /* debug builds: the thread that works on it */
	uint64_t written_lsn;
	struct journal_stats stats; /* without LSNs and segment */
	struct block_state blocks[BLOCK_BUFFERS_CNT];
};

/* Another thread may take over only while nothing is in flight. */
static void own(struct journal *journal)
{
#ifdef DB_DEBUG
	static _Thread_local char self;

	if (journal->owner != &self) {
		CHECK(journal->owner == NULL || journal->error != 0 || journal_idle(journal));
		journal->owner = &self;
	}
#else
	(void)journal;
#endif
}

const uint64_t journal_latency_bounds_ns[JOURNAL_LATENCY_BOUND_CNT] = {
	50000,   75000,    100000,   150000,    250000,     500000,     1000000,
	2500000, 10000000, 50000000, 250000000, 1000000000, 2500000000, 10000000000,
};

/* A closing block has 0 records, a full one BLOCK_RECORDS_MAX. */
const uint32_t journal_fill_bounds[JOURNAL_FILL_BOUND_CNT] = {
	0, 1, 15, 63, 255, 511, 767, BLOCK_RECORDS_MAX - 1,
};

static void count_sent(struct journal *journal, const struct block_state *block)
{
	struct journal_stats *stats = &journal->stats;
	unsigned cell = 0;

	DCHECK(block->record_cnt <= BLOCK_RECORDS_MAX);
	DCHECK(block->bytes == block_bytes_of(block->record_cnt));
	while (cell < JOURNAL_FILL_BOUND_CNT && block->record_cnt > journal_fill_bounds[cell])
		cell++;
	stats->fill_cells[cell]++;
	stats->blocks++;
	stats->bytes += block->bytes;
	stats->records += block->record_cnt;
}

static void count_durable(struct journal *journal, uint64_t latency_ns)
{
	unsigned cell = 0;

	/* No write completes before it was given to the disk. */
	DCHECK(latency_ns <= INT64_MAX);
	while (cell < JOURNAL_LATENCY_BOUND_CNT && latency_ns > journal_latency_bounds_ns[cell])
		cell++;
	journal->stats.latency_cells[cell]++;
	journal->stats.latency_ns += latency_ns;
}

static struct block_state *block_of(struct journal *journal, uint64_t number)
{
	return &journal->blocks[number % BLOCK_BUFFERS_CNT];
}

static struct block_header *buffer_of(const struct journal *journal, uint64_t number)
{
	/* The buffer of a later block still belongs to another one. */
	DCHECK(number - journal->head < BLOCK_BUFFERS_CNT);
	return (struct block_header *)(journal->buffers +
				       number % BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX);
}

static void fail(struct journal *journal, int error)
{
	CHECK(error > 0);
	if (journal->error == 0)
		journal->error = error;
}

/* Records that fit into a block at offset of a segment. */
static uint32_t records_at(uint64_t offset, uint64_t segment_bytes)
{
	const uint64_t end = segment_bytes - CLOSING_RESERVE_BYTES;

	DCHECK(offset >= BLOCK_ALIGN_BYTES && offset % BLOCK_ALIGN_BYTES == 0);
	DCHECK(offset <= segment_bytes && segment_bytes_valid(segment_bytes));
	if (offset >= end)
		return 0;
	if (end - offset >= BLOCK_BYTES_MAX)
		return BLOCK_RECORDS_MAX;
	return (uint32_t)((end - offset - BLOCK_HEADER_BYTES) / RECORD_BYTES);
}

/* Moves the place of the next block to the next segment, if that is ready. */
static void next_segment(struct journal *journal)
{
	uint64_t bytes;
	const int fd = segment_take(journal->segments, journal->segment + 1, &bytes);

	if (fd < 0)
		return;
	/* Only the room for a closing block is left unused. */
	CHECK(journal->offset + CLOSING_RESERVE_BYTES >= journal->segment_bytes);
	CHECK(segment_bytes_valid(bytes));
	if (journal->fill > journal->head) {
		CHECK(block_of(journal, journal->fill - 1)->segment == journal->segment);
		block_of(journal, journal->fill - 1)->ends_segment = true;
	} else {
		segment_done(journal->segments, journal->fd);
	}
	journal->fd = fd;
	journal->segment++;
	journal->segment_bytes = bytes;
	journal->offset = BLOCK_ALIGN_BYTES;
}

/* Gives the block to be filled a buffer and a place, as soon as both are there. */
static void open_block(struct journal *journal)
{
	DCHECK(journal->record_cnt == 0);
	DCHECK(journal->fill - journal->head <= BLOCK_BUFFERS_CNT);
	journal->format = JOURNAL_FORMAT;
	journal->record_max = 0;
	if (journal->fill - journal->head == BLOCK_BUFFERS_CNT)
		return;
	if (records_at(journal->offset, journal->segment_bytes) == 0)
		next_segment(journal);
	journal->slots = (struct record *)(buffer_of(journal, journal->fill) + 1);
	journal->record_max = records_at(journal->offset, journal->segment_bytes);
	DCHECK(journal->record_max == 0 ||
	       journal->offset + block_bytes_of(journal->record_max) + CLOSING_RESERVE_BYTES <=
		       journal->segment_bytes);
}

/* The block being filled takes no more records; the next one begins. */
static void close_block(struct journal *journal)
{
	struct block_state *block = block_of(journal, journal->fill);

	/* No other block uses its buffer and its state. */
	DCHECK(journal->fill - journal->head < BLOCK_BUFFERS_CNT);
	/* It begins where the one before it ends. */
	DCHECK(journal->fill == journal->head ||
	       block_of(journal, journal->fill - 1)->last_lsn ==
		       journal->next_lsn - 1 - journal->record_cnt);
	*block = (struct block_state){
		.last_lsn = journal->next_lsn - 1,
		.offset = journal->offset,
		.segment = journal->segment,
		.record_cnt = journal->record_cnt,
		.bytes = block_bytes_of(journal->record_cnt),
		.fd = journal->fd,
		.format = journal->format,
	};
	journal->offset += block->bytes;
	DCHECK(journal->offset <= journal->segment_bytes);
	journal->fill++;
	journal->record_cnt = 0;
	open_block(journal);
}

/* Writes the header of a closed block: it is final from now on. */
static void seal_header(struct journal *journal, const struct block_state *block,
			struct block_header *header, uint64_t now_ns)
{
	const uint32_t used = BLOCK_HEADER_BYTES + block->record_cnt * RECORD_BYTES;
	const uint64_t first_lsn = block->last_lsn + 1 - block->record_cnt;

	DCHECK(first_lsn == journal->written_lsn + 1);
	DCHECK(journal->watermark_lsn <= journal->durable_lsn);
	DCHECK(journal->durable_lsn <= journal->written_lsn);
	*header = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = block->format,
		.lane = journal->lane,
		.prev_checksum = journal->prev_checksum,
		.first_lsn = first_lsn,
		.durable_lsn = journal->durable_lsn,
		.written_at_ns = now_ns,
		.record_cnt = block->record_cnt,
		.block_bytes = block->bytes,
	};
	memset((uint8_t *)header + used, 0, block->bytes - used);
	header->checksum =
		block_checksum(header, block_seed(journal->journal_id, journal->lane,
						  block->segment, block->offset, first_lsn));
	DCHECK(block_shape_wrong(header, journal->lane, journal->segment_bytes) == NULL);
	DCHECK(block_records_wrong(header) == NULL);
}

/* Gives the oldest closed block to the disk. False: the disk takes it later, or never. */
static bool send_block(struct journal *journal, uint64_t now_ns)
{
	struct block_state *block = block_of(journal, journal->sent);
	struct block_header *header = buffer_of(journal, journal->sent);
	const uint64_t token = (uint64_t)journal->lane << TOKEN_BLOCK_BITS |
			       (journal->sent & ((UINT64_C(1) << TOKEN_BLOCK_BITS) - 1));

	DCHECK(journal->error == 0 && journal->sent < journal->fill);
	DCHECK(journal->sent - journal->head < WRITES_IN_FLIGHT_MAX);
	DCHECK(block->fd >= 0 && block->offset % BLOCK_ALIGN_BYTES == 0 && !block->done);
	seal_header(journal, block, header, now_ns);

	const int rc = journal->disk->ops->write(journal->disk, block->fd, header, block->bytes,
						 block->offset, token);

	/* The disk's queue is full: no write was begun, so none failed. */
	if (rc == -EAGAIN)
		return false;
	if (rc != 0) {
		fail(journal, -rc);
		return false;
	}
	journal->sent++;
	journal->prev_checksum = header->checksum;
	journal->watermark_lsn = header->durable_lsn;
	journal->written_at_ns = header->written_at_ns;
	journal->written_lsn = block->last_lsn;
	block->sent_ns = clock_now_ns();
	count_sent(journal, block);
	return true;
}

static bool slot_free(const struct journal *journal)
{
	DCHECK(journal->head <= journal->sent && journal->sent <= journal->fill);
	DCHECK(journal->sent - journal->head <= WRITES_IN_FLIGHT_MAX);
	return journal->sent - journal->head < WRITES_IN_FLIGHT_MAX;
}

static void journal_free(struct journal *journal)
{
	if (journal->arena == NULL)
		free(journal);
}

int journal_open(struct journal **out, const struct journal_options *options, struct error *error)
{
	const struct lane_tail *tail = &options->tail;
	const size_t bytes = (sizeof(struct journal) + 63) & ~63UL;
	struct journal *journal = options->arena != NULL ? arena_alloc(options->arena, bytes)
							 : aligned_alloc(CACHE_LINE_BYTES, bytes);

	CHECK((uintptr_t)options->buffers % BLOCK_ALIGN_BYTES == 0);
	CHECK(tail->next_lsn > 0 && tail->next_lsn <= LSN_MAX);
	CHECK(options->lane < SHARDS_MAX);
	if (journal == NULL) {
		return error_say(error, -ENOMEM, "lane %u: no memory for its journal",
				 options->lane);
	}
	/* watermark_lsn 0: what recovery found gets its watermark at the first idle moment. */
	*journal = (struct journal){
		.next_lsn = tail->next_lsn,
		.durable_lsn = tail->next_lsn - 1,
		.written_lsn = tail->next_lsn - 1,
		.segment = tail->place.segment,
		.offset = tail->place.offset,
		.prev_checksum = tail->prev_checksum,
		.written_at_ns = tail->last_at_ns,
		.disk = options->disk,
		.segments = options->segments,
		.buffers = options->buffers,
		.journal_id = options->journal_id,
		.lane = options->lane,
		.arena = options->arena,
	};
	journal->fd = segment_take(options->segments, tail->place.segment, &journal->segment_bytes);
	if (journal->fd < 0 || tail->place.offset > journal->segment_bytes ||
	    tail->place.offset % BLOCK_ALIGN_BYTES != 0 || tail->place.offset < BLOCK_ALIGN_BYTES) {
		error_set(error,
			  "lane %u: segment %" PRIu64 " cannot be written on from offset %" PRIu64
			  "; start again: recovery then reads the lane again",
			  options->lane, tail->place.segment, tail->place.offset);
		if (journal->fd >= 0)
			segment_done(options->segments, journal->fd);
		journal_free(journal);
		return -EINVAL;
	}
	open_block(journal);
	CHECK(journal_idle(journal));
	*out = journal;
	return 0;
}

/* Records that fit into the block after the one being filled, when that ends with so many. */
static uint32_t room_behind(const struct journal *journal, uint32_t record_cnt)
{
	const uint64_t offset = journal->offset + block_bytes_of(record_cnt);
	uint32_t room = records_at(offset, journal->segment_bytes);
	uint64_t bytes;

	DCHECK(journal->record_max > 0 && record_cnt > 0);
	if (journal->fill + 1 - journal->head >= BLOCK_BUFFERS_CNT)
		return 0;
	if (room > 0)
		return room;
	bytes = segment_ready_bytes(journal->segments, journal->segment + 1);
	return bytes > 0 ? records_at(BLOCK_ALIGN_BYTES, bytes) : 0;
}

uint32_t journal_room(const struct journal *journal)
{
	if (journal->error != 0 || journal->record_max == 0)
		return 0;
	/* A block that is full was closed by its last record. */
	DCHECK(journal->record_cnt < journal->record_max);
	return journal->record_max - journal->record_cnt +
	       room_behind(journal, journal->record_max);
}

bool journal_has_room(const struct journal *journal, uint32_t cnt)
{
	DCHECK(cnt > 0);
	DCHECK(journal->record_cnt <= journal->record_max);
	return (journal->error == 0 && journal->record_max - journal->record_cnt >= cnt) ||
	       journal_room(journal) >= cnt;
}

bool journal_has_room_together(const struct journal *journal, uint32_t cnt)
{
	DCHECK(cnt > 0 && cnt <= BLOCK_RECORDS_MIN);
	if (journal->error != 0 || journal->record_max == 0)
		return false;
	return journal->record_max - journal->record_cnt >= cnt ||
	       room_behind(journal, journal->record_cnt) >= cnt;
}

void journal_keep_together(struct journal *journal, uint32_t cnt)
{
	own(journal);
	DCHECK(journal_has_room_together(journal, cnt));
	if (journal->record_max - journal->record_cnt < cnt)
		close_block(journal);
	CHECK(journal->record_max - journal->record_cnt >= cnt);
}

bool journal_is_full(const struct journal *journal)
{
	return journal->error == 0 && journal_idle(journal) &&
	       segment_source_error(journal->segments) != 0;
}

struct record *journal_slot(struct journal *journal)
{
	own(journal);
	DCHECK(journal->error == 0);
	DCHECK(journal->record_cnt < journal->record_max);
	return &journal->slots[journal->record_cnt];
}

/* Notes what a record other than a plain order means for its block. True: the block takes no more.
 */
static bool note_format(struct journal *journal, const struct record *record)
{
	if (record->kind == RECORD_CLOCK) {
		CHECK(journal->record_cnt == 0 && record->flags == 0);
		journal->format = JOURNAL_FORMAT_CLOCK;
		return true;
	}
	if (record_is_new(record))
		journal->format = JOURNAL_FORMAT_HOLDS;
	return false;
}

void journal_commit(struct journal *journal)
{
	const struct record *record = &journal->slots[journal->record_cnt];
	bool full = journal->record_cnt + 1 == journal->record_max;

	DCHECK(journal->record_cnt < journal->record_max);
	DCHECK(journal->next_lsn < LSN_MAX);
	/* No record is durable before it is committed. */
	DCHECK(journal->durable_lsn < journal->next_lsn);
	/* The line was just written, and most records are plain orders. */
	if (record->kind != RECORD_ORDER || record->flags != 0)
		full |= note_format(journal, record);
	journal->record_cnt++;
	journal->next_lsn++;
	if (full)
		close_block(journal);
}

uint64_t journal_next_lsn(const struct journal *journal)
{
	return journal->next_lsn;
}

/* Gives closed blocks to the disk while slots are free. False: the disk takes no more now, or the
 * lane failed. */
static bool send_closed(struct journal *journal, uint64_t now_ns)
{
	own(journal);
	if (journal->error != 0)
		return false;
	if (journal->record_max == 0)
		open_block(journal);
	while (slot_free(journal) && journal->sent < journal->fill) {
		if (!send_block(journal, now_ns))
			return false;
	}
	return true;
}

void journal_pump_full(struct journal *journal, uint64_t now_ns)
{
	(void)send_closed(journal, now_ns);
}

void journal_pump(struct journal *journal, uint64_t now_ns)
{
	if (!send_closed(journal, now_ns))
		return;
	if (journal->sent - journal->head < PARTIAL_IN_FLIGHT_MAX && journal->record_cnt > 0) {
		/* It overtakes no closed block. */
		DCHECK(journal->sent == journal->fill);
		close_block(journal);
		send_block(journal, now_ns);
	}
}

void journal_written(struct journal *journal, uint64_t token, int64_t result)
{
	const uint64_t number_mask = (UINT64_C(1) << TOKEN_BLOCK_BITS) - 1;
	const uint64_t ahead = ((token & number_mask) - journal->head) & number_mask;
	struct block_state *block = block_of(journal, journal->head + ahead);

	own(journal);
	CHECK(journal_token_lane(token) == journal->lane);
	CHECK(ahead < journal->sent - journal->head);
	CHECK(!block->done);
	block->done = true;
	if (result != (int64_t)block->bytes)
		fail(journal, result < 0 ? (int)-result : EIO);
	/* After a failure nothing more becomes durable, whatever writes still complete. */
	if (journal->error != 0)
		return;
	while (journal->head < journal->sent && block_of(journal, journal->head)->done) {
		block = block_of(journal, journal->head);
		DCHECK(block->last_lsn >= journal->durable_lsn);
		journal->durable_lsn = block->last_lsn;
		DCHECK(journal->durable_lsn <= journal->written_lsn);
		if (block->ends_segment)
			segment_done(journal->segments, block->fd);
		journal->head++;
		count_durable(journal, clock_now_ns() - block->sent_ns);
	}
	if (journal->record_max == 0)
		open_block(journal);
}

uint64_t journal_filling_lsn(const struct journal *journal)
{
	DCHECK(journal->next_lsn - journal->record_cnt > journal->written_lsn);
	return journal->record_cnt > 0 ? journal->next_lsn - journal->record_cnt : 0;
}

uint64_t journal_durable_lsn(const struct journal *journal)
{
	return journal->durable_lsn;
}

int journal_error(const struct journal *journal)
{
	return journal->error;
}

void journal_abandon(struct journal *journal, int error)
{
	own(journal);
	fail(journal, error);
}

bool journal_idle(const struct journal *journal)
{
	const bool idle = journal->head == journal->fill && journal->record_cnt == 0;

	DCHECK(!idle || journal->durable_lsn == journal->next_lsn - 1);
	return idle;
}

void journal_stats(const struct journal *journal, struct journal_stats *out)
{
	const struct journal_stats *stats = &journal->stats;

	*out = (struct journal_stats){
		.committed_lsn = relaxed_u64(&journal->next_lsn) - 1,
		.written_lsn = relaxed_u64(&journal->written_lsn),
		.durable_lsn = relaxed_u64(&journal->durable_lsn),
		.segment = relaxed_u64(&journal->segment),
		.blocks = relaxed_u64(&stats->blocks),
		.bytes = relaxed_u64(&stats->bytes),
		.records = relaxed_u64(&stats->records),
		.latency_ns = relaxed_u64(&stats->latency_ns),
	};
	for (unsigned i = 0; i <= JOURNAL_LATENCY_BOUND_CNT; i++)
		out->latency_cells[i] = relaxed_u64(&stats->latency_cells[i]);
	for (unsigned i = 0; i <= JOURNAL_FILL_BOUND_CNT; i++)
		out->fill_cells[i] = relaxed_u64(&stats->fill_cells[i]);
}

void journal_note_instant(struct journal *journal, uint64_t instant_ns)
{
	DCHECK(instant_ns != INSTANT_NEVER);
	if (instant_ns > journal->noted_ns)
		journal->noted_ns = instant_ns;
}

bool journal_wants_closing_block(const struct journal *journal)
{
	DCHECK(journal->watermark_lsn <= journal->durable_lsn);
	return (journal->durable_lsn > journal->watermark_lsn ||
		journal->noted_ns > journal->written_at_ns) &&
	       journal_idle(journal) && journal->error == 0 &&
	       journal->offset + CLOSING_RESERVE_BYTES <= journal->segment_bytes;
}

void journal_put_closing_block(struct journal *journal, uint64_t now_ns)
{
	own(journal);
	if (!journal_wants_closing_block(journal))
		return;
	DCHECK(journal->sent == journal->fill);
	close_block(journal);
	DCHECK(block_of(journal, journal->sent)->record_cnt == 0);
	send_block(journal, now_ns);
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	CHECK(journal->error != 0 || journal_idle(journal));
	CHECK(journal->fd >= 0);
	/* The files of writes that failed or never completed: nothing more will be written to them.
	 */
	for (uint64_t number = journal->head; number < journal->fill; number++) {
		const struct block_state *block = block_of(journal, number);

		if (block->ends_segment)
			segment_done(journal->segments, block->fd);
	}
	segment_done(journal->segments, journal->fd);
	journal_free(journal);
}
