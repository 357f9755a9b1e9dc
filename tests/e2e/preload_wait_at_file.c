/*
 * preload_wait_at_file: preloaded into a tool, makes it wait when it opens the file that ends with
 * WAIT_AT for the WAIT_NTH time, for as long as the file of WAIT_WHILE exists. That it waits is
 * told by a second file, WAIT_WHILE with .told behind.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_at(const char *path)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	static long opened;
	const char *at = getenv("WAIT_AT");
	const char *nth = getenv("WAIT_NTH");
	const char *lasts = getenv("WAIT_WHILE");
	char told[4096];

	if (at == NULL || nth == NULL || lasts == NULL || strlen(path) < strlen(at) ||
	    strcmp(path + strlen(path) - strlen(at), at) != 0 || ++opened != strtol(nth, NULL, 10))
		return;
	snprintf(told, sizeof(told), "%s.told", lasts);
	close((int)syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT, 0600));
	while (access(lasts, F_OK) == 0)
		nanosleep(&pause, NULL);
}

/* A name in a directory that is open. */
static void wait_in(int dir, const char *name)
{
	char link[64];
	char path[8192];
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	bytes = readlink(link, path, 4096);
	if (bytes < 0)
		return;
	snprintf(path + bytes, sizeof(path) - (size_t)bytes, "/%s", name);
	wait_at(path);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	wait_in(dir, path);
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}
