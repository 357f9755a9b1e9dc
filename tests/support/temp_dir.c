#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"

static char dir[256];

const char *temp_dir_make(void)
{
	const char *base = getenv("DB_TEST_DIR");

	snprintf(dir, sizeof(dir), "%s/doorbuster-test-XXXXXX", base != NULL ? base : "/var/tmp");
	CHECK(mkdtemp(dir) != NULL);
	return dir;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

void temp_dir_remove(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_path(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

bool path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void poke_file(const char *path, uint64_t offset, const void *bytes, uint64_t cnt)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(pwrite(fd, bytes, cnt, (off_t)offset) == (ssize_t)cnt);
	close(fd);
}

void write_text(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}
