#include "engine/checkpoint/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/journal/lane_files.h"

enum {
	NAME_DIGITS = 15,
	LANE_PATH_BYTES = 600,
};
static_assert(LSN_MAX < UINT64_C(1000000000000000), "an LSN fits into a name");

#define NAME_BEGIN "ckpt-"

/* True for ckpt- and fifteen digits; *rest is what follows them. */
static bool parse_name(const char *name, uint64_t *lsn, const char **rest)
{
	const char *at = name + strlen(NAME_BEGIN);

	*lsn = 0;
	if (strncmp(name, NAME_BEGIN, strlen(NAME_BEGIN)) != 0)
		return false;
	for (unsigned i = 0; i < NAME_DIGITS; i++, at++) {
		if (*at < '0' || *at > '9')
			return false;
		*lsn = *lsn * 10 + (uint64_t)(*at - '0');
	}
	*rest = at;
	return true;
}

static int descending(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t two = *(const uint64_t *)b;

	return one > two ? -1 : one < two;
}

int64_t checkpoint_list(const struct data_dir *dir, uint16_t lane, uint64_t **lsns)
{
	char lane_path[LANE_PATH_BYTES];
	const struct dirent *entry;
	const char *rest;
	uint64_t *found = NULL;
	int64_t cnt = 0;
	uint64_t lsn;

	*lsns = NULL;
	data_dir_lane_path(dir, lane, lane_path, sizeof(lane_path));

	DIR *names = safe_opendir(lane_path);

	if (names == NULL)
		return -errno;
	/* If the directory can't be read to its end, the list is not complete. */
	while (errno = 0, (entry = readdir(names)) != NULL) {
		if (!parse_name(entry->d_name, &lsn, &rest) || *rest != '\0')
			continue;

		uint64_t *more = reallocarray(found, (size_t)cnt + 1, sizeof(*found));

		if (more == NULL) {
			free(found);
			closedir(names);
			return -ENOMEM;
		}
		found = more;
		found[cnt++] = lsn;
	}
	if (errno != 0)
		cnt = -errno;
	closedir(names);
	if (cnt < 0) {
		free(found);
		return cnt;
	}
	if (found != NULL)
		qsort(found, (size_t)cnt, sizeof(*found), descending);
	*lsns = found;
	return cnt;
}

static int lock_lane(const struct data_dir *dir, uint16_t lane, int how)
{
	char lane_path[LANE_PATH_BYTES];

	data_dir_lane_path(dir, lane, lane_path, sizeof(lane_path));

	const int fd = safe_dir_open(lane_path);

	if (fd < 0)
		return fd;
	while (flock(fd, how) != 0) {
		const int rc = -errno;

		if (rc == -EINTR)
			continue;
		close(fd);
		return rc;
	}
	return fd;
}

int checkpoint_lock(const struct data_dir *dir, uint16_t lane)
{
	return lock_lane(dir, lane, LOCK_EX);
}

int checkpoint_hold(const struct data_dir *dir, uint16_t lane)
{
	return lock_lane(dir, lane, LOCK_SH);
}

/* Their writers have ended, as nobody else holds the lock. */
static void remove_temporaries(const char *lane_path)
{
	char path[CHECKPOINT_PATH_BYTES + NAME_MAX];
	DIR *names = safe_opendir(lane_path);
	const struct dirent *entry;
	const char *rest;
	uint64_t lsn;

	if (names == NULL)
		return;
	while ((entry = readdir(names)) != NULL) {
		if (!parse_name(entry->d_name, &lsn, &rest) || strcmp(rest, ".new") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", lane_path, entry->d_name);
		(void)safe_unlink(path);
	}
	closedir(names);
}

int checkpoint_retire(const struct data_dir *dir, uint16_t lane, unsigned keep_cnt,
		      unsigned *removed, struct error *error)
{
	char lane_path[LANE_PATH_BYTES];
	char path[CHECKPOINT_PATH_BYTES];
	struct error reason;
	uint64_t *lsns = NULL;
	const int64_t cnt = checkpoint_list(dir, lane, &lsns);
	unsigned good = 0;
	int rc = cnt < 0 ? (int)cnt : 0;

	*removed = 0;
	data_dir_lane_path(dir, lane, lane_path, sizeof(lane_path));
	remove_temporaries(lane_path);
	for (int64_t i = 0; i < cnt && rc == 0; i++) {
		if (good < keep_cnt) {
			good += checkpoint_check(dir, lane, lsns[i], &reason) == 0;
			continue;
		}
		checkpoint_path(dir, lane, lsns[i], path);
		rc = safe_unlink(path);
		*removed += rc == 0;
	}
	free(lsns);
	if (rc == 0)
		rc = directory_sync(lane_path);
	if (rc != 0)
		error_set(error, "%s: old checkpoints cannot be removed: %s", lane_path,
			  safe_strerror(rc));
	return rc;
}

static int segment_of(const struct data_dir *dir, uint16_t lane, uint64_t lsn, uint64_t *segment,
		      struct error *error)
{
	struct checkpoint *checkpoint = NULL;
	int rc = checkpoint_check(dir, lane, lsn, error);

	if (rc == 0)
		rc = checkpoint_open(&checkpoint, dir, lane, lsn, error);
	if (rc == 0)
		*segment = checkpoint_header(checkpoint)->segment;
	checkpoint_close(checkpoint);
	return rc;
}

int checkpoint_keep_from(const struct data_dir *dir, uint16_t lane, uint64_t *segment,
			 struct error *error)
{
	uint64_t *lsns = NULL;
	const int64_t cnt = checkpoint_list(dir, lane, &lsns);
	struct error reason = {0};
	unsigned good = 0;

	for (int64_t i = 0; lsns != NULL && i < cnt && good < 2; i++)
		good += segment_of(dir, lane, lsns[i], segment, &reason) == 0;
	free(lsns);
	if (good == 2)
		return 0;
	return error_say(
		error, -ENODATA,
		"lane %u: it has %u good checkpoint%s, two are needed before a segment may go: run "
		"`doorbuster journal checkpoint` again after more was sold%s%s",
		lane, good, good == 1 ? "" : "s", error_is_set(&reason) ? "; " : "", reason.text);
}
