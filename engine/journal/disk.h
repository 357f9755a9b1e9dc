/*
 * disk: the seam between the journal and what it is written on. disk_uring.c is io_uring on files;
 * tests bring their own. One disk belongs to one worker thread after start.
 *
 * Writes are durable when they complete (O_DIRECT, RWF_DSYNC), complete in any order, and are never
 * retried: a failed write is final for its lane.
 */
#ifndef DB_ENGINE_JOURNAL_DISK_H
#define DB_ENGINE_JOURNAL_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct disk;

/* Called with a completed write: its token, and the bytes written or -errno. */
typedef void disk_done_fn(void *context, uint64_t token, int64_t result);

struct disk_ops {
	/*
	 * Queues a durable write of bytes (multiple of BLOCK_ALIGN_BYTES) at offset of the open
	 * segment file `fd`. `buffer` stays untouched until completion and lies in memory given to
	 * register_buffers. 0 or -errno (nothing was queued).
	 */
	int (*write)(struct disk *disk, int fd, const void *buffer, uint32_t bytes, uint64_t offset,
		     uint64_t token);
	/* Hands what was queued to the device. At most one system call. */
	int (*submit)(struct disk *disk);
	/* Calls done for every write completed so far, without waiting. Returns how many. */
	int (*reap)(struct disk *disk, disk_done_fn *done, void *context);
	/* Memory that writes come from, once, before the first write. 0 or -errno. */
	int (*register_buffers)(struct disk *disk, void *memory, size_t bytes);
	void (*close)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
};

/* io_uring on ordinary files; room for writes_max in flight. 0 or -errno with a line in error. */
int disk_uring_open(struct disk **out, unsigned writes_max, struct error *error);

#endif
