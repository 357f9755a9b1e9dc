#include "tests/sim/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"

enum {
	SECTOR_BYTES = 512,
	/* Turns that a full disk stays full. */
	NO_SPACE_TURNS_MAX = 40,
	/* Reaps that a stalled write takes. */
	STALL_REAPS_MAX = 30,
};

/* What of a write gets to the disk. */
enum fate {
	FATE_WHOLE,
	FATE_NOTHING,
	FATE_FRONT,   /* some sectors from its beginning on */
	FATE_SECTORS, /* any sectors */
	FATE_CNT,
};

static struct sim_disk *of_disk(struct disk *disk)
{
	return (struct sim_disk *)((uintptr_t)disk - offsetof(struct sim_disk, disk));
}

static struct sim_disk *of_segments(const struct segment_source *segments)
{
	return (struct sim_disk *)((uintptr_t)segments - offsetof(struct sim_disk, segments));
}

static void count(struct sim_disk *disk, enum tally_row row)
{
	disk->tally->cnt[row]++;
}

static bool happens(struct sim_disk *disk, unsigned per_mille, enum tally_row row)
{
	if (!random_chance(disk->random, per_mille))
		return false;
	count(disk, row);
	return true;
}

/* Puts sectors of a write where it belongs; to_stable: a power cut leaves them. */
static void put(struct sim_disk *disk, const struct sim_write *write, uint32_t from, uint32_t bytes,
		bool to_stable)
{
	struct sim_segment *file = &disk->files[write->segment];

	/* Its segment was removed: recovery settled it before. */
	CHECK(file->data != NULL);
	memcpy(file->data + write->offset + from, write->copy + from, bytes);
	if (to_stable)
		memcpy(file->stable + write->offset + from, write->copy + from, bytes);
	else
		file->cached = true;
}

static enum fate land(struct sim_disk *disk, const struct sim_write *write, enum fate fate,
		      bool to_stable)
{
	const uint32_t sectors = write->bytes / SECTOR_BYTES;
	uint32_t landed = 0;

	switch (fate) {
	case FATE_WHOLE:
		put(disk, write, 0, write->bytes, to_stable);
		return FATE_WHOLE;
	case FATE_FRONT:
		landed = (uint32_t)random_below(disk->random, sectors);
		put(disk, write, 0, landed * SECTOR_BYTES, to_stable);
		break;
	case FATE_SECTORS:
		for (uint32_t i = 0; i < sectors; i++) {
			if (random_chance(disk->random, 500))
				continue;
			put(disk, write, i * SECTOR_BYTES, SECTOR_BYTES, to_stable);
			landed++;
		}
		break;
	default:
		break;
	}
	return landed == 0 ? FATE_NOTHING : landed < sectors ? FATE_SECTORS : FATE_WHOLE;
}

static enum fate any_fate(struct sim_disk *disk)
{
	return (enum fate)random_below(disk->random, FATE_CNT);
}

static void forget(struct sim_disk *disk, unsigned idx)
{
	free(disk->writes[idx].copy);
	memmove(&disk->writes[idx], &disk->writes[idx + 1],
		(disk->write_cnt - idx - 1) * sizeof(disk->writes[0]));
	disk->write_cnt--;
}

static int sim_write(struct disk *base, int fd, const void *buffer, uint32_t bytes, uint64_t offset,
		     uint64_t token)
{
	struct sim_disk *disk = of_disk(base);
	struct sim_write *write = &disk->writes[disk->write_cnt];

	CHECK(bytes % BLOCK_ALIGN_BYTES == 0 && offset % BLOCK_ALIGN_BYTES == 0);
	CHECK(offset >= BLOCK_ALIGN_BYTES && offset + bytes <= disk->segment_bytes);
	CHECK(fd >= SIM_FD_FIRST && (uint64_t)(fd - SIM_FD_FIRST) < disk->taken);
	CHECK((uintptr_t)buffer % BLOCK_ALIGN_BYTES == 0 && disk->write_cnt < SIM_WRITES_MAX);
	if (happens(disk, disk->faults.queue_full, TALLY_QUEUE_FULL))
		return -EAGAIN;
	disk->on_block(disk->context, buffer, false);
	if (happens(disk, disk->faults.eio_at_once, TALLY_EIO_AT_ONCE))
		return -EIO;
	*write = (struct sim_write){
		.token = token,
		.offset = offset,
		.segment = (uint64_t)(fd - SIM_FD_FIRST),
		.buffer = buffer,
		.copy = malloc(bytes),
		.bytes = bytes,
	};
	CHECK(write->copy != NULL);
	memcpy(write->copy, buffer, bytes);
	if (happens(disk, disk->faults.never, TALLY_NEVER))
		write->not_before = UINT64_MAX;
	else if (happens(disk, disk->faults.stall, TALLY_STALLED))
		write->not_before = disk->reaps + random_below(disk->random, STALL_REAPS_MAX);
	disk->write_cnt++;
	return 0;
}

static int sim_submit(struct disk *base)
{
	struct sim_disk *disk = of_disk(base);

	for (unsigned i = 0; i < disk->write_cnt; i++)
		disk->writes[i].submitted = true;
	return 0;
}

/* The disk lies: it reports done what it lost, or put on another place. */
static bool lies(struct sim_disk *disk, const struct sim_write *write)
{
	struct sim_write elsewhere = *write;

	if (happens(disk, disk->faults.lose, TALLY_LOST)) {
		disk->rotten = true;
		return true;
	}
	if (!happens(disk, disk->faults.misdirect, TALLY_MISDIRECTED))
		return false;
	elsewhere.segment = random_below(disk->random, disk->segment_cnt);
	elsewhere.offset = random_below(disk->random,
					(disk->segment_bytes - write->bytes) / BLOCK_ALIGN_BYTES) *
			   BLOCK_ALIGN_BYTES;
	put(disk, &elsewhere, 0, write->bytes, true);
	disk->rotten = true;
	return true;
}

/* Ends a write; what to tell of it. */
static int64_t end_write(struct sim_disk *disk, const struct sim_write *write)
{
	if (happens(disk, disk->faults.eio, TALLY_EIO)) {
		land(disk, write, any_fate(disk), false);
		return -EIO;
	}
	if (happens(disk, disk->faults.short_write, TALLY_SHORT)) {
		const uint32_t bytes = (uint32_t)random_below(disk->random, write->bytes);

		put(disk, write, 0, bytes / SECTOR_BYTES * SECTOR_BYTES, false);
		return bytes;
	}
	if (!lies(disk, write)) {
		land(disk, write, FATE_WHOLE, true);
		disk->on_block(disk->context, (const struct block_header *)write->copy, true);
	}
	return write->bytes;
}

/* A write that may end now, any of them; write_cnt if none may. */
static unsigned pick(struct sim_disk *disk)
{
	unsigned ripe[SIM_WRITES_MAX];
	unsigned cnt = 0;

	for (unsigned i = 0; i < disk->write_cnt; i++) {
		const struct sim_write *write = &disk->writes[i];

		if (write->submitted && !write->orphan && write->not_before <= disk->reaps)
			ripe[cnt++] = i;
	}
	return cnt == 0 ? disk->write_cnt : ripe[random_below(disk->random, cnt)];
}

static int sim_reap(struct disk *base, disk_done_fn *done, void *context)
{
	struct sim_disk *disk = of_disk(base);
	unsigned wanted = 0;
	int cnt = 0;

	if (!random_chance(disk->random, disk->faults.slow))
		wanted = (unsigned)random_below(disk->random, 4);

	disk->reaps++;
	while (wanted-- > 0 && !disk->dead) {
		const unsigned idx = pick(disk);

		if (idx == disk->write_cnt)
			break;

		const struct sim_write write = disk->writes[idx];
		int64_t result;

		/* The disk owns the buffer until it is done. */
		CHECK(memcmp(write.buffer, write.copy, write.bytes) == 0);
		if (idx > 0)
			count(disk, TALLY_REORDERED);
		result = end_write(disk, &write);
		forget(disk, idx);
		done(context, write.token, result);
		cnt++;
		if (disk->crash_in_writes > 0 && --disk->crash_in_writes == 0)
			disk->dead = true;
	}
	return cnt;
}

static int sim_register(struct disk *base, void *memory, size_t bytes)
{
	(void)base;
	(void)memory;
	(void)bytes;
	return 0;
}

static void sim_close(struct disk *base)
{
	(void)base;
}

static const struct disk_ops disk_ops = {
	.write = sim_write,
	.submit = sim_submit,
	.reap = sim_reap,
	.register_buffers = sim_register,
	.close = sim_close,
};

static int sim_take(struct segment_source *source, uint64_t segment, uint64_t *bytes)
{
	struct sim_disk *disk = of_segments(source);

	CHECK(segment == disk->taken);
	if (segment >= disk->ready)
		return -EAGAIN;
	disk->taken++;
	*bytes = disk->segment_bytes;
	return SIM_FD_FIRST + (int)segment;
}

static void sim_done(struct segment_source *source, int fd)
{
	const struct sim_disk *disk = of_segments(source);

	/* No write to it may be on its way, unless the lane gave up. */
	for (unsigned i = 0; i < disk->write_cnt && !disk->dead; i++)
		CHECK(disk->writes[i].segment != (uint64_t)(fd - SIM_FD_FIRST));
}

static uint64_t sim_ready_bytes(const struct segment_source *source, uint64_t segment)
{
	const struct sim_disk *disk = of_segments(source);

	return segment >= disk->taken && segment < disk->ready ? disk->segment_bytes : 0;
}

static int sim_error(const struct segment_source *source)
{
	return of_segments(source)->segment_error;
}

static const struct segment_source_ops source_ops = {
	.take = sim_take,
	.done = sim_done,
	.ready_bytes = sim_ready_bytes,
	.error = sim_error,
};

/* A segment gets its name when it is whole and stable. */
static void make_segment(struct sim_disk *disk)
{
	struct sim_segment *file = &disk->files[disk->segment_cnt];

	CHECK(disk->segment_cnt < SIM_SEGMENTS_MAX);
	*file = (struct sim_segment){
		.data = calloc(1, disk->segment_bytes),
		.stable = calloc(1, disk->segment_bytes),
	};
	CHECK(file->data != NULL && file->stable != NULL);
	segment_header_fill((struct segment_header *)file->data, disk->journal_id, disk->lane,
			    disk->segment_cnt, disk->segment_bytes);
	memcpy(file->stable, file->data, BLOCK_ALIGN_BYTES);
	disk->segment_cnt++;
}

/* Takes over or makes the next segment. 0 or -ENOSPC. */
static int prepare(struct sim_disk *disk)
{
	if (disk->no_space_turns == 0 && random_chance(disk->random, disk->faults.no_space))
		disk->no_space_turns = 1 + (unsigned)random_below(disk->random, NO_SPACE_TURNS_MAX);
	if (disk->ready == disk->segment_cnt) {
		if (disk->no_space_turns > 0) {
			disk->no_space_turns--;
			count(disk, TALLY_ENOSPC);
			return -ENOSPC;
		}
		make_segment(disk);
	}
	disk->ready++;
	return 0;
}

int sim_disk_start(struct sim_disk *disk, uint64_t first)
{
	int rc;

	CHECK(first <= disk->segment_cnt);
	disk->taken = first;
	disk->ready = first;
	rc = prepare(disk);
	disk->segment_error = 0;
	return rc;
}

void sim_disk_tick(struct sim_disk *disk)
{
	/* A killed engine's write that nobody waited for comes whenever it likes. */
	for (unsigned i = 0; i < disk->write_cnt; i++) {
		if (!disk->writes[i].orphan || !random_chance(disk->random, 100))
			continue;
		land(disk, &disk->writes[i], any_fate(disk), true);
		forget(disk, i);
		break;
	}
	if (disk->ready >= disk->taken + SEGMENTS_AHEAD_CNT)
		return;
	if (happens(disk, disk->faults.late_segment, TALLY_LATE_SEGMENT))
		return;
	disk->segment_error = prepare(disk);
}

/* What was only in the cache: each sector is kept or not. */
static void lose_cache(struct sim_disk *disk, struct sim_segment *file)
{
	for (uint64_t at = 0; at < disk->segment_bytes; at += SECTOR_BYTES) {
		if (memcmp(file->data + at, file->stable + at, SECTOR_BYTES) == 0)
			continue;
		if (random_chance(disk->random, 500)) {
			memcpy(file->stable + at, file->data + at, SECTOR_BYTES);
			continue;
		}
		memcpy(file->data + at, file->stable + at, SECTOR_BYTES);
		count(disk, TALLY_CACHE_LOST);
	}
	file->cached = false;
}

void sim_disk_power_cut(struct sim_disk *disk)
{
	count(disk, TALLY_POWER_CUT);
	for (unsigned i = 0; i < disk->write_cnt; i++) {
		const struct sim_write *write = &disk->writes[i];
		const enum fate fate = write->submitted || write->orphan
					       ? land(disk, write, any_fate(disk), true)
					       : FATE_NOTHING;

		if (fate == FATE_NOTHING)
			count(disk, TALLY_DROPPED);
		else if (fate == FATE_SECTORS)
			count(disk, TALLY_TORN);
	}
	while (disk->write_cnt > 0)
		forget(disk, disk->write_cnt - 1);
	for (uint64_t i = 0; i < disk->segment_cnt; i++) {
		if (disk->files[i].cached)
			lose_cache(disk, &disk->files[i]);
	}
	disk->dead = false;
}

void sim_disk_kill(struct sim_disk *disk)
{
	count(disk, TALLY_KILL);
	for (unsigned i = disk->write_cnt; i-- > 0;) {
		if (!disk->writes[i].submitted)
			forget(disk, i);
		else
			disk->writes[i].orphan = true;
	}
	disk->dead = false;
}

void sim_disk_settle(struct sim_disk *disk, uint64_t segment)
{
	for (unsigned i = disk->write_cnt; i-- > 0;) {
		const struct sim_write *write = &disk->writes[i];

		if (!write->orphan || write->segment != segment)
			continue;
		count(disk, TALLY_ORPHAN);
		/* Its end is told to nobody: it may have failed. */
		if (random_chance(disk->random, 700))
			land(disk, write, FATE_WHOLE, true);
		else
			land(disk, write, any_fate(disk), false);
		forget(disk, i);
	}
}

void sim_disk_sync(struct sim_disk *disk, uint64_t segment)
{
	struct sim_segment *file = &disk->files[segment];

	if (file->cached)
		memcpy(file->stable, file->data, disk->segment_bytes);
	file->cached = false;
}

void sim_disk_open(struct sim_disk *disk, struct sim_random *random, struct tally *tally,
		   uint64_t journal_id, uint16_t lane, uint64_t segment_bytes)
{
	CHECK(segment_bytes_valid(segment_bytes));
	*disk = (struct sim_disk){
		.disk.ops = &disk_ops,
		.segments.ops = &source_ops,
		.random = random,
		.tally = tally,
		.journal_id = journal_id,
		.lane = lane,
		.segment_bytes = segment_bytes,
	};
}

void sim_disk_close(struct sim_disk *disk)
{
	while (disk->write_cnt > 0)
		forget(disk, disk->write_cnt - 1);
	for (uint64_t i = 0; i < disk->segment_cnt; i++) {
		free(disk->files[i].data);
		free(disk->files[i].stable);
	}
}

struct rule_lane sim_disk_image(const struct sim_disk *disk, struct rule_segment *segments)
{
	for (uint64_t i = 0; i < disk->segment_cnt; i++)
		segments[i] = (struct rule_segment){disk->files[i].data, disk->segment_bytes};
	return (struct rule_lane){
		.segments = segments,
		.segment_cnt = disk->segment_cnt,
		.journal_id = disk->journal_id,
		.lane = disk->lane,
	};
}
