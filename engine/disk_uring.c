/*
 * disk_uring: the disk behind the journal, over io_uring. A write is durable when it completes:
 * files are opened O_DIRECT, every write carries RWF_DSYNC and comes from registered memory.
 *
 * Completions are seen by looking at the ring; the kernel posts them to the submitting thread. No
 * set-up flag was worth having, measured on a busy two-core machine, p50 of one 16 KiB write at a
 * time beside a spinning loop: plain with the yield below 150 us; COOP_TASKRUN the same; SQPOLL on
 * the other core, IOSQE_ASYNC and DEFER_TASKRUN up to milliseconds, as all of them still end in
 * that kernel worker. SINGLE_ISSUER is out anyway: the start-up thread writes the first offers, the
 * worker goes on.
 */
#include <errno.h>
#include <sched.h>
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
	unsigned in_flight; /* queued or with the kernel */
	unsigned in_flight_max;
	unsigned queued; /* not yet with the kernel */
};

static struct disk_uring *of(struct disk *disk)
{
	return (struct disk_uring *)disk;
}

static int uring_write(struct disk *disk, int fd, const void *buffer, uint32_t bytes,
		       uint64_t offset, uint64_t token)
{
	struct disk_uring *uring = of(disk);
	struct io_uring_sqe *sqe;

	/* The completion ring is twice as big as the submission ring: it never overflows. */
	if (uring->in_flight == uring->in_flight_max)
		return -EAGAIN;
	sqe = io_uring_get_sqe(&uring->ring);
	if (sqe == NULL)
		return -EAGAIN;
	io_uring_prep_write_fixed(sqe, fd, buffer, bytes, offset, 0);
	sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_data64(sqe, token);
	uring->in_flight++;
	uring->queued++;
	return 0;
}

static int uring_submit(struct disk *disk)
{
	struct disk_uring *uring = of(disk);
	int rc;

	if (uring->queued == 0)
		return 0;
	rc = io_uring_submit(&uring->ring);
	if (rc >= 0) {
		uring->queued -= (unsigned)rc;
		return 0;
	}
	/* Short of memory, or interrupted: what the kernel didn't take stays queued for the next
	 * turn. Everything else means that the ring itself is broken. */
	CHECK(rc == -EAGAIN || rc == -EBUSY || rc == -EINTR || rc == -ENOMEM);
	return rc;
}

static int uring_reap(struct disk *disk, disk_done_fn *done, void *context)
{
	struct disk_uring *uring = of(disk);
	struct io_uring_cqe *cqe;
	int cnt = 0;

	while (uring->in_flight > 0 && io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		const uint64_t token = io_uring_cqe_get_data64(cqe);
		const int64_t result = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		uring->in_flight--;
		cnt++;
		done(context, token, result);
	}
	/* The kernel finishes a durable write in a worker of its own on the core that submitted it.
	 * Who spins there must let it run, or it waits for the scheduler's next tick. */
	if (cnt == 0 && uring->in_flight > 0)
		sched_yield();
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

/* -1 where the kernel has no such switch. */
static int io_uring_disabled(void)
{
	FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int value = -1;

	if (file == NULL)
		return -1;
	if (fscanf(file, "%d", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static void explain(int rc, char *error, size_t error_bytes)
{
	const char *remedy = "";

	if (rc == -EPERM && io_uring_disabled() > 0)
		remedy = "; the sysctl kernel.io_uring_disabled forbids it: set it to 0";
	else if (rc == -EPERM || rc == -EACCES)
		remedy = "; a seccomp profile forbids it: run the container with one that allows "
			 "io_uring_setup, io_uring_enter and io_uring_register";
	else if (rc == -ENOSYS)
		remedy = "; it takes Linux 5.10 or newer with CONFIG_IO_URING, and no seccomp "
			 "profile that hides it";
	else if (rc == -ENOMEM)
		remedy = "; raise the limit of locked memory (ulimit -l)";
	else if (rc == -EMFILE || rc == -ENFILE)
		remedy = "; raise the limit of open files (ulimit -n)";
	snprintf(error, error_bytes,
		 "io_uring, which the journal writes with, does not start: %s%s", strerror(-rc),
		 remedy);
}

int disk_uring_open(struct disk **out, unsigned writes_max, char *error, size_t error_bytes)
{
	struct disk_uring *uring = calloc(1, sizeof(*uring));
	int rc = -ENOMEM;

	if (uring != NULL)
		rc = io_uring_queue_init(writes_max, &uring->ring, IORING_SETUP_CLAMP);
	if (rc != 0) {
		explain(rc, error, error_bytes);
		free(uring);
		return rc;
	}
	uring->disk.ops = &uring_ops;
	uring->in_flight_max = uring->ring.cq.ring_entries;
	*out = &uring->disk;
	return 0;
}
