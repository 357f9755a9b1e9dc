#include "tests/sim/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

enum {
	/* Reaps that a stalled write takes. */
	STALL_REAPS_MAX = 30,
};

/* Which part of a write reaches the disk. */
enum fate {
	FATE_WHOLE,
	FATE_NOTHING,
	FATE_FRONT,   /* some sectors from its beginning on */
	FATE_SECTORS, /* any sectors */
	FATE_CNT,
};

static struct sim_ring *of_disk(struct disk *disk)
{
	return (struct sim_ring *)((uintptr_t)disk - offsetof(struct sim_ring, disk));
}

/* Whether it is a write of this ring. */
static bool is_of(const struct sim_ring *ring, const struct sim_write *write)
{
	return write->lane % ring->of->worker_cnt == ring->worker;
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

/* Puts sectors of a write where it belongs; stable: a power cut leaves them. */
static void put(const struct sim_write *write, uint32_t from, uint32_t bytes, bool stable)
{
	sim_file_put(write->open->file, write->copy + from, bytes, write->offset + from, stable);
}

static enum fate land(struct sim_disk *disk, const struct sim_write *write, enum fate fate,
		      bool stable)
{
	const uint32_t sectors = write->bytes / SECTOR_BYTES;
	uint32_t landed = 0;

	switch (fate) {
	case FATE_WHOLE:
		put(write, 0, write->bytes, stable);
		return FATE_WHOLE;
	case FATE_FRONT:
		landed = (uint32_t)random_below(disk->random, sectors);
		put(write, 0, landed * SECTOR_BYTES, stable);
		break;
	case FATE_SECTORS:
		for (uint32_t i = 0; i < sectors; i++) {
			if (random_chance(disk->random, 500))
				continue;
			put(write, i * SECTOR_BYTES, SECTOR_BYTES, stable);
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
	disk->writes[idx].open->writes--;
	sim_fs_leave(disk->writes[idx].open);
	free(disk->writes[idx].copy);
	memmove(&disk->writes[idx], &disk->writes[idx + 1],
		(disk->write_cnt - idx - 1) * sizeof(disk->writes[0]));
	disk->write_cnt--;
}

/* Whether a lane's part of the disk is broken for good. */
static bool is_broken(struct sim_disk *disk, uint16_t lane)
{
	if (disk->sick[lane] > 0 && --disk->sick[lane] == 0)
		disk->broken[lane] = true;
	return disk->broken[lane];
}

static int sim_write(struct disk *base, int fd, const void *buffer, uint32_t bytes, uint64_t offset,
		     uint64_t token)
{
	struct sim_disk *disk = of_disk(base)->of;
	struct sim_write *write = &disk->writes[disk->write_cnt];
	const struct block_header *block = buffer;
	struct sim_open *open = &disk->fs->opens[fd - SIM_FD_FIRST];

	CHECK(fd >= SIM_FD_FIRST && fd < SIM_FD_FIRST + SIM_OPENS_MAX);
	CHECK(open->process == disk->process && open->file->locked_by == open);
	CHECK(bytes % BLOCK_ALIGN_BYTES == 0 && offset % BLOCK_ALIGN_BYTES == 0);
	CHECK(offset >= BLOCK_ALIGN_BYTES && offset + bytes <= open->file->size);
	CHECK((uintptr_t)buffer % BLOCK_ALIGN_BYTES == 0 && disk->write_cnt < SIM_WRITES_MAX);
	/* Calls of a killed process have no effect. */
	if (disk->process->dead)
		return -EAGAIN;
	if (happens(disk, disk->fs->faults.queue_full, TALLY_QUEUE_FULL))
		return -EAGAIN;
	disk->on_block(disk->context, block, false);
	if (happens(disk, disk->fs->faults.eio_at_once, TALLY_EIO_AT_ONCE))
		return -EIO;
	*write = (struct sim_write){
		.token = token,
		.offset = offset,
		.open = open,
		.buffer = buffer,
		.copy = malloc(bytes),
		.bytes = bytes,
		.lane = block->lane,
	};
	CHECK(write->copy != NULL);
	memcpy(write->copy, buffer, bytes);
	open->writes++;
	if (happens(disk, disk->fs->faults.never, TALLY_NEVER))
		write->not_before = UINT64_MAX;
	else if (happens(disk, disk->fs->faults.stall, TALLY_STALLED))
		write->not_before = disk->reaps + random_below(disk->random, STALL_REAPS_MAX);
	disk->write_cnt++;
	return 0;
}

static int sim_submit(struct disk *base)
{
	const struct sim_ring *ring = of_disk(base);
	struct sim_disk *disk = ring->of;

	for (unsigned i = 0; i < disk->write_cnt && !disk->process->dead; i++)
		disk->writes[i].submitted |= is_of(ring, &disk->writes[i]);
	return 0;
}

/* Some other segment, of any lane. */
static struct sim_file *any_segment(struct sim_disk *disk)
{
	const struct sim_dir *dir = &disk->fs->dirs[random_below(disk->random, disk->fs->dir_cnt)];

	for (;;) {
		const struct sim_name *name =
			dir->names.cnt > 0
				? &dir->names.all[random_below(disk->random, dir->names.cnt)]
				: NULL;

		if (name == NULL)
			return NULL;
		if (strncmp(name->text, "seg-", 4) == 0)
			return name->file;
	}
}

/* The disk lies: it reports done what it lost, or put on another place. */
static bool lies(struct sim_disk *disk, const struct sim_write *write)
{
	struct sim_file *elsewhere;
	uint64_t units;

	if (happens(disk, disk->fs->faults.lose, TALLY_LOST)) {
		disk->rotten = true;
		return true;
	}
	if (!happens(disk, disk->fs->faults.misdirect, TALLY_MISDIRECTED))
		return false;
	disk->rotten = true;
	elsewhere = any_segment(disk);
	if (elsewhere == NULL || elsewhere->size < write->bytes)
		return true;
	units = (elsewhere->size - write->bytes) / BLOCK_ALIGN_BYTES;
	if (units > 0)
		sim_file_put(elsewhere, write->copy, write->bytes,
			     random_below(disk->random, units) * BLOCK_ALIGN_BYTES, true);
	return true;
}

/* Ends a write; returns the result to report. */
static int64_t end_write(struct sim_disk *disk, const struct sim_write *write)
{
	if (is_broken(disk, write->lane)) {
		count(disk, TALLY_LANE_BROKEN);
		land(disk, write, any_fate(disk), false);
		return -EIO;
	}
	if (happens(disk, disk->fs->faults.eio, TALLY_EIO)) {
		land(disk, write, any_fate(disk), false);
		return -EIO;
	}
	if (happens(disk, disk->fs->faults.short_write, TALLY_SHORT)) {
		const uint32_t bytes = (uint32_t)random_below(disk->random, write->bytes);

		put(write, 0, bytes / SECTOR_BYTES * SECTOR_BYTES, false);
		return bytes;
	}
	if (!lies(disk, write)) {
		land(disk, write, FATE_WHOLE, true);
		disk->on_block(disk->context, (const struct block_header *)write->copy, true);
	}
	return write->bytes;
}

/* A write that may end now, any of them; write_cnt if none may. */
static unsigned pick(const struct sim_ring *ring)
{
	struct sim_disk *disk = ring->of;
	unsigned ripe[SIM_WRITES_MAX];
	unsigned cnt = 0;

	for (unsigned i = 0; i < disk->write_cnt; i++) {
		const struct sim_write *write = &disk->writes[i];

		if (is_of(ring, write) && write->submitted && !write->orphan &&
		    write->not_before <= disk->reaps)
			ripe[cnt++] = i;
	}
	return cnt == 0 ? disk->write_cnt : ripe[random_below(disk->random, cnt)];
}

static int sim_reap(struct disk *base, disk_done_fn *done, void *context)
{
	const struct sim_ring *ring = of_disk(base);
	struct sim_disk *disk = ring->of;
	unsigned wanted = 0;
	int cnt = 0;

	if (!random_chance(disk->random, disk->fs->faults.slow))
		wanted = (unsigned)random_below(disk->random, 4);

	disk->reaps++;
	while (wanted-- > 0 && !disk->process->dead) {
		const unsigned idx = pick(ring);

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
			disk->process->dead = true;
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

/* A killed engine's write ends. Nobody gets its result, and it may have failed. */
static void end_orphan(struct sim_disk *disk, unsigned idx)
{
	const struct sim_write *write = &disk->writes[idx];

	count(disk, TALLY_ORPHAN);
	if (random_chance(disk->random, 700))
		land(disk, write, FATE_WHOLE, true);
	else
		land(disk, write, any_fate(disk), false);
	forget(disk, idx);
}

void sim_disk_tick(struct sim_disk *disk)
{
	for (unsigned i = 0; i < disk->write_cnt; i++) {
		if (!disk->writes[i].orphan || !random_chance(disk->random, 100))
			continue;
		end_orphan(disk, i);
		break;
	}
}

void sim_disk_waited_for(struct sim_disk *disk)
{
	for (unsigned i = disk->write_cnt; i-- > 0;) {
		if (disk->writes[i].orphan && random_chance(disk->random, 300))
			end_orphan(disk, i);
	}
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
}

void sim_disk_open(struct sim_disk *disk, struct sim_fs *fs, struct sim_process *process,
		   uint16_t worker_cnt)
{
	CHECK(worker_cnt > 0 && worker_cnt <= SIM_LANES_MAX);
	*disk = (struct sim_disk){
		.worker_cnt = worker_cnt,
		.fs = fs,
		.process = process,
		.random = fs->random,
		.tally = fs->tally,
	};
	for (uint16_t i = 0; i < worker_cnt; i++)
		disk->rings[i] = (struct sim_ring){{&disk_ops}, disk, i};
}

void sim_disk_close(struct sim_disk *disk)
{
	while (disk->write_cnt > 0)
		forget(disk, disk->write_cnt - 1);
}
