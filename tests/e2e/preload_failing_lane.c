/*
 * Preloaded into an engine: while the file named by FAIL_WHILE is there, journal writes of lane 1
 * fail, as on a disk that is gone. The lane is in the upper 16 bits of a write's token.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <liburing.h>

int io_uring_submit(struct io_uring *ring)
{
	static int (*real)(struct io_uring *);
	const char *path = getenv("FAIL_WHILE");

	if (real == NULL)
		real = (int (*)(struct io_uring *))dlsym(RTLD_NEXT, "io_uring_submit");
	if (path == NULL || access(path, F_OK) != 0)
		return real(ring);
	for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

		if (sqe->user_data >> 48 == 1)
			sqe->fd = -1;
	}
	return real(ring);
}
