/*
 * disk_uring: the disk of a journal over io_uring. A write is durable when it completes: files are
 * opened O_DIRECT, every write has RWF_DSYNC and comes from registered memory.
 *
 * The worker finds completions by looking at the ring; the kernel posts them to the submitting
 * thread. No set-up flag improved it. Measured on a busy two-core machine, p50 of one 16 KiB write
 * at a time beside a spinning loop: 150 us without a flag and with the yield below; the same with
 * COOP_TASKRUN; up to milliseconds with SQPOLL on the other core, IOSQE_ASYNC and DEFER_TASKRUN, as
 * all of them still end in that kernel worker. SINGLE_ISSUER is impossible: the start-up thread
 * writes the first offers, then the worker goes on.
 *
 * A kernel or a seccomp profile may allow a program to make a ring and yet not to enter it. So the
 * open sends one request without effect through the ring, and a failure refuses the start. If the
 * ring breaks later, the requests that the kernel did not take are reported as failed writes, which
 * are final for their lanes; those that it took still complete by themselves.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <liburing.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/journal/disk.h"

enum {
	/* The probe, and room for one operation after it. */
	PROBE_BYTES = sizeof(struct io_uring_probe) + sizeof(struct io_uring_probe_op),
};

struct disk_uring {
	struct disk disk; /* first */
	struct io_uring ring;
	unsigned in_flight; /* queued or with the kernel */
	unsigned in_flight_max;
	unsigned queued;  /* not yet with the kernel: always those queued last */
	int broken;       /* -errno: the kernel takes nothing any more */
	uint64_t *tokens; /* of what is queued, [entries of the submission ring], in a circle */
	unsigned token_mask;
	unsigned token_tail; /* free-running */
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

	/* O_DIRECT requires it. */
	DCHECK(bytes > 0 && bytes % BLOCK_ALIGN_BYTES == 0);
	DCHECK(offset % BLOCK_ALIGN_BYTES == 0 && (uintptr_t)buffer % BLOCK_ALIGN_BYTES == 0);
	DCHECK(fd >= 0);
	DCHECK(uring->queued <= uring->in_flight && uring->in_flight <= uring->in_flight_max);
	if (uring->broken != 0)
		return uring->broken;
	/* The completion ring is twice as big as the submission ring: it never overflows. */
	if (uring->in_flight == uring->in_flight_max)
		return -EAGAIN;
	sqe = io_uring_get_sqe(&uring->ring);
	if (sqe == NULL)
		return -EAGAIN;
	/* Its token does not overwrite that of a write that is still queued. */
	DCHECK(uring->queued <= uring->token_mask);
	io_uring_prep_write_fixed(sqe, fd, buffer, bytes, offset, 0);
	sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_data64(sqe, token);
	uring->tokens[uring->token_tail++ & uring->token_mask] = token;
	uring->in_flight++;
	uring->queued++;
	return 0;
}

static int uring_submit(struct disk *disk)
{
	struct disk_uring *uring = of(disk);
	int rc;

	if (uring->queued == 0 || uring->broken != 0)
		return uring->broken;
	rc = io_uring_submit(&uring->ring);
	if (rc >= 0) {
		CHECK((unsigned)rc <= uring->queued);
		uring->queued -= (unsigned)rc;
		return 0;
	}
	/* Without memory, or interrupted: what the kernel didn't take stays queued for the next
	 * turn. Any other error means that the ring itself is broken. */
	if (rc != -EAGAIN && rc != -EBUSY && rc != -EINTR && rc != -ENOMEM)
		uring->broken = rc;
	return rc;
}

/* Reports what a broken ring did not take as failed writes. Returns how many. */
static int fail_queued(struct disk_uring *uring, disk_done_fn *done, void *context)
{
	int cnt = 0;

	CHECK(uring->broken < 0 && uring->queued <= uring->in_flight);
	for (; uring->queued > 0; uring->queued--, cnt++) {
		uring->in_flight--;
		done(context,
		     uring->tokens[(uring->token_tail - uring->queued) & uring->token_mask],
		     uring->broken);
	}
	return cnt;
}

static int uring_reap(struct disk *disk, disk_done_fn *done, void *context)
{
	struct disk_uring *uring = of(disk);
	struct io_uring_cqe *cqe;
	int cnt = 0;

	while (uring->in_flight > 0 && io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		const uint64_t token = io_uring_cqe_get_data64(cqe);
		const int64_t result = cqe->res;

		/* The kernel finishes nothing that it was not given. */
		DCHECK(uring->in_flight > uring->queued);
		io_uring_cqe_seen(&uring->ring, cqe);
		uring->in_flight--;
		cnt++;
		done(context, token, result);
	}
	if (uring->broken != 0)
		cnt += fail_queued(uring, done, context);
	/* The kernel finishes a durable write in a thread of its own on the core that submitted it.
	 * A thread that spins there must yield, or the write waits for the scheduler's next tick.
	 */
	if (cnt == 0 && uring->in_flight > 0)
		sched_yield();
	return cnt;
}

static int uring_register_buffers(struct disk *disk, void *memory, size_t bytes)
{
	const struct iovec all = {.iov_base = memory, .iov_len = bytes};

	CHECK(of(disk)->in_flight == 0);
	CHECK((uintptr_t)memory % BLOCK_ALIGN_BYTES == 0 && bytes % BLOCK_ALIGN_BYTES == 0);
	return io_uring_register_buffers(&of(disk)->ring, &all, 1);
}

static void uring_close(struct disk *disk)
{
	io_uring_queue_exit(&of(disk)->ring);
	free(of(disk)->tokens);
	free(disk);
}

static const struct disk_ops uring_ops = {
	.write = uring_write,
	.submit = uring_submit,
	.reap = uring_reap,
	.register_buffers = uring_register_buffers,
	.close = uring_close,
};

/* The sysctl's value; -1 where the kernel does not have it. */
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

static void explain(int rc, struct error *error)
{
	const char *remedy = "";

	CHECK(rc < 0);
	if (rc == -EPERM && io_uring_disabled() > 0)
		remedy = "; the sysctl kernel.io_uring_disabled forbids it: set it to 0";
	else if (rc == -EPERM || rc == -EACCES)
		remedy = "; a seccomp profile forbids it: run the container with one that allows "
			 "io_uring_setup, io_uring_enter and io_uring_register";
	else if (rc == -ENOSYS)
		remedy = "; it needs Linux 5.10 or newer with CONFIG_IO_URING, and no seccomp "
			 "profile that hides it";
	else if (rc == -ENOMEM)
		remedy = "; raise the limit of locked memory (ulimit -l)";
	else if (rc == -EMFILE || rc == -ENFILE)
		remedy = "; raise the limit of open files (ulimit -n)";
	error_set(error, "io_uring, which writes the journal, does not start: %s%s", strerror(-rc),
		  remedy);
}

/* Makes each of the calls that the ring will need, without effect. 0, or -errno of one that the
 * kernel refuses. */
static int try_ring(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	_Alignas(struct io_uring_probe) uint8_t probe[PROBE_BYTES] = {0};
	int rc = io_uring_register_probe(ring, (struct io_uring_probe *)probe, 1);

	CHECK(sqe != NULL);
	if (rc != 0)
		return rc;
	io_uring_prep_nop(sqe);
	do {
		rc = io_uring_submit_and_wait(ring, 1);
	} while (rc == -EINTR);
	if (rc == 1)
		rc = io_uring_peek_cqe(ring, &cqe);
	else if (rc >= 0)
		rc = -EIO;
	if (rc != 0)
		return rc;
	rc = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	/* The trial leaves nothing in the ring that reap would take for a write. */
	CHECK(io_uring_sq_ready(ring) == 0 && io_uring_cq_ready(ring) == 0);
	return rc;
}

int disk_uring_open(struct disk **out, unsigned writes_max, struct error *error)
{
	struct disk_uring *uring = calloc(1, sizeof(*uring));
	int rc = -ENOMEM;

	CHECK(writes_max > 0);
	if (uring == NULL)
		goto fail;
	rc = io_uring_queue_init(writes_max, &uring->ring, IORING_SETUP_CLAMP);
	if (rc != 0)
		goto fail;
	uring->tokens = calloc(uring->ring.sq.ring_entries, sizeof(*uring->tokens));
	rc = uring->tokens != NULL ? try_ring(&uring->ring) : -ENOMEM;
	if (rc != 0) {
		io_uring_queue_exit(&uring->ring);
		goto fail;
	}
	uring->disk.ops = &uring_ops;
	uring->in_flight_max = uring->ring.cq.ring_entries;
	uring->token_mask = uring->ring.sq.ring_entries - 1;
	CHECK((uring->ring.sq.ring_entries & uring->token_mask) == 0); /* a power of two */
	/* There is room for the completion of everything that can be queued. */
	CHECK(uring->in_flight_max >= uring->ring.sq.ring_entries);
	*out = &uring->disk;
	return 0;
fail:
	explain(rc, error);
	if (uring != NULL)
		free(uring->tokens);
	free(uring);
	return rc;
}
