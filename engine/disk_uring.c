/*
 * disk_uring: the disk behind the journal, over io_uring. Durable when complete: the files are
 * opened O_DIRECT by whoever opens them, every write carries RWF_DSYNC. Completions are seen by
 * looking at the ring in memory, without a system call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <liburing.h>

#include "engine/check.h"
#include "engine/disk.h"

struct disk_uring {
	struct disk disk; /* first */
	struct io_uring ring;
	unsigned queued;
};

static struct disk_uring *of(struct disk *disk)
{
	return (struct disk_uring *)disk;
}

static int uring_write(struct disk *disk, int fd, const void *buffer, uint32_t bytes,
		       uint64_t offset, uint64_t token)
{
	struct disk_uring *uring = of(disk);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe == NULL)
		return -EBUSY;
	io_uring_prep_write_fixed(sqe, fd, buffer, bytes, offset, 0);
	sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_data64(sqe, token);
	uring->queued++;
	return 0;
}

static int uring_submit(struct disk *disk)
{
	struct disk_uring *uring = of(disk);

	if (uring->queued == 0)
		return 0;

	const int rc = io_uring_submit(&uring->ring);

	/* What the kernel didn't take now (EAGAIN, EINTR) stays queued for the next turn. */
	if (rc >= 0)
		uring->queued -= (unsigned)rc < uring->queued ? (unsigned)rc : uring->queued;
	return rc < 0 ? rc : 0;
}

static int uring_reap(struct disk *disk, disk_done_fn *done, void *context)
{
	struct disk_uring *uring = of(disk);
	struct io_uring_cqe *cqe;
	int cnt = 0;

	while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		const uint64_t token = io_uring_cqe_get_data64(cqe);
		const int64_t result = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		done(context, token, result);
		cnt++;
	}
	return cnt;
}

static int uring_register_buffers(struct disk *disk, void *memory, size_t bytes)
{
	const struct iovec all = {.iov_base = memory, .iov_len = bytes};

	return io_uring_register_buffers(&of(disk)->ring, &all, 1);
}

static void uring_close(struct disk *disk)
{
	io_uring_queue_exit(&of(disk)->ring);
	free(disk);
}

static const struct disk_ops uring_ops = {
	.write = uring_write,
	.submit = uring_submit,
	.reap = uring_reap,
	.register_buffers = uring_register_buffers,
	.close = uring_close,
};

int disk_uring_open(struct disk **out, unsigned writes_max, char *error, size_t error_bytes)
{
	struct disk_uring *uring = calloc(1, sizeof(*uring));

	if (uring == NULL) {
		snprintf(error, error_bytes, "no memory for io_uring");
		return -ENOMEM;
	}

	const int rc = io_uring_queue_init(writes_max, &uring->ring, 0);

	if (rc != 0) {
		snprintf(error, error_bytes, "io_uring is not to be had: %s; %s", strerror(-rc),
			 rc == -EPERM    ? "allow it (sysctl kernel.io_uring_disabled=0, or the "
					   "container's seccomp profile)"
			 : rc == -ENOSYS ? "a kernel from 5.10 on has it"
					 : "free some locked memory or descriptors");
		free(uring);
		return rc;
	}
	uring->disk.ops = &uring_ops;
	*out = &uring->disk;
	return 0;
}
