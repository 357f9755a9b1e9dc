/*
 * memory_disk: a disk, the segments of one lane and the files recovery reads, in memory. Writes
 * wait until the test completes them, in any order, whole or not.
 */
#ifndef DB_TESTS_SUPPORT_MEMORY_DISK_H
#define DB_TESTS_SUPPORT_MEMORY_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/journal/disk.h"
#include "engine/journal/journal.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/segments.h"

enum {
	MEMORY_SEGMENTS_MAX = 64,
	MEMORY_WRITES_MAX = 256,
	MEMORY_FD_FIRST = 1000, /* fd of segment 0 */
};

struct memory_write {
	uint64_t token;
	uint64_t offset;
	const void *buffer;
	uint32_t bytes;
	int fd;
};

struct memory_disk {
	struct disk disk;                              /* for journal_options */
	struct segment_source segments;                /* for journal_options */
	struct memory_write writes[MEMORY_WRITES_MAX]; /* queued, oldest first */
	unsigned write_cnt;
	int segment_error; /* why no further segment can be made; 0: it can */
	int write_error;   /* what the next disk->write returns instead of queueing */
	uint8_t *data[MEMORY_SEGMENTS_MAX];
	uint64_t ready_cnt; /* segments that exist */
	uint64_t segment_bytes;
	uint64_t journal_id;
	uint16_t lane;
	unsigned done_cnt; /* files given back */
};

/* ready_cnt segments are there, empty. */
struct memory_disk *memory_disk_open(uint64_t journal_id, uint16_t lane, uint64_t segment_bytes,
				     uint64_t ready_cnt);
void memory_disk_close(struct memory_disk *disk);

/* One more segment becomes ready. */
void memory_disk_add_segment(struct memory_disk *disk);

/* Does the idx-th waiting write and reports it to the journal. */
void memory_disk_complete(struct memory_disk *disk, unsigned idx, struct journal *journal);

/* The idx-th waiting write ends with this result; the first `bytes` of it reach the disk. */
void memory_disk_end(struct memory_disk *disk, unsigned idx, struct journal *journal,
		     uint32_t bytes, int64_t result);

/* Completes all that waits, oldest first. */
void memory_disk_complete_all(struct memory_disk *disk, struct journal *journal);

/* Files over the same memory, for the reader; many may be open. */
struct lane_files *memory_disk_files(struct memory_disk *disk);

/* A journal on it, with buffers of its own that live as long as the process. */
struct journal *memory_disk_journal(struct memory_disk *disk, const struct lane_tail *tail);

/* The tail of an empty lane. */
struct lane_tail empty_tail(void);

/* Appends cnt records whose content follows from their LSN; CHECKs that there is room. */
void append_records(struct journal *journal, uint32_t cnt);
bool is_appended_record(const struct record *record, uint64_t lsn);

#endif
