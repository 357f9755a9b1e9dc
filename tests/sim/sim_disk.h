/*
 * sim_disk: the io_uring of a simulated machine: the writes of one engine's lanes to the files of
 * sim_fs. What a crash-consistent disk may do it does, as often as the faults say: it tears, drops
 * and reorders what was not complete at a crash, fails, ends short and stalls. And, if told so,
 * what no journal can stand: it loses or misdirects a write that it reports done.
 */
#ifndef DB_TESTS_SIM_SIM_DISK_H
#define DB_TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/journal/disk.h"
#include "engine/journal/format.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_fs.h"
#include "tests/sim/tally.h"

enum {
	SIM_WRITES_MAX = 64,
};

struct sim_write {
	uint64_t token;
	uint64_t offset;
	struct sim_open *open;
	const void *buffer;
	uint8_t *copy;
	uint64_t not_before; /* in reaps; UINT64_MAX: never */
	uint32_t bytes;
	uint16_t lane;
	bool submitted;
	bool orphan; /* its engine was killed */
};

/* Told of every block when it is written, and of every one that is down and reported so. */
typedef void sim_block_fn(void *context, const struct block_header *block, bool down);

struct sim_disk {
	struct disk disk; /* for journal_options */
	struct sim_fs *fs;
	struct sim_process *process; /* whose writes they are */
	struct sim_random *random;
	struct tally *tally;
	sim_block_fn *on_block;
	void *context;

	struct sim_write writes[SIM_WRITES_MAX]; /* oldest first */
	unsigned write_cnt;
	uint64_t reaps;

	unsigned crash_in_writes;     /* completions from now on; 0: none is due */
	bool rotten;                  /* a write was lost or misdirected */
	bool broken[SIM_LANES_MAX];   /* every write of the lane fails */
	uint64_t sick[SIM_LANES_MAX]; /* writes of a lane until it breaks; 0: none */
};

void sim_disk_open(struct sim_disk *disk, struct sim_fs *fs, struct sim_process *process);
void sim_disk_close(struct sim_disk *disk);

/* Writes that a killed engine left come whenever they like: at a turn, or when recovery waits. */
void sim_disk_tick(struct sim_disk *disk);
void sim_disk_waited_for(struct sim_disk *disk);

/* The engine ends. A power cut settles what is on its way, whole, in part or not at all; after a
 * kill the kernel still ends it, sometime. */
void sim_disk_power_cut(struct sim_disk *disk);
void sim_disk_kill(struct sim_disk *disk);

#endif
