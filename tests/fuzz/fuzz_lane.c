/*
 * fuzz_lane: arbitrary bytes as a lane. Whatever they are, recovery reads inside them, twice the
 * same, applies only what conserves the stock, and where it goes on, a writer goes on from its tail
 * and reads back what it wrote. What an engine wrote before it died, and nobody damaged, is never
 * refused and never less than what was acknowledged; of what was damaged, nothing is served.
 *
 * Input: byte 0 how (enum how), byte 1 the size of the lane, then its bytes as they are, or the
 * life of an engine (a count, then a byte a step), what becomes of its last writes (a byte each),
 * and edits of five bytes until the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/journal/lane_reader.h"
#include "engine/recover/cut.h"
#include "engine/sale/shard_state.h"
#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

enum {
	LANE_UNITS_MAX = 3 * 7,
	ORDERS_MAX_HERE = 100,
	OFFERS_MAX_HERE = 4,
	LIMITED_SKU = 1,
	OPEN_SKU = 2,
	LATE_SKU = 3,
	STEPS_MAX = 32,
};

enum how {
	HOW_RAW,      /* bytes */
	HOW_DAMAGED,  /* written by an engine, then edited */
	HOW_VALID,    /* and its checksums made right again, so that the edits get past them */
	HOW_FOLLOWED, /* and the chain, too */
	HOW_CNT,
};

struct input {
	const uint8_t *bytes;
	size_t left;
};

/* What recovery makes of a lane. */
struct story {
	enum lane_read read;
	int applied;
	uint64_t records;
	uint64_t blocks;
	struct lane_tail tail;
	struct shard_hash hash;
	struct error error;
};

static const uint64_t JOURNAL_ID = 0x6c616e65;

static struct memory_disk *disk;
static struct shard *shard;
/* The leak check sees nothing that only a shard points to. */
static const void *volatile shard_arena;
/* The lane before the edits. */
static _Alignas(8) uint8_t pristine[LANE_UNITS_MAX * BLOCK_ALIGN_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Fresh pages for what was just freed would take most of the time. */
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1";
}

static uint8_t next(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->bytes++;
}

/* One shard over all inputs: to open one takes milliseconds. */
static void fresh_shard(void)
{
	if (shard == NULL)
		CHECK(shard_open(&shard, 0, 1,
				 &(struct shard_size){.offer_cnt = OFFERS_MAX_HERE,
						      .order_cnt = ORDERS_MAX_HERE,
						      .buyer_cnt = ORDERS_MAX_HERE}) == 0);
	shard_arena = shard->arena;
	shard_clear(shard);
	/* The same input, the same run. */
	for (unsigned i = 0; i < HASH_KEY_WORDS; i++)
		shard->key.words[i] = mix64(i + 1);
}

static uint64_t unit_cnt(void)
{
	const uint64_t cnt = disk->ready_cnt * (disk->segment_bytes / BLOCK_ALIGN_BYTES);

	CHECK(cnt > 0);
	return cnt;
}

static uint8_t *unit(uint64_t idx)
{
	const uint64_t a_segment = disk->segment_bytes / BLOCK_ALIGN_BYTES;

	return disk->data[idx / a_segment] + idx % a_segment * BLOCK_ALIGN_BYTES;
}

static struct journal *open_journal(const struct lane_tail *tail)
{
	static _Alignas(BLOCK_ALIGN_BYTES) uint8_t buffers[BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];
	const struct journal_options options = {
		.journal_id = JOURNAL_ID,
		.tail = *tail,
		.disk = &disk->disk,
		.segments = &disk->segments,
		.buffers = buffers,
	};
	struct journal *journal = NULL;
	struct error error;

	CHECK(journal_open(&journal, &options, &error) == 0);
	return journal;
}

static void put_on_sale(struct journal *journal, uint64_t now_ns, uint64_t sku, uint32_t limit)
{
	struct record offer = sale_offer(sku, 60, 100, limit);
	const char *why = NULL;

	offer.at_ns = now_ns;
	if (journal_room(journal) == 0 ||
	    shard_apply(shard, journal_next_lsn(journal), &offer, &why) != 0)
		return;
	*journal_slot(journal) = offer;
	journal_commit(journal);
}

static void sell(struct journal *journal, uint64_t now_ns, uint32_t cnt, uint64_t first_id)
{
	for (uint32_t i = 0; i < cnt && journal_room(journal) > 0; i++) {
		const struct wire_request request =
			sale_buy(first_id + i, (first_id + i) / 2, i % LATE_SKU + 1);

		if (sale_decide(shard, now_ns, &request, journal_slot(journal)).committed)
			journal_commit(journal);
		CHECK(journal_next_lsn(journal) == shard_next_lsn(shard));
	}
}

static void finish(struct journal *journal, uint64_t now_ns)
{
	for (unsigned i = 0; i < 2 * BLOCK_BUFFERS_CNT; i++) {
		journal_pump(journal, now_ns);
		memory_disk_complete_all(disk, journal);
	}
	CHECK(journal_idle(journal));
}

/* An engine lives and dies. What it had acknowledged. */
static uint64_t live(struct input *input)
{
	const struct lane_tail empty = empty_tail();
	struct journal *journal = open_journal(&empty);
	const unsigned steps = next(input) % STEPS_MAX;
	uint64_t now_ns = 100;
	uint64_t durable_lsn;

	put_on_sale(journal, now_ns, LIMITED_SKU, 2);
	put_on_sale(journal, now_ns, OPEN_SKU, 0);
	for (unsigned i = 0; i < steps; i++) {
		const uint8_t step = next(input);

		now_ns += step;
		sell(journal, now_ns, (step & 31U) * ((step & 32) != 0 ? 3 : 1), now_ns);
		journal_pump(journal, now_ns);
		if (step >> 6 == 2 && disk->write_cnt > 0)
			memory_disk_complete(disk, disk->write_cnt - 1, journal);
		else if (step >> 6 != 1)
			memory_disk_complete_all(disk, journal);
		if (step >> 6 == 3) {
			journal_put_closing_block(journal, now_ns);
			memory_disk_complete_all(disk, journal);
		}
	}
	durable_lsn = journal_durable_lsn(journal);
	while (disk->write_cnt > 0) {
		const uint32_t sectors = disk->writes[0].bytes / 512;

		memory_disk_end(disk, 0, journal, next(input) % (sectors + 1) * 512, -EIO);
	}
	journal_abandon(journal, EIO);
	journal_close(journal);
	return durable_lsn;
}

/* One edit. */
static void damage(struct input *input)
{
	const uint64_t at = next(input) % unit_cnt();
	const uint8_t low = next(input);
	const uint8_t high = next(input);
	/* Half of them hit the header or the first records. */
	const unsigned offset = (high & 128) != 0 ? low : (high * 256U + low) % BLOCK_ALIGN_BYTES;
	const uint8_t kind = next(input);
	const uint8_t value = next(input);
	const uint64_t wide = (uint64_t)(int64_t)(int8_t)value;
	uint8_t *byte = unit(at) + offset;

	switch (kind % 7) {
	case 0:
		*byte = value;
		break;
	case 1:
		*byte += value;
		break;
	case 2:
		*byte ^= (uint8_t)(1U << value % 8);
		break;
	case 3:
		memset(unit(at) + offset / 512 * 512, 0, 512);
		break;
	case 4:
		memmove(unit(at), unit(value % unit_cnt()), BLOCK_ALIGN_BYTES);
		break;
	case 5:
		memmove(unit(at) + offset / RECORD_BYTES * RECORD_BYTES,
			unit(at) + value % 64 * RECORD_BYTES, RECORD_BYTES);
		break;
	default:
		memcpy(unit(at) + offset / 8 * 8, &wide, sizeof(wide));
		break;
	}
}

/* Makes the checksums right, and the chain if `chain`. */
static void mend(bool chain)
{
	uint64_t prev = 0;

	for (uint64_t segment = 0; segment < disk->ready_cnt; segment++) {
		struct segment_header *header = (struct segment_header *)disk->data[segment];
		uint64_t at = BLOCK_ALIGN_BYTES;

		header->checksum = segment_checksum(header);
		while (at < disk->segment_bytes) {
			struct block_header *block =
				(struct block_header *)(disk->data[segment] + at);

			if (block->magic != BLOCK_MAGIC || block->block_bytes == 0 ||
			    block->block_bytes % BLOCK_ALIGN_BYTES != 0 ||
			    block->block_bytes > disk->segment_bytes - at) {
				at += BLOCK_ALIGN_BYTES;
				continue;
			}
			if (chain)
				block->prev_checksum = prev;
			block->checksum = block_checksum(
				block, block_seed(JOURNAL_ID, 0, segment, at, block->first_lsn));
			prev = block->checksum;
			at += block->block_bytes;
		}
	}
}

/* The highest watermark of the blocks that are still as the engine wrote them. */
static uint64_t evidence(void)
{
	uint64_t highest = 0;

	for (uint64_t i = 0; i < unit_cnt(); i++) {
		const struct block_header *block =
			(const struct block_header *)(pristine + i * BLOCK_ALIGN_BYTES);
		const uint64_t segment = i * BLOCK_ALIGN_BYTES / disk->segment_bytes;
		const uint64_t offset = i * BLOCK_ALIGN_BYTES % disk->segment_bytes;

		if (block->magic == BLOCK_MAGIC && block->durable_lsn > highest &&
		    block_shape_wrong(block, 0, disk->segment_bytes - offset) == NULL &&
		    memcmp(block, unit(i), block->block_bytes) == 0 &&
		    block->checksum == block_checksum(block, block_seed(JOURNAL_ID, 0, segment,
									offset, block->first_lsn)))
			highest = block->durable_lsn;
	}
	return highest;
}

static int64_t (*plain_read)(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			     uint64_t offset);

/* Nobody may look at what was not read. */
static int64_t guarded_read(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			    uint64_t offset)
{
	int64_t got;

	ASAN_UNPOISON_MEMORY_REGION(buffer, bytes);
	got = plain_read(files, segment, buffer, bytes, offset);
	ASAN_POISON_MEMORY_REGION((uint8_t *)buffer + got, bytes - (size_t)got < BLOCK_BYTES_MAX
								   ? bytes - (size_t)got
								   : BLOCK_BYTES_MAX);
	return got;
}

static struct lane_files *guarded_files(void)
{
	static struct lane_files_ops ops;
	struct lane_files *files = memory_disk_files(disk);

	plain_read = files->ops->read;
	ops = *files->ops;
	ops.read = guarded_read;
	files->ops = &ops;
	return files;
}

static void check_block(const struct story *story, const struct block_header *block,
			bool as_written)
{
	const struct lane_tail *tail = &story->tail;

	CHECK(tail->place.segment < disk->ready_cnt && tail->place.offset <= disk->segment_bytes);
	CHECK(tail->place.offset % BLOCK_ALIGN_BYTES == 0);
	CHECK(tail->place.offset >= BLOCK_ALIGN_BYTES + block->block_bytes);
	CHECK(block->first_lsn == story->records + 1 && block->durable_lsn < block->first_lsn);
	CHECK(tail->next_lsn == block->first_lsn + block->record_cnt);
	CHECK(tail->prev_checksum == block->checksum);
	if (as_written)
		CHECK(memcmp(block,
			     pristine + tail->place.segment * disk->segment_bytes +
				     tail->place.offset - block->block_bytes,
			     block->block_bytes) == 0);
}

/* As recovery does: reads all, applies all that follows. */
static void read_lane(struct story *story, bool as_written)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	struct shard_totals totals;
	const char *why = NULL;

	*story = (struct story){0};
	fresh_shard();
	CHECK(lane_reader_open_files(&reader, guarded_files(), JOURNAL_ID, 0, &story->error) == 0);
	while ((story->read = lane_reader_next(reader, &block, &records, &story->error)) ==
	       LANE_BLOCK) {
		lane_reader_tail(reader, &story->tail);
		check_block(story, block, as_written);
		for (uint32_t i = 0; i < block->record_cnt && story->applied == 0; i++)
			story->applied =
				shard_apply(shard, block->first_lsn + i, &records[i], &why);
		story->records += block->record_cnt;
	}
	CHECK(story->read != LANE_ERROR);
	CHECK((story->read == LANE_CORRUPT) == (error_is_set(&story->error)));
	lane_reader_tail(reader, &story->tail);
	story->blocks = lane_reader_blocks(reader);
	lane_reader_close(reader);
	CHECK(story->tail.next_lsn == story->records + 1);
	CHECK(story->applied != 0 || shard_last_at_ns(shard) <= story->tail.last_at_ns);
	shard_totals(shard, &totals);
	CHECK(totals.offers_broken == 0);
	CHECK(totals.units_stocked ==
	      totals.units_free + totals.units_held + totals.units_sold + totals.units_written_off);
	story->hash = shard_hash(shard);
}

static void check_same(const struct story *one, const struct story *two)
{
	CHECK(one->applied == two->applied && one->records == two->records);
	CHECK(one->blocks == two->blocks);
	CHECK(memcmp(&one->tail, &two->tail, sizeof(one->tail)) == 0);
	CHECK(memcmp(&one->hash, &two->hash, sizeof(one->hash)) == 0);
}

/* Cuts the lane at its tail and sells on, as a server that starts. */
static void go_on(const struct story *before)
{
	struct lane_files *files = guarded_files();
	uint64_t now_ns = before->tail.last_at_ns;
	struct story after;
	struct journal *journal;
	struct error error;

	CHECK(recover_cut_files(files, &before->tail, &error) == 0);
	read_lane(&after, false);
	CHECK(after.read == LANE_END);
	check_same(before, &after);

	while (disk->ready_cnt < before->tail.place.segment + 2)
		memory_disk_add_segment(disk);
	journal = open_journal(&before->tail);
	now_ns += now_ns < INSTANT_NEVER;
	put_on_sale(journal, now_ns, LATE_SKU, 1);
	sell(journal, now_ns, 70, UINT64_C(1) << 40);
	finish(journal, now_ns);
	if (journal_wants_closing_block(journal)) {
		journal_put_closing_block(journal, now_ns);
		finish(journal, now_ns);
	}

	const struct shard_hash sold = shard_hash(shard);

	read_lane(&after, false);
	CHECK(after.read == LANE_END && after.applied == 0);
	CHECK(after.tail.next_lsn == journal_next_lsn(journal));
	CHECK(memcmp(&after.hash, &sold, sizeof(sold)) == 0);
	CHECK(after.tail.last_at_ns >= before->tail.last_at_ns);
	journal_close(journal);
}

static void fill_raw(const struct input *input)
{
	const uint64_t room = unit_cnt() * BLOCK_ALIGN_BYTES;
	const size_t cnt = input->left < room ? input->left : room;

	for (size_t at = 0; at < cnt; at += BLOCK_ALIGN_BYTES) {
		const size_t left = cnt - at;

		memcpy(unit(at / BLOCK_ALIGN_BYTES), input->bytes + at,
		       left < BLOCK_ALIGN_BYTES ? left : BLOCK_ALIGN_BYTES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = {data, bytes};
	const enum how how = next(&input) % HOW_CNT;
	const uint8_t size = next(&input);
	uint64_t durable_lsn = 0;
	uint64_t covered_lsn = 0;
	struct story one;
	struct story two;
	bool edited = true;

	disk = memory_disk_open(JOURNAL_ID, 0, (3 + size % 5) * (uint64_t)BLOCK_ALIGN_BYTES,
				1 + size / 8 % 3);
	fresh_shard();
	if (how == HOW_RAW) {
		fill_raw(&input);
	} else {
		durable_lsn = live(&input);
		for (uint64_t i = 0; i < unit_cnt(); i++)
			memcpy(pristine + i * BLOCK_ALIGN_BYTES, unit(i), BLOCK_ALIGN_BYTES);
		edited = input.left > 0;
		while (input.left > 0)
			damage(&input);
		if (how != HOW_DAMAGED)
			mend(how == HOW_FOLLOWED);
		else
			covered_lsn = evidence();
	}
	read_lane(&one, how == HOW_DAMAGED);
	read_lane(&two, how == HOW_DAMAGED);
	CHECK(one.read == two.read && strcmp(one.error.text, two.error.text) == 0);
	check_same(&one, &two);
	if (!edited && how == HOW_DAMAGED)
		CHECK(one.read != LANE_CORRUPT && one.applied == 0 && one.records >= durable_lsn);
	if (one.read != LANE_CORRUPT) {
		CHECK(one.tail.next_lsn > covered_lsn);
		if (one.applied == 0)
			go_on(&one);
	}
	memory_disk_close(disk);
	return 0;
}
