#include "engine/checkpoint/prune.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/safe_file.h"
#include "engine/checkpoint/list.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"

/* The first LSN of a segment. 0 or -errno with a line. */
static int first_lsn_of(const struct data_dir *dir, uint16_t lane, uint64_t segment, uint64_t *lsn,
			struct error *error)
{
	struct lane_reader *reader = NULL;
	struct lane_files *files = NULL;
	const struct block_header *block;
	const struct record *records;
	char path[sizeof(files->path)];
	int rc;

	data_dir_lane_path(dir, lane, path, sizeof(path));
	rc = data_dir_open_lane(dir, lane, &files, error);
	if (rc == 0)
		rc = lane_reader_open_rest(&reader, files, dir->journal_id, lane, segment, error);
	if (rc != 0)
		return rc;
	switch (lane_reader_next(reader, &block, &records, error)) {
	case LANE_BLOCK:
		*lsn = block->first_lsn;
		break;
	case LANE_ERROR:
		rc = -EIO;
		break;
	default:
		rc = error_say(error, -EBADMSG,
			       "%s: segment %" PRIu64
			       " does not begin with a good block, though a checkpoint needs "
			       "it or one after it; run `doorbuster journal verify`",
			       path, segment);
	}
	lane_reader_close(reader);
	return rc;
}

/* Removes the segments that may go, from out->first on. */
static int remove_segments(const struct data_dir *dir, uint16_t lane, struct lane_files *files,
			   uint64_t keep_from, uint64_t downstream_lsn, struct prune_result *out,
			   struct error *error)
{
	while (out->end < keep_from) {
		const int64_t bytes = files->ops->size(files, out->end);
		uint64_t next_lsn = 0;
		int rc = first_lsn_of(dir, lane, out->end + 1, &next_lsn, error);

		if (rc != 0)
			return rc;
		/* If downstream has that record, it also has a closing block without LSNs at this
		 * segment's end. */
		out->held = next_lsn > downstream_lsn;
		if (out->held && bytes > 0)
			out->held_bytes = (keep_from - out->end) * (uint64_t)bytes;
		if (out->held)
			return 0;
		rc = files->ops->remove(files, out->end);
		if (rc != 0) {
			return error_say(error, rc, "%s: segment %" PRIu64 " cannot be removed: %s",
					 files->path, out->end, safe_strerror(rc));
		}
		out->bytes += bytes > 0 ? (uint64_t)bytes : 0;
		out->end++;
	}
	return 0;
}

static int prune_locked(const struct data_dir *dir, uint16_t lane, uint64_t downstream_lsn,
			struct prune_result *out, struct error *error)
{
	struct lane_files *files = NULL;
	uint64_t *numbers = NULL;
	uint64_t keep_from;
	int64_t cnt;
	int rc = checkpoint_keep_from(dir, lane, &keep_from, error);

	if (rc == 0)
		rc = data_dir_open_lane(dir, lane, &files, error);
	if (rc != 0)
		return rc;
	cnt = files->ops->list(files, &numbers);
	if (cnt < 0) {
		rc = (int)cnt;
		error_set(error, "%s: %s", files->path, safe_strerror(rc));
	} else if (cnt > 0) {
		out->first = out->end = numbers[0];
		rc = remove_segments(dir, lane, files, keep_from, downstream_lsn, out, error);
	}
	free(numbers);
	files->ops->close(files);
	return rc;
}

int prune_lane(const struct data_dir *dir, uint16_t lane, uint64_t downstream_lsn,
	       struct prune_result *out, struct error *error)
{
	const int lock = checkpoint_lock(dir, lane);
	int rc;

	*out = (struct prune_result){0};
	if (lock < 0) {
		error_set(error, "lane %u: its directory cannot be locked: %s", lane,
			  safe_strerror(lock));
		return lock;
	}
	rc = prune_locked(dir, lane, downstream_lsn, out, error);
	close(lock);
	return rc;
}
