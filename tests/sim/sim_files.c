/*
 * The simulated disk as recovery sees it: list, read, settle, zero, remove; with errors of its own,
 * and a crash after any step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "tests/sim/sim_disk.h"

enum {
	SECTOR_BYTES = 512,
};

struct sim_files {
	struct lane_files files;
	struct sim_disk *disk;
};

static struct sim_disk *of(struct lane_files *files)
{
	return ((struct sim_files *)files)->disk;
}

/* Whether the crash came before this step, or comes with it. */
static bool crashes(struct sim_disk *disk)
{
	if (disk->crash_in_steps > 0 && --disk->crash_in_steps == 0)
		disk->dead = true;
	return disk->dead;
}

static bool fails(struct sim_disk *disk, unsigned per_mille, enum tally_row row)
{
	if (!random_chance(disk->random, per_mille))
		return false;
	disk->tally->cnt[row]++;
	return true;
}

static int64_t files_list(struct lane_files *files, uint64_t **numbers)
{
	const struct sim_disk *disk = of(files);
	uint64_t *found = calloc(disk->segment_cnt + 1, sizeof(*found));

	CHECK(found != NULL);
	for (uint64_t i = 0; i < disk->segment_cnt; i++)
		found[i] = i;
	*numbers = found;
	return (int64_t)disk->segment_cnt;
}

static int64_t files_size(struct lane_files *files, uint64_t segment)
{
	(void)segment;
	return (int64_t)of(files)->segment_bytes;
}

static int64_t files_read(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			  uint64_t offset)
{
	struct sim_disk *disk = of(files);
	const uint64_t left = offset < disk->segment_bytes ? disk->segment_bytes - offset : 0;
	const size_t cnt = bytes < left ? bytes : left;

	if (crashes(disk) || fails(disk, disk->faults.read_eio, TALLY_READ_EIO))
		return -EIO;
	CHECK(segment < disk->segment_cnt);
	memcpy(buffer, disk->files[segment].data + offset, cnt);
	return (int64_t)cnt;
}

static int files_settle(struct lane_files *files, uint64_t segment)
{
	if (crashes(of(files)))
		return -EIO;
	sim_disk_settle(of(files), segment);
	return 0;
}

static int files_zero(struct lane_files *files, uint64_t segment, uint64_t offset)
{
	struct sim_disk *disk = of(files);
	uint8_t *data = disk->files[segment].data;
	const bool whole = !crashes(disk) && !fails(disk, disk->faults.cut_eio, TALLY_CUT_EIO);

	disk->files[segment].cached |= offset < disk->segment_bytes;
	for (uint64_t at = offset; at < disk->segment_bytes; at += SECTOR_BYTES) {
		if (whole || random_chance(disk->random, 500))
			memset(data + at, 0, SECTOR_BYTES);
	}
	if (!whole)
		return -EIO;
	sim_disk_sync(disk, segment);
	return 0;
}

static int files_remove(struct lane_files *files, uint64_t segment)
{
	struct sim_disk *disk = of(files);
	const bool crash = crashes(disk);

	/* A gap would be corruption. */
	CHECK(segment + 1 == disk->segment_cnt);
	if (crash && random_chance(disk->random, 500))
		return -EIO;
	if (!crash && fails(disk, disk->faults.cut_eio, TALLY_CUT_EIO))
		return -EIO;
	for (unsigned i = 0; i < disk->write_cnt; i++)
		CHECK(disk->writes[i].segment != segment);
	free(disk->files[segment].data);
	free(disk->files[segment].stable);
	disk->files[segment] = (struct sim_segment){0};
	disk->segment_cnt--;
	return crash ? -EIO : 0;
}

static void files_close(struct lane_files *files)
{
	free(files);
}

static const struct lane_files_ops files_ops = {
	.list = files_list,
	.size = files_size,
	.read = files_read,
	.settle = files_settle,
	.zero = files_zero,
	.remove = files_remove,
	.close = files_close,
};

struct lane_files *sim_disk_files(struct sim_disk *disk)
{
	struct sim_files *files = calloc(1, sizeof(*files));

	CHECK(files != NULL);
	files->files = (struct lane_files){.ops = &files_ops, .path = "sim"};
	files->disk = disk;
	return &files->files;
}
