#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/journal/disk.h"
#include "tests/support/forbid_call.h"
#include "tests/support/page_cache.h"
#include "tests/support/temp_dir.h"

enum {
	WRITES = 4,
};

static struct disk *disk;
static uint8_t *buffer;
static int fd;
static struct error error;
static int64_t results[256];
static unsigned done_cnt;

static void set_up(void)
{
	const size_t bytes = (size_t)WRITES * BLOCK_ALIGN_BYTES;

	temp_dir_make();
	fd = open(temp_path("file"), O_RDWR | O_CREAT | O_DIRECT, 0600);
	buffer = aligned_alloc(BLOCK_ALIGN_BYTES, bytes);
	memset(buffer, 0x33, bytes);
	cr_assert(eq(int, disk_uring_open(&disk, WRITES, &error), 0), "%s", error.text);
	cr_assert(eq(int, disk->ops->register_buffers(disk, buffer, bytes), 0));
}

static void tear_down(void)
{
	disk->ops->close(disk);
	close(fd);
	free(buffer);
	temp_dir_remove();
}

static void on_done(void *context, uint64_t token, int64_t result)
{
	(void)context;
	results[token % 256] = result;
	done_cnt++;
}

static int write_unit(int to, unsigned idx, uint64_t token)
{
	return disk->ops->write(disk, to, buffer + (size_t)idx * BLOCK_ALIGN_BYTES,
				BLOCK_ALIGN_BYTES, (uint64_t)idx * BLOCK_ALIGN_BYTES, token);
}

/* Spins without a system call, as a worker does. */
static void wait_done(unsigned cnt)
{
	while (done_cnt < cnt)
		disk->ops->reap(disk, on_done, NULL);
}

Test(disk_uring, completes_with_token_and_bytes_without_a_call, .init = set_up, .fini = tear_down,
     .timeout = 20)
{
	uint8_t back[BLOCK_ALIGN_BYTES] __attribute__((aligned(BLOCK_ALIGN_BYTES)));

	cr_assert(eq(int, disk->ops->submit(disk), 0), "nothing to submit is fine");
	for (unsigned i = 0; i < WRITES; i++)
		cr_assert(eq(int, write_unit(fd, i, UINT64_C(0x7000000000000000) + i), 0));
	cr_assert(eq(int, disk->ops->reap(disk, on_done, NULL), 0), "not submitted yet");
	cr_assert(eq(int, disk->ops->submit(disk), 0));
	wait_done(WRITES);
	for (unsigned i = 0; i < WRITES; i++) {
		cr_assert(eq(i64, results[i], BLOCK_ALIGN_BYTES));
		cr_assert(eq(i64, pread(fd, back, sizeof(back), i * BLOCK_ALIGN_BYTES),
			     BLOCK_ALIGN_BYTES));
		cr_assert(eq(u8, back[77], 0x33));
	}
	cr_assert(eq(int, disk->ops->reap(disk, on_done, NULL), 0));
}

Test(disk_uring, a_full_queue_says_try_again, .init = set_up, .fini = tear_down, .timeout = 20)
{
	unsigned taken = 0;

	while (write_unit(fd, taken % WRITES, taken) == 0)
		taken++;
	cr_assert(ge(uint, taken, WRITES));
	cr_assert(eq(int, write_unit(fd, 0, 0), -EAGAIN));
	disk->ops->submit(disk);
	wait_done(taken);
	cr_assert(eq(int, write_unit(fd, 0, 0), 0), "room again");
	disk->ops->submit(disk);
	wait_done(taken + 1);
}

Test(disk_uring, failures_come_back_as_results, .init = set_up, .fini = tear_down, .timeout = 20)
{
	const int read_only = open(temp_path("file"), O_RDONLY | O_DIRECT);
	const int full = open("/dev/full", O_WRONLY);
	static _Alignas(BLOCK_ALIGN_BYTES) const uint8_t elsewhere[BLOCK_ALIGN_BYTES];

	cr_assert(eq(int, write_unit(read_only, 0, 0), 0));
	cr_assert(eq(int, write_unit(full, 1, 1), 0));
	cr_assert(eq(int, disk->ops->write(disk, fd, elsewhere, sizeof(elsewhere), 0, 2), 0));
	disk->ops->submit(disk);
	wait_done(3);
	cr_assert(eq(i64, results[0], -EBADF));
	cr_assert(lt(i64, results[1], 0));
	cr_assert(eq(i64, results[2], -EFAULT), "not of the registered memory");
	close(read_only);
	close(full);
}

/* On a file with a page cache, where it shows: bytes that were written durably are not left there.
 */
Test(disk_uring, a_completed_write_is_on_the_disk, .init = set_up, .fini = tear_down, .timeout = 20)
{
	const int cached = open(temp_path("cached"), O_RDWR | O_CREAT, 0600);
	uint64_t pages = 0;
	uint64_t unwritten = 0;

	cr_assert(eq(int, write_unit(cached, 0, 0), 0));
	disk->ops->submit(disk);
	wait_done(1);
	cr_assert(eq(i64, results[0], BLOCK_ALIGN_BYTES));
	if (page_cache_look(cached, &pages, &unwritten))
		cr_assert(all(gt(u64, pages, 0), eq(u64, unwritten, 0)));
	close(cached);
}

/* As under the profiles of container engines: a program may make a ring, but not use it. */
Test(disk_uring, a_forbidden_call_is_a_refusal, .timeout = 20)
{
	static const int calls[] = {SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup};

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct disk *none = NULL;

		forbid_call(calls[i], EPERM);
		cr_assert(eq(int, disk_uring_open(&none, WRITES, &error), -EPERM));
		cr_assert(eq(ptr, none, NULL));
		cr_assert(ne(ptr, strstr(error.text, "io_uring"), NULL), "%s", error.text);
		cr_assert(ne(ptr, strstr(error.text, "seccomp profile"), NULL), "%s", error.text);
	}
}

/* Writes that the kernel has taken complete with their own results; the rest fail. */
Test(disk_uring, a_ring_that_breaks_fails_its_writes, .init = set_up, .fini = tear_down,
     .timeout = 20)
{
	cr_assert(eq(int, write_unit(fd, 0, 0), 0));
	cr_assert(eq(int, disk->ops->submit(disk), 0));
	cr_assert(eq(int, write_unit(fd, 1, 1), 0));
	cr_assert(eq(int, write_unit(fd, 2, 2), 0));
	forbid_call(SYS_io_uring_enter, EPERM);
	cr_assert(eq(int, disk->ops->submit(disk), -EPERM));
	wait_done(3);
	cr_assert(eq(i64, results[0], BLOCK_ALIGN_BYTES));
	cr_assert(eq(i64, results[1], -EPERM));
	cr_assert(eq(i64, results[2], -EPERM));
	cr_assert(eq(int, write_unit(fd, 3, 3), -EPERM), "takes no more");
	cr_assert(eq(int, disk->ops->submit(disk), -EPERM));
	cr_assert(eq(int, disk->ops->reap(disk, on_done, NULL), 0));
}
