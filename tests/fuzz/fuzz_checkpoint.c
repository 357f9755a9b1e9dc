/*
 * fuzz_checkpoint: arbitrary bytes as a checkpoint. Whatever they are, loading reads inside them,
 * twice the same, and takes only what conserves the stock and has the state hash that is written in
 * it; what it takes comes out record by record, in lane order, and can be written and loaded again.
 * What was written and not damaged is never refused; what was damaged always.
 *
 * Input: byte 0 how (enum how; with SPANS: of a lane of two, with lines of baskets that span both),
 * then the bytes as they are, or a seed (odd: of a sale with holds) and a size of a sale, and edits
 * of four bytes until the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sanitizer/asan_interface.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/checkpoint/records.h"
#include "engine/sale/shard_state.h"
#include "tests/support/checkpoints.h"
#include "tests/support/holds.h"

enum {
	OFFERS_MAX_HERE = 64,
	ORDERS_MAX_HERE = 1200,
	FILE_BYTES_MAX = 1 << 17,
	BLOCKS = 9,
	SPANS = 128,
};

enum how {
	HOW_RAW,     /* bytes */
	HOW_DAMAGED, /* written, then edited */
	HOW_VALID,   /* and its checksums made right again, so that the edits get past them */
	HOW_CNT,
};

struct input {
	const uint8_t *bytes;
	size_t left;
};

static struct data_dir dir = {.journal_id = 0x636b7074, .shards = 1, .lock_fd = -1};
static struct shard *shard; /* two of those below */
static struct shard *other;
static struct shard *opened[2][2]; /* of one, and of two */
/* The leak check sees nothing that only a shard points to. */
static const void *volatile arenas[2][2];
static _Alignas(8) uint8_t written[FILE_BYTES_MAX];
static _Alignas(8) uint8_t edited[FILE_BYTES_MAX];
static struct error error;

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

static void remove_directory(void)
{
	char lane[600];

	data_dir_lane_path(&dir, 0, lane, sizeof(lane));
	(void)rmdir(lane);
	(void)rmdir(dir.path);
}

/* In memory where there is some: every input is a file. */
static void set_up(void)
{
	static const struct shard_size room = {
		.offer_cnt = OFFERS_MAX_HERE,
		.order_cnt = ORDERS_MAX_HERE,
		.buyer_cnt = 2 * ORDERS_MAX_HERE,
		.hold_cnt = ORDERS_MAX_HERE,
		.change_cnt = ORDERS_MAX_HERE,
		.placed_cnt = OFFERS_MAX_HERE,
		.link_cnt = ORDERS_MAX_HERE,
	};
	char lane[600];

	if (dir.path[0] != '\0')
		return;
	for (uint16_t i = 0; i < 4; i++) {
		CHECK(shard_open(&opened[i / 2][i % 2], 0, 1 + i / 2, &room) == 0);
		arenas[i / 2][i % 2] = opened[i / 2][i % 2]->arena;
	}
	snprintf(dir.path, sizeof(dir.path), "%s/fuzz-checkpoint-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(dir.path) != NULL);
	data_dir_lane_path(&dir, 0, lane, sizeof(lane));
	CHECK(mkdir(lane, 0700) == 0);
	CHECK(atexit(remove_directory) == 0);
}

static uint64_t read_file(const char *path, uint8_t *out)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t got = read(fd, out, FILE_BYTES_MAX);

	CHECK(fd >= 0 && got > 0 && got < FILE_BYTES_MAX);
	close(fd);
	return (uint64_t)got;
}

static void write_file(const char *path, const uint8_t *bytes, uint64_t cnt)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, bytes, cnt) == (ssize_t)cnt);
	close(fd);
}

/* A sale as a file. Returns its bytes. */
static uint64_t make_file(struct input *input)
{
	const uint64_t seed = next(input);
	const uint32_t cnt = 1 + next(input) * 4U;
	struct lane_position position;
	char path[CHECKPOINT_PATH_BYTES];
	uint64_t bytes;

	shard_clear(shard);
	if (dir.shards == 2)
		random_spanning(shard, seed, cnt / 4, NULL);
	else if (seed % 2 == 1)
		random_holds(shard, seed, cnt / 2, NULL);
	else
		random_sale(shard, seed, cnt);
	position = any_position(shard);
	CHECK(checkpoint_write(&dir, 0, shard, &position, BLOCKS, &bytes, &error) == 0);
	checkpoint_path(&dir, 0, shard_next_lsn(shard), path);
	CHECK(read_file(path, written) == bytes);
	CHECK(unlink(path) == 0);
	return bytes;
}

/* One edit; returns how many bytes there are then. */
static uint64_t damage(struct input *input, uint64_t bytes)
{
	const uint64_t low = next(input);
	const uint64_t high = next(input);
	const uint8_t kind = next(input);
	const uint8_t value = next(input);
	const uint64_t wide = (uint64_t)(int64_t)(int8_t)value;
	/* Half of them hit the headers. */
	const uint64_t at = (high & 128) != 0 ? low * 2 % bytes : (high * 256 + low) * 2 % bytes;

	switch (kind % 6) {
	case 0:
		edited[at] = value;
		return bytes;
	case 1:
		edited[at] ^= (uint8_t)(1U << value % 8);
		return bytes;
	case 2:
		if (at + 8 <= bytes)
			memcpy(edited + at / 8 * 8, &wide, sizeof(wide));
		return bytes;
	case 3:
		/* An entry in place of another. */
		if (at / 64 * 64 + 64 <= bytes && value * UINT64_C(64) + 64 <= bytes)
			memmove(edited + at / 64 * 64, edited + value * UINT64_C(64), 64);
		return bytes;
	case 4:
		return at > 0 ? at : bytes;
	default:
		if (bytes + value >= FILE_BYTES_MAX)
			return bytes;
		memset(edited + bytes, 0, value);
		return bytes + value;
	}
}

/* Makes the checksums right, as far as the counts lead. */
static void mend(uint64_t bytes)
{
	struct checkpoint_header *header = (struct checkpoint_header *)edited;
	uint64_t at = CHECKPOINT_HEADER_BYTES;

	if (bytes < CHECKPOINT_HEADER_BYTES)
		return;
	header->checksum = checkpoint_checksum(header);
	for (uint64_t number = 0; at + CHUNK_HEADER_BYTES <= bytes; number++) {
		struct chunk_header *chunk = (struct chunk_header *)(edited + at);
		uint16_t kind;
		const uint64_t cnt = chunk_entries(header, number, &kind);

		at += CHUNK_HEADER_BYTES + cnt * CHECKPOINT_ENTRY_BYTES;
		if (cnt == 0 || at > bytes || chunk->entry_cnt != cnt || chunk->number != number)
			return;
		chunk->checksum = chunk_checksum(chunk, header);
	}
}

static int load(uint64_t lsn, struct shard *into)
{
	struct checkpoint *checkpoint = NULL;
	int rc;

	error_clear(&error);
	shard_clear(into);
	rc = checkpoint_open(&checkpoint, &dir, 0, lsn, &error);
	if (rc == 0)
		rc = checkpoint_load(checkpoint, into, &error);
	checkpoint_close(checkpoint);
	CHECK((rc == 0) == (!error_is_set(&error)) && strchr(error.text, '\n') == NULL);
	return rc;
}

static bool same_state(void)
{
	const struct shard_hash one = shard_hash(shard);
	const struct shard_hash two = shard_hash(other);

	return one.low == two.low && one.high == two.high;
}

/* Record by record; if it was never edited they are a lane, unless some are not stored. */
static void check_records(uint64_t lsn, bool pristine)
{
	struct checkpoint_records *records = NULL;
	const struct checkpoint_header *header;
	struct record record;
	uint64_t last = 0;
	uint64_t cnt = 0;
	uint64_t at;
	const char *why;
	bool whole;
	int rc;

	shard_clear(other);
	CHECK(checkpoint_records_open(&records, &dir, 0, lsn, &error) == 0);
	header = checkpoint_records_header(records);
	whole = checkpoint_unsaved_cnt(header) == 0 && header->placed_cnt == 0;
	while ((rc = checkpoint_records_next(records, &at, &record, &error)) == 1) {
		CHECK(whole ? at == last + 1 : at == 0 || at > last);
		CHECK(record.kind > 0 && record.kind < RECORD_KIND_END &&
		      record.kind != RECORD_EXPIRE && record.kind != RECORD_ABORTED);
		CHECK(at > 0 || (cnt < header->offer_cnt && last == 0));
		CHECK(!pristine || !whole || shard_apply(other, at, &record, &why) == 0);
		last = at;
		cnt++;
	}
	CHECK(rc == 0 && cnt == lsn - 1 - checkpoint_unsaved_cnt(header) && last < lsn);
	CHECK(!pristine || !whole || same_state());
	checkpoint_records_close(records);
}

/* Written again, and loaded again. */
static void check_again(const char *path, uint64_t lsn, const struct checkpoint_header *header,
			bool pristine)
{
	struct lane_position position;
	uint64_t bytes;

	checkpoint_position(header, &position);
	CHECK(checkpoint_write(&dir, 0, shard, &position, header->block_cnt, &bytes, &error) == 0);
	CHECK(load(lsn, other) == 0 && same_state());
	if (pristine)
		CHECK(read_file(path, edited) == bytes && memcmp(edited, written, bytes) == 0);
}

static void check_good(const char *path, uint64_t lsn, bool pristine)
{
	struct checkpoint_header header;
	struct shard_totals totals;
	const struct shard_hash hash = shard_hash(shard);

	memcpy(&header, edited, sizeof(header));
	CHECK(shard_next_lsn(shard) == lsn && header.next_lsn == lsn);
	CHECK(hash.low == header.state_hash[0] && hash.high == header.state_hash[1]);
	shard_totals(shard, &totals);
	CHECK(totals.offers_broken == 0 && totals.orders == header.order_cnt);
	CHECK(totals.holds == header.hold_cnt && totals.changes == header.change_cnt);
	CHECK(totals.links == header.link_cnt && totals.prepared == header.prepared_cnt);
	CHECK(totals.units_stocked ==
	      totals.units_free + totals.units_held + totals.units_sold + totals.units_written_off);
	CHECK(load(lsn, other) == 0 && same_state());
	CHECK(checkpoint_check(&dir, 0, lsn, &error) == 0);
	check_records(lsn, pristine);
	check_again(path, lsn, &header, pristine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t cnt)
{
	struct input input = {data, cnt};
	const uint8_t first = next(&input);
	const enum how how = (enum how)(first % SPANS % HOW_CNT);
	const unsigned spans = first / SPANS;
	uint64_t bytes = 0;
	uint64_t lsn = 2;
	uint64_t before = 0;
	bool pristine = false;
	char path[CHECKPOINT_PATH_BYTES];
	int rc;

	set_up();
	dir.shards = 1 + (uint16_t)spans;
	shard = opened[spans][0];
	other = opened[spans][1];
	if (how == HOW_RAW) {
		bytes = input.left < FILE_BYTES_MAX ? input.left : FILE_BYTES_MAX - 1;
		memcpy(edited, input.bytes, bytes);
	} else {
		bytes = before = make_file(&input);
		memcpy(edited, written, bytes);
		while (input.left > 0)
			bytes = damage(&input, bytes);
		pristine = bytes == before && memcmp(edited, written, bytes) == 0;
		if (how == HOW_VALID)
			mend(bytes);
	}
	/* Its own name, as far as it has one. */
	if (bytes >= CHECKPOINT_HEADER_BYTES)
		memcpy(&lsn, edited + offsetof(struct checkpoint_header, next_lsn), sizeof(lsn));
	if (lsn > LSN_MAX)
		lsn = LSN_MAX;
	checkpoint_path(&dir, 0, lsn, path);
	write_file(path, edited, bytes);
	rc = load(lsn, shard);
	CHECK(rc == 0 || rc == -EBADMSG || rc == -EXDEV || rc == -ENOSPC);
	CHECK(!pristine || rc == 0);
	CHECK(how != HOW_DAMAGED || pristine || rc == -EBADMSG);
	if (rc == 0)
		check_good(path, lsn, pristine);
	else
		CHECK(load(lsn, other) == rc);
	CHECK(unlink(path) == 0);
	return 0;
}
