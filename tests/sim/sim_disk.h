/*
 * sim_disk: a disk, the segments of one lane and the files recovery reads, all of it driven by a
 * seed. What a crash-consistent disk may do it does, as often as `faults` say: it tears, drops and
 * reorders what was not complete at a crash, fails, ends short, stalls, has no room, and keeps in
 * its cache what nobody synced. And, if told so, what no journal can stand: it loses or misdirects
 * a write that it reports done.
 *
 * Two images: `data` is what a read gives, `stable` is what a power cut leaves.
 */
#ifndef DB_TESTS_SIM_SIM_DISK_H
#define DB_TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/disk.h"
#include "engine/journal_format.h"
#include "engine/lane_files.h"
#include "engine/segments.h"
#include "tests/sim/random.h"
#include "tests/sim/tally.h"
#include "tests/support/lane_rule.h"

enum {
	SIM_SEGMENTS_MAX = 1024,
	SIM_WRITES_MAX = 64,
	SIM_FD_FIRST = 1000, /* fd of segment 0 */
};

/* Per mille, of writes and of turns. */
struct sim_faults {
	unsigned eio;
	unsigned eio_at_once;
	unsigned short_write;
	unsigned slow; /* of reaps that give nothing */
	unsigned stall;
	unsigned never;
	unsigned queue_full;
	unsigned no_space;
	unsigned late_segment;
	unsigned read_eio;
	unsigned cut_eio;
	/* Beyond what a journal can stand. */
	unsigned misdirect;
	unsigned lose;
};

struct sim_segment {
	uint8_t *data;
	uint8_t *stable;
	bool cached; /* data is not all stable */
};

struct sim_write {
	uint64_t token;
	uint64_t offset;
	uint64_t segment;
	const void *buffer;
	uint8_t *copy;
	uint64_t not_before; /* in reaps; UINT64_MAX: never */
	uint32_t bytes;
	bool submitted;
	bool orphan; /* its engine was killed */
};

/* Told of every block when it is written, and of every one that is down and reported so. */
typedef void sim_block_fn(void *context, const struct block_header *block, bool down);

struct sim_disk {
	struct disk disk;               /* for journal_options */
	struct segment_source segments; /* for journal_options */
	struct sim_faults faults;
	struct sim_random *random;
	struct tally *tally;
	sim_block_fn *on_block;
	void *context;

	struct sim_segment files[SIM_SEGMENTS_MAX];
	uint64_t segment_cnt;
	uint64_t segment_bytes;
	uint64_t journal_id;
	uint16_t lane;

	struct sim_write writes[SIM_WRITES_MAX]; /* oldest first */
	unsigned write_cnt;
	uint64_t reaps;

	uint64_t taken;          /* segments below are the writer's */
	uint64_t ready;          /* segments below are ready to be taken */
	int segment_error;       /* why the next one can't be made */
	unsigned no_space_turns; /* that this lasts */

	/* The crash: after so many completions, or steps of recovery; 0: none is due. */
	unsigned crash_in_writes;
	unsigned crash_in_steps;
	bool dead;   /* the crash came: nothing is done any more */
	bool rotten; /* a write was lost or misdirected */
};

void sim_disk_open(struct sim_disk *disk, struct sim_random *random, struct tally *tally,
		   uint64_t journal_id, uint16_t lane, uint64_t segment_bytes);
void sim_disk_close(struct sim_disk *disk);

/* As segment_source_open: segment `first` is ready, or -ENOSPC. */
int sim_disk_start(struct sim_disk *disk, uint64_t first);

/* The preparer's work between two turns. */
void sim_disk_tick(struct sim_disk *disk);

/* The engine ends. A power cut settles what is on its way, whole, in part or not at all, and what
 * was only in the cache; after a kill the kernel still ends it, sometime before it is settled. */
void sim_disk_power_cut(struct sim_disk *disk);
void sim_disk_kill(struct sim_disk *disk);

/* The files, for recovery; many may be open. */
struct lane_files *sim_disk_files(struct sim_disk *disk);

/* What reads would give. segments: room for SIM_SEGMENTS_MAX. */
struct rule_lane sim_disk_image(const struct sim_disk *disk, struct rule_segment *segments);

/* For sim_files.c. */
void sim_disk_settle(struct sim_disk *disk, uint64_t segment);
void sim_disk_sync(struct sim_disk *disk, uint64_t segment);

#endif
