/*
 * file:DIR, format json: DIR/lane-NNN.jsonl, a line a record, to be read with other tools.
 * DIR/lane-NNN.cursor says how much of it is on the disk and which block it ends with.
 *
 * Guarantees: each line follows from the lane alone. So lines that a crash left after the cursor
 * are overwritten with the same bytes: no line is missing, none is there twice. One writer a
 * directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/safe_file.h"
#include "tools/common/cursor.h"
#include "tools/common/record_print.h"
#include "tools/downstream/downstream.h"

enum {
	UNSYNCED_BYTES_MAX = 4 << 20,
	/* A sync and a cursor take some milliseconds: they are done no more often than this. */
	SYNC_EVERY_NS = 50000000,
};

struct lines_target {
	struct downstream_target base;
	char dir[PATH_MAX - 64];
	int lock_fd;
};

struct lines_downstream {
	struct downstream base;
	struct print print;
	char path[PATH_MAX];
	char cursor_path[PATH_MAX];
	struct cursor cursor; /* of this lane only, as its lane 0; extra: bytes of the file */
	struct lane_mark written;
	unsigned written_cnt; /* blocks since the last sync */
	long synced_bytes;    /* where in the file */
	uint64_t synced_ns;
};

static struct lines_downstream *of(struct downstream *downstream)
{
	return (struct lines_downstream *)downstream;
}

static int lock(struct lines_target *target, struct error *error)
{
	char path[PATH_MAX];
	int rc = safe_mkdir_own(target->dir);

	if (rc != 0 && rc != -EEXIST)
		return error_say(error, rc, "%s cannot be made: %s", target->dir,
				 safe_strerror(rc));
	snprintf(path, sizeof(path), "%s/journal", target->dir);
	if (access(path, F_OK) == 0)
		return error_say(error, -EINVAL,
				 "%s holds a journal of blocks: name another directory for "
				 "JSON",
				 target->dir);
	snprintf(path, sizeof(path), "%s/lock", target->dir);
	rc = safe_open_or_make(path, O_RDWR, NULL);
	if (rc < 0)
		return error_say(error, rc, "%s: %s", path, safe_strerror(rc));
	target->lock_fd = rc;
	if (flock(target->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return error_say(error, -EBUSY,
				 "%s is in use by another relay: stop that one, or name "
				 "another directory",
				 target->dir);
	return 0;
}

static void target_close(struct downstream_target *base)
{
	struct lines_target *target = (struct lines_target *)base;

	if (target->lock_fd >= 0)
		close(target->lock_fd);
	free(target);
}

static int target_open(struct downstream_target **out, const struct downstream_options *options,
		       struct error *error)
{
	const char *path = options->to + strlen("file:");
	struct lines_target *target = calloc(1, sizeof(*target));
	int rc = 0;

	if (target == NULL)
		return error_say(error, -ENOMEM, "no memory");
	target->lock_fd = -1;
	if (options->setting_cnt > 0)
		rc = error_say(error, -EINVAL, "--set %s: a file has no settings",
			       options->settings[0].key);
	else if (path[0] == '\0' || strlen(path) >= sizeof(target->dir))
		rc = error_say(error, -EINVAL, "'%s' names no directory", options->to);
	snprintf(target->dir, sizeof(target->dir), "%s", path);
	for (size_t bytes = strlen(target->dir); bytes > 1 && target->dir[bytes - 1] == '/';)
		target->dir[--bytes] = '\0';
	if (rc == 0)
		rc = lock(target, error);
	if (rc != 0)
		target_close(&target->base);
	else
		*out = &target->base;
	return rc;
}

static void lines_close(struct downstream *downstream)
{
	struct lines_downstream *lines = of(downstream);

	if (lines->print.file != NULL)
		fclose(lines->print.file);
	free(lines);
}

static int lines_open(struct downstream **out, struct downstream_target *base, uint16_t lane,
		      struct error *error)
{
	const struct lines_target *target = (const struct lines_target *)base;
	struct lines_downstream *lines = calloc(1, sizeof(*lines));
	int fd;

	if (lines == NULL)
		return error_say(error, -ENOMEM, "no memory for lane %u", lane);
	snprintf(lines->path, sizeof(lines->path), "%s/lane-%03u.jsonl", target->dir, lane);
	snprintf(lines->cursor_path, sizeof(lines->cursor_path), "%s/lane-%03u.cursor", target->dir,
		 lane);
	fd = safe_open_or_make(lines->path, O_RDWR, NULL);
	if (fd >= 0) {
		const int rc = safe_make_private(lines->path);

		if (rc != 0) {
			close(fd);
			fd = rc;
		}
	}
	lines->print.file = fd >= 0 ? fdopen(fd, "r+") : NULL;
	if (lines->print.file == NULL) {
		const int rc = fd < 0 ? fd : -errno;

		if (fd >= 0)
			close(fd);
		error_say(error, rc, "%s: %s", lines->path, safe_strerror(rc));
		free(lines);
		return rc;
	}
	*out = &lines->base;
	return 0;
}

static int lines_end(struct downstream *downstream, struct lane_mark *last, bool *part,
		     struct error *error)
{
	struct lines_downstream *lines = of(downstream);
	const uint64_t journal_id = downstream->target->options.journal->journal_id;
	struct stat info;
	int rc = cursor_load(&lines->cursor, lines->cursor_path, error);

	(void)part;
	if (rc == -ENOENT) {
		lines->cursor.journal_id = journal_id;
		lines->cursor.lanes = 1;
		rc = 0;
	}
	if (rc != 0)
		return rc;
	if (lines->cursor.journal_id != journal_id || lines->cursor.lanes != 1)
		return error_say(error, -EINVAL, "%s is of another journal: name another directory",
				 lines->cursor_path);
	if (fstat(fileno(lines->print.file), &info) != 0 ||
	    (uint64_t)info.st_size < lines->cursor.lane[0].extra)
		return error_say(error, -EINVAL,
				 "%s is shorter than it was: put it back, or remove it and "
				 "its .cursor to begin anew",
				 lines->path);
	lines->synced_bytes = (long)lines->cursor.lane[0].extra;
	if (fseek(lines->print.file, lines->synced_bytes, SEEK_SET) != 0)
		return error_say(error, -errno, "%s: %s", lines->path, strerror(errno));
	lines->written = *last = lines->cursor.lane[0].mark;
	lines->synced_ns = clock_now_ns();
	return 0;
}

static int lines_publish(struct downstream *downstream, const struct lane_block *block,
			 struct error *error)
{
	struct lines_downstream *lines = of(downstream);
	const struct record *records = block_records(block->header);

	if (lines->written_cnt >= DOWNSTREAM_IN_FLIGHT_MAX ||
	    ftell(lines->print.file) - lines->synced_bytes > UNSYNCED_BYTES_MAX)
		return -EAGAIN;
	for (uint32_t i = 0; i < block->header->record_cnt; i++)
		print_record_json(&lines->print, downstream->lane, block->header->first_lsn + i,
				  &records[i]);
	print_flush(&lines->print);
	if (lines->print.failed)
		return error_say(error, -ENOTCONN, "%s: %s", lines->path, strerror(errno));
	lines->written = lane_mark_of(block);
	lines->written_cnt++;
	return 0;
}

static int lines_reap(struct downstream *downstream, struct error *error)
{
	struct lines_downstream *lines = of(downstream);
	const unsigned cnt = lines->written_cnt;
	const uint64_t time_ns = clock_now_ns();
	int rc;

	if (cnt == 0 || (time_ns < lines->synced_ns + SYNC_EVERY_NS &&
			 ftell(lines->print.file) - lines->synced_bytes < UNSYNCED_BYTES_MAX &&
			 cnt < DOWNSTREAM_IN_FLIGHT_MAX))
		return 0;
	if (fflush(lines->print.file) != 0 || fdatasync(fileno(lines->print.file)) != 0) {
		rc = errno == ENOSPC || errno == EDQUOT ? -ENOTCONN : -errno;
		return error_say(error, rc, "%s: %s", lines->path, strerror(errno));
	}
	lines->synced_bytes = ftell(lines->print.file);
	lines->cursor.lane[0] = (struct cursor_lane){.mark = lines->written,
						     .extra = (uint64_t)lines->synced_bytes};
	rc = cursor_save(&lines->cursor, lines->cursor_path, error);
	if (rc != 0)
		return rc == -ENOSPC || rc == -EDQUOT ? -ENOTCONN : rc;
	lines->synced_ns = time_ns;
	lines->written_cnt = 0;
	return (int)cnt;
}

const struct downstream_kind downstream_lines_kind = {
	.scheme = "file:",
	.target_open = target_open,
	.target_close = target_close,
	.open = lines_open,
	.end = lines_end,
	.publish = lines_publish,
	.reap = lines_reap,
	.close = lines_close,
};
