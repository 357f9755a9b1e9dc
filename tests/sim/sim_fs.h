/*
 * sim_fs: the file system of a simulated machine, in memory: a directory a lane, files in it, open
 * files with their locks, and the parts of all this that survive a power cut. Driven by a seed.
 * sim_calls.c lets the engine's own code work on it, call by call; sim_disk.c is its io_uring.
 *
 * A file has two images: `data` is what a read gives, `stable` what a power cut leaves. A sector is
 * dirty until it is synced; after a failed sync it is neither dirty nor stable: no later sync saves
 * it. Names change in order: a power cut leaves a directory as it was after some of its changes, at
 * least those before its last sync (as the journals of ext4 and XFS do).
 */
#ifndef DB_TESTS_SIM_SIM_FS_H
#define DB_TESTS_SIM_SIM_FS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/random.h"
#include "tests/sim/tally.h"

enum {
	SIM_LANES_MAX = 4,
	SIM_NAME_BYTES = 32,
	SIM_OPENS_MAX = 256,
	SIM_FD_FIRST = 100000,
	SECTOR_BYTES = 512,
	/* Turns that a full disk stays full. */
	FULL_TURNS_MAX = 40,
};

#define SIM_ROOT "/sim"

/* Per mille, of writes, calls and turns. */
struct sim_faults {
	/* Of the journal's writes. */
	unsigned eio;
	unsigned eio_at_once;
	unsigned short_write;
	unsigned slow; /* of reaps that give nothing */
	unsigned stall;
	unsigned never;
	unsigned queue_full;
	/* Faults that a journal cannot survive. */
	unsigned misdirect;
	unsigned lose;
	/* Of calls on files. */
	unsigned read_eio;
	unsigned file_eio; /* writing, syncing, renaming, removing */
	unsigned no_space;
	/* Of turns. */
	unsigned late_segment;
	unsigned tx_full; /* of replies that can't be sent */
};

/* The processes that work on the disk. A process's memory ends with it. */
enum sim_role {
	ROLE_ENGINE,
	ROLE_FOLLOWER,
	ROLE_PRUNE,
};

struct sim_process {
	enum sim_role role;
	unsigned crash_in_steps; /* calls from now on; 0: no crash is due */
	bool crash_in_changes;   /* only calls that change something count */
	bool dead;               /* the crash came: no call does anything any more */
};

struct sim_open;

struct sim_file {
	uint8_t *data;
	uint8_t *stable;
	uint8_t *dirty; /* a byte a sector */
	uint64_t size;
	uint64_t stable_size;
	uint64_t room;
	const struct sim_open *locked_by;
	struct sim_file *next;
	bool marked;
};

struct sim_name {
	char text[SIM_NAME_BYTES];
	struct sim_file *file; /* NULL in a change: the name is gone */
};

/* Of names, at once: one, or both of a rename. */
struct sim_change {
	struct sim_name names[2];
	unsigned cnt;
};

struct sim_names {
	struct sim_name *all;
	unsigned cnt;
	unsigned room;
};

struct sim_dir {
	struct sim_names names;
	struct sim_names stable;
	struct sim_change *changes; /* since the last sync */
	unsigned change_cnt;
	unsigned change_room;
	const struct sim_open *locked_by;
};

/* An open file or directory. Its lock lasts until it is closed and no write to it is in flight. */
struct sim_open {
	struct sim_file *file; /* or NULL: the directory itself */
	struct sim_dir *dir;
	struct sim_process *process; /* NULL: closed */
	unsigned writes;             /* in flight */
};

struct sim_fs {
	struct sim_random *random;
	struct tally *tally;
	struct sim_faults faults;
	struct sim_dir dirs[SIM_LANES_MAX];
	unsigned dir_cnt;
	struct sim_file *files;
	struct sim_open opens[SIM_OPENS_MAX];
	struct sim_process *engine; /* of the calls outside of tasks */
	uint64_t mono_ns;
	unsigned full_turns;  /* that the disk stays full */
	bool full_in_writing; /* a full disk doesn't show before a write needs room */

	/* The engine calls outside of its thread; somebody waits; and the prune removes a segment,
	 * which is still there. */
	void (*on_call)(void *context);
	void (*on_sleep)(void *context);
	void (*on_prune)(void *context, unsigned lane, uint64_t segment, struct sim_file *file);
	void *context;
};

void sim_fs_open(struct sim_fs *fs, struct sim_random *random, struct tally *tally, unsigned lanes);
void sim_fs_close(struct sim_fs *fs);

/* The file of a name of a lane's directory, NULL if there is none. */
struct sim_file *sim_fs_find(const struct sim_dir *dir, const char *name);

/* A new and empty file, without a name. */
struct sim_file *sim_fs_new_file(struct sim_fs *fs);

/* Changes names, now; on the disk when the directory was synced. */
void sim_fs_change(struct sim_dir *dir, const struct sim_change *change);
void sim_fs_sync_dir(struct sim_fs *fs, struct sim_dir *dir, bool whole);

/* Makes a file at least this long, with zeros. */
void sim_file_extend(struct sim_file *file, uint64_t size);

/* Bytes within a file, whole sectors; stable: a power cut leaves them. */
void sim_file_put(struct sim_file *file, const void *bytes, uint64_t cnt, uint64_t offset,
		  bool stable);

/* A sync that failed: some sectors are saved, and the rest can't be saved any more. */
void sim_file_sync(struct sim_fs *fs, struct sim_file *file, bool whole);

/* All of it would be there after a power cut, under this name. */
bool sim_file_is_safe(const struct sim_dir *dir, const char *name);

/* NULL: as many are open as there may be. */
struct sim_open *sim_fs_open_file(struct sim_fs *fs, struct sim_process *process,
				  struct sim_dir *dir, struct sim_file *file);
int sim_fs_fd(const struct sim_fs *fs, const struct sim_open *open);

/* The process or a write leaves an open file; the last one frees it and its lock. */
void sim_fs_leave(struct sim_open *open);

/* A process ends, and what it had open. The next one may have the same struct. */
void sim_fs_kill(struct sim_fs *fs, const struct sim_process *process);

/* A power cut: what was only in caches is kept or lost. No file may be open. */
void sim_fs_power_cut(struct sim_fs *fs);

/* Whether there is room for more; if not, counts it as `row`. */
bool sim_fs_has_space(struct sim_fs *fs, enum tally_row row);

#endif
