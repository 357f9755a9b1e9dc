/*
 * preload_held_worker: preloaded into an engine, holds the thread that kicks an AF_XDP socket in
 * this system call, for as long as the file HELD_WHILE exists. It creates HELD_WHILE.told first, so
 * that a test sees it.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void hold(void)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	const char *lasts = getenv("HELD_WHILE");
	char told[4096];

	if (lasts == NULL || access(lasts, F_OK) != 0)
		return;
	snprintf(told, sizeof(told), "%s.told", lasts);
	close(open(told, O_WRONLY | O_CREAT, 0600));
	while (access(lasts, F_OK) == 0)
		nanosleep(&pause, NULL);
}

/* Only the kick sends nothing to nobody. */
ssize_t send(int fd, const void *bytes, size_t cnt, int flags)
{
	if (bytes == NULL && cnt == 0)
		hold();
	return syscall(SYS_sendto, fd, bytes, cnt, flags, NULL, 0);
}
