/*
 * sim_disk: the io_uring of a simulated machine: the writes of one engine's lanes to the files of
 * sim_fs. It does all that a crash-consistent disk may do, as often as the faults say: it tears,
 * drops and reorders writes that were not complete at a crash, and it fails, ends short and stalls.
 * If asked to, it also does what no journal can survive: it loses or misdirects a write that it
 * reports done.
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

/* Called for every block when it is written, and when it is on disk and reported so. */
typedef void sim_block_fn(void *context, const struct block_header *block, bool down);

struct sim_disk;

/* The ring of one worker, that does the writes of its lanes. */
struct sim_ring {
	struct disk disk; /* for journal_options, and for its turn */
	struct sim_disk *of;
	uint16_t worker;
};

struct sim_disk {
	struct sim_ring rings[SIM_LANES_MAX];
	uint16_t worker_cnt; /* lane i is worker i % worker_cnt's */
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

void sim_disk_open(struct sim_disk *disk, struct sim_fs *fs, struct sim_process *process,
		   uint16_t worker_cnt);
void sim_disk_close(struct sim_disk *disk);

/* Writes that a killed engine left may arrive at any turn, or when recovery waits. */
void sim_disk_tick(struct sim_disk *disk);
void sim_disk_waited_for(struct sim_disk *disk);

/* The engine ends. A power cut settles writes in flight: whole, in part or not at all. After a kill
 * the kernel still ends them, at some time. */
void sim_disk_power_cut(struct sim_disk *disk);
void sim_disk_kill(struct sim_disk *disk);

#endif
