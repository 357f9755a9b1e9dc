#include "engine/segment_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void segment_path(const char *lane_dir, uint64_t segment, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s/seg-%012" PRIu64, lane_dir, segment);
}

int64_t segment_highest(const char *lane_dir)
{
	DIR *dir = opendir(lane_dir);
	const struct dirent *entry;
	int64_t highest = -1;

	if (dir == NULL)
		return -errno - 1;
	while ((entry = readdir(dir)) != NULL) {
		uint64_t segment;
		int used = 0;

		/* Exactly seg- and twelve digits: not what was left under a temporary name. */
		if (sscanf(entry->d_name, "seg-%12" SCNu64 "%n", &segment, &used) == 1 &&
		    used == 16 && entry->d_name[used] == '\0' && (int64_t)segment > highest)
			highest = (int64_t)segment;
	}
	closedir(dir);
	return highest;
}

int directory_sync(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}
