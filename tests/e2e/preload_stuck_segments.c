/*
 * preload_stuck_segments: preloaded into an engine, lets the thread that makes segments wait in
 * fsync for as long as the file of STUCK_WHILE exists: a disk that is slow in this alone.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	const char *path = getenv("STUCK_WHILE");
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	while (path != NULL && strcmp(name, "db-segments") == 0 && access(path, F_OK) == 0)
		nanosleep(&pause, NULL);
	return (int)syscall(SYS_fsync, fd);
}
