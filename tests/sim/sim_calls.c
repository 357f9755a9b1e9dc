#include "tests/sim/sim_calls.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "tests/sim/sim_task.h"

enum call {
	CALL_READ,
	CALL_WRITE,
	CALL_SYNC,
	CALL_DIR_SYNC,
	CALL_RENAME,
	CALL_REMOVE,
	CALL_OTHER, /* changes nothing, and never fails */
	CALL_CNT,
};

/* The result of a call. Only those in the middle can happen in part. */
enum fate {
	FATE_DONE,
	FATE_FAILS,
	FATE_CRASHES, /* its whole process ends with it */
	FATE_DEAD,    /* its process is dead */
};

enum who {
	WHO_RECOVERY, /* the engine outside of its thread for segments */
	WHO_SEGMENTS,
	WHO_FOLLOWER,
	WHO_PRUNE,
	WHO_CNT,
};

enum {
	STREAMS_MAX = 16,
	PAUSE_PER_MILLE = 150,
	FREE_BLOCKS = 1 << 30, /* on a disk that isn't full, of 4 KiB */
	NO_ROW = TALLY_CNT,
};

/* The row that is counted when the crash comes with a call. */
static const uint8_t crash_rows[WHO_CNT][CALL_CNT] = {
	[WHO_RECOVERY] = {NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW},
	[WHO_SEGMENTS] = {NO_ROW, TALLY_CRASH_SEGMENT_WRITE, TALLY_CRASH_SEGMENT_SYNC,
			  TALLY_CRASH_SEGMENT_DIR_SYNC, TALLY_CRASH_SEGMENT_RENAME, NO_ROW, NO_ROW},
	[WHO_FOLLOWER] = {TALLY_CRASH_FOLLOWER_READ, TALLY_CRASH_CHECKPOINT_WRITE,
			  TALLY_CRASH_CHECKPOINT_SYNC, TALLY_CRASH_CHECKPOINT_DIR_SYNC,
			  TALLY_CRASH_CHECKPOINT_RENAME, TALLY_CRASH_CHECKPOINT_REMOVE, NO_ROW},
	[WHO_PRUNE] = {NO_ROW, NO_ROW, NO_ROW, TALLY_CRASH_PRUNE_DIR_SYNC, NO_ROW,
		       TALLY_CRASH_PRUNE_REMOVE, NO_ROW},
};
static_assert(TALLY_CNT < UINT8_MAX, "a row fits");

/* And when it fails, by changing and by reading. */
static const enum tally_row fail_rows[WHO_CNT][2] = {
	[WHO_RECOVERY] = {TALLY_CUT_EIO, TALLY_READ_EIO},
	[WHO_SEGMENTS] = {TALLY_SEGMENT_EIO, TALLY_SEGMENT_EIO},
	[WHO_FOLLOWER] = {TALLY_CHECKPOINT_EIO, TALLY_FOLLOWER_EIO},
	[WHO_PRUNE] = {TALLY_PRUNE_EIO, TALLY_PRUNE_EIO},
};

static const enum tally_row full_rows[WHO_CNT] = {
	[WHO_RECOVERY] = TALLY_ENOSPC,
	[WHO_SEGMENTS] = TALLY_ENOSPC,
	[WHO_FOLLOWER] = TALLY_CHECKPOINT_ENOSPC,
	[WHO_PRUNE] = TALLY_CHECKPOINT_ENOSPC,
};

struct stream {
	struct sim_open *open; /* NULL: free */
	unsigned next;
	struct sim_names names;
	struct dirent entry;
};

static struct sim_fs *fs;
static struct sim_task *thread;
static struct stream streams[STREAMS_MAX];

void sim_calls_for(struct sim_fs *machine)
{
	CHECK(thread == NULL);
	fs = machine;
}

struct sim_task *sim_calls_thread(void)
{
	return thread;
}

static struct sim_process *caller(void)
{
	struct sim_process *process = sim_task_process();

	return process != NULL ? process : fs->engine;
}

static enum who who(void)
{
	switch (caller()->role) {
	case ROLE_FOLLOWER:
		return WHO_FOLLOWER;
	case ROLE_PRUNE:
		return WHO_PRUNE;
	default:
		return sim_task_process() != NULL ? WHO_SEGMENTS : WHO_RECOVERY;
	}
}

/* Every call begins here. errno is set unless it is done. */
static enum fate fate_of(enum call call)
{
	struct sim_process *process = caller();
	const unsigned per_mille = call == CALL_OTHER  ? 0
				   : call == CALL_READ ? fs->faults.read_eio
						       : fs->faults.file_eio;

	if (!process->dead && random_chance(fs->random, PAUSE_PER_MILLE)) {
		if (sim_task_process() != NULL)
			sim_task_pause();
		else
			fs->on_call(fs->context);
	}
	errno = EIO;
	if (process->dead)
		return FATE_DEAD;
	if (process->crash_in_steps > 0 &&
	    !(process->crash_in_changes && (call == CALL_READ || call == CALL_OTHER)) &&
	    --process->crash_in_steps == 0) {
		process->dead = true;
		if (crash_rows[who()][call] != NO_ROW)
			fs->tally->cnt[crash_rows[who()][call]]++;
		return FATE_CRASHES;
	}
	if (!random_chance(fs->random, per_mille))
		return FATE_DONE;
	fs->tally->cnt[fail_rows[who()][call == CALL_READ]]++;
	return FATE_FAILS;
}

/* Whether a call that is done at once had its effect, although it may have failed. */
static bool happened(enum fate fate)
{
	return fate == FATE_DONE || (fate == FATE_CRASHES && random_chance(fs->random, 500));
}

static int result_of(enum fate fate)
{
	return fate == FATE_DONE ? 0 : -1;
}

/* The directory of a path of this machine, NULL if it is none; *name: in it, "" for itself. */
static struct sim_dir *dir_of(const char *path, const char **name)
{
	unsigned lane = 0;
	int end = 0;

	if (fs == NULL || sscanf(path, SIM_ROOT "/lane-%3u%n", &lane, &end) != 1)
		return NULL;
	CHECK(lane < fs->dir_cnt && (path[end] == '/' || path[end] == '\0'));
	*name = path[end] == '/' ? path + end + 1 : "";
	return &fs->dirs[lane];
}

static struct sim_open *open_of(int fd)
{
	struct sim_open *open = &fs->opens[fd - SIM_FD_FIRST];

	/* The caller owns it, and has not closed it. */
	CHECK(fd < SIM_FD_FIRST + SIM_OPENS_MAX);
	CHECK(open->process == caller());
	return open;
}

static bool is_ours(int fd)
{
	return fs != NULL && fd >= SIM_FD_FIRST;
}

#define REAL(type, name, ...)                                                                      \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

static void set_name(struct sim_name *out, const char *text, struct sim_file *file)
{
	CHECK(strlen(text) < SIM_NAME_BYTES);
	snprintf(out->text, sizeof(out->text), "%s", text);
	out->file = file;
}

static struct sim_file *create(struct sim_dir *dir, const char *name)
{
	struct sim_change change = {.cnt = 1};

	set_name(&change.names[0], name, sim_fs_new_file(fs));
	sim_fs_change(dir, &change);
	return change.names[0].file;
}

static int open_ours(struct sim_dir *dir, struct sim_file *file)
{
	struct sim_open *open = sim_fs_open_file(fs, caller(), dir, file);

	CHECK(open != NULL);
	return sim_fs_fd(fs, open);
}

REAL(int, safe_dir_open, const char *path)
{
	const char *name;
	struct sim_dir *dir = dir_of(path, &name);

	if (dir == NULL)
		return __real_safe_dir_open(path);
	CHECK(name[0] == '\0');
	return fate_of(CALL_READ) == FATE_DONE ? open_ours(dir, NULL) : -errno;
}

REAL(int, safe_open, const char *path, int flags)
{
	const char *name;
	struct sim_dir *dir = dir_of(path, &name);
	struct sim_file *file;

	if (dir == NULL)
		return __real_safe_open(path, flags);
	if (fate_of(CALL_READ) != FATE_DONE)
		return -errno;
	file = sim_fs_find(dir, name);
	return file == NULL ? -ENOENT : open_ours(dir, file);
}

/* The writer of an old temporary file has ended: nobody needs that file. */
REAL(int, safe_make_anew, const char *path, int flags)
{
	const char *name;
	struct sim_dir *dir = dir_of(path, &name);

	if (dir == NULL)
		return __real_safe_make_anew(path, flags);
	if (fate_of(CALL_OTHER) != FATE_DONE)
		return -errno;
	return open_ours(dir, create(dir, name));
}

REAL(int, close, int fd)
{
	struct sim_open *open;

	if (!is_ours(fd))
		return __real_close(fd);
	open = open_of(fd);
	/* A segment is given back only when no write to it is in flight. */
	CHECK(open->writes == 0 || open->process->dead);
	open->process = NULL;
	sim_fs_leave(open);
	return 0;
}

REAL(int, fsync, int fd)
{
	struct sim_open *open;
	enum fate fate;

	if (!is_ours(fd))
		return __real_fsync(fd);
	open = open_of(fd);
	fate = fate_of(open->file != NULL ? CALL_SYNC : CALL_DIR_SYNC);
	if (fate == FATE_DEAD)
		return -1;
	if (open->file != NULL)
		sim_file_sync(fs, open->file, fate == FATE_DONE);
	else
		sim_fs_sync_dir(fs, open->dir, fate == FATE_DONE);
	return result_of(fate);
}

REAL(int, flock, int fd, int operation)
{
	const struct sim_open **lock;
	struct sim_open *open;

	if (!is_ours(fd))
		return __real_flock(fd, operation);
	open = open_of(fd);
	lock = open->file != NULL ? &open->file->locked_by : &open->dir->locked_by;
	if (fate_of(CALL_OTHER) != FATE_DONE)
		return -1;
	while (*lock != NULL && *lock != open) {
		if ((operation & LOCK_NB) != 0) {
			errno = EWOULDBLOCK;
			return -1;
		}
		sim_task_pause();
		if (caller()->dead)
			return -1;
	}
	*lock = open;
	return 0;
}

REAL(int, fstat, int fd, struct stat *out)
{
	if (!is_ours(fd))
		return __real_fstat(fd, out);
	if (fate_of(CALL_READ) != FATE_DONE)
		return -1;
	*out = (struct stat){.st_mode = S_IFREG, .st_size = (off_t)open_of(fd)->file->size};
	return 0;
}

/* Never fails: the callers also handle a file that was removed. */
REAL(int, stat, const char *path, struct stat *out)
{
	const char *name;
	struct sim_dir *dir = dir_of(path, &name);
	const struct sim_file *file;

	if (dir == NULL)
		return __real_stat(path, out);
	*out = (struct stat){.st_mode = S_IFDIR};
	if (name[0] == '\0')
		return 0;
	file = sim_fs_find(dir, name);
	errno = ENOENT;
	if (file == NULL)
		return -1;
	*out = (struct stat){.st_mode = S_IFREG, .st_size = (off_t)file->size};
	return 0;
}

REAL(ssize_t, pread, int fd, void *out, size_t bytes, off_t offset)
{
	const struct sim_file *file;
	uint64_t left;

	if (!is_ours(fd))
		return __real_pread(fd, out, bytes, offset);
	if (fate_of(CALL_READ) != FATE_DONE)
		return -1;
	file = open_of(fd)->file;
	left = (uint64_t)offset < file->size ? file->size - (uint64_t)offset : 0;
	if (bytes > left)
		bytes = left;
	if (bytes > 0)
		memcpy(out, file->data + offset, bytes);
	return (ssize_t)bytes;
}

/* Some sectors of a write that failed. */
static void put_some(struct sim_file *file, const uint8_t *bytes, uint64_t cnt, uint64_t offset)
{
	const uint64_t sectors = (cnt + SECTOR_BYTES - 1) / SECTOR_BYTES;

	sim_file_extend(file, offset + random_below(fs->random, sectors) * SECTOR_BYTES);
	for (uint64_t at = 0; at < cnt; at += SECTOR_BYTES) {
		const uint64_t part = cnt - at < SECTOR_BYTES ? cnt - at : SECTOR_BYTES;

		if (offset + at + part <= file->size && random_chance(fs->random, 500))
			sim_file_put(file, bytes + at, part, offset + at, false);
	}
}

REAL(ssize_t, pwrite, int fd, const void *bytes, size_t cnt, off_t offset)
{
	struct sim_file *file;
	enum fate fate;

	if (!is_ours(fd))
		return __real_pwrite(fd, bytes, cnt, offset);
	fate = fate_of(CALL_WRITE);
	if (fate == FATE_DEAD || cnt == 0)
		return result_of(fate);
	file = open_of(fd)->file;
	if (fate != FATE_DONE) {
		put_some(file, bytes, cnt, (uint64_t)offset);
		return -1;
	}
	if ((uint64_t)offset + cnt > file->size && !sim_fs_has_space(fs, full_rows[who()])) {
		errno = ENOSPC;
		return -1;
	}
	sim_file_extend(file, (uint64_t)offset + cnt);
	sim_file_put(file, bytes, cnt, (uint64_t)offset, false);
	return (ssize_t)cnt;
}

REAL(int, fallocate, int fd, int mode, off_t offset, off_t bytes)
{
	if (!is_ours(fd))
		return __real_fallocate(fd, mode, offset, bytes);
	if (fate_of(CALL_OTHER) != FATE_DONE)
		return -1;
	if (fs->full_in_writing) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (!sim_fs_has_space(fs, full_rows[who()])) {
		errno = ENOSPC;
		return -1;
	}
	sim_file_extend(open_of(fd)->file, (uint64_t)(offset + bytes));
	return 0;
}

REAL(int, safe_rename, const char *from, const char *to)
{
	struct sim_change change = {.cnt = 2};
	const char *from_name;
	const char *to_name;
	struct sim_dir *dir = dir_of(from, &from_name);
	struct sim_file *file;
	enum fate fate;

	if (dir == NULL)
		return __real_safe_rename(from, to);
	CHECK(dir_of(to, &to_name) == dir);
	fate = fate_of(CALL_RENAME);
	file = sim_fs_find(dir, from_name);
	if (fate == FATE_DONE && file == NULL)
		return -ENOENT;
	if (file != NULL && happened(fate)) {
		set_name(&change.names[0], from_name, NULL);
		set_name(&change.names[1], to_name, file);
		sim_fs_change(dir, &change);
	}
	return fate == FATE_DONE ? 0 : -EIO;
}

REAL(int, safe_unlink, const char *path)
{
	struct sim_change change = {.cnt = 1};
	const char *name;
	struct sim_dir *dir = dir_of(path, &name);
	struct sim_file *file;
	enum fate fate;

	if (dir == NULL)
		return __real_safe_unlink(path);
	fate = fate_of(CALL_REMOVE);
	file = sim_fs_find(dir, name);
	if (fate == FATE_DONE && file == NULL)
		return -ENOENT;
	if (file != NULL && happened(fate)) {
		if (caller()->role == ROLE_PRUNE && strncmp(name, "seg-", 4) == 0)
			fs->on_prune(fs->context, (unsigned)(dir - fs->dirs),
				     strtoull(name + 4, NULL, 10), file);
		set_name(&change.names[0], name, NULL);
		sim_fs_change(dir, &change);
	}
	return fate == FATE_DONE ? 0 : -EIO;
}

static struct stream *stream_of(DIR *dir)
{
	struct stream *stream = (struct stream *)dir;

	return stream >= streams && stream < streams + STREAMS_MAX ? stream : NULL;
}

REAL(DIR *, safe_opendir, const char *path)
{
	struct stream *stream = streams;
	const char *name;
	struct sim_dir *dir = dir_of(path, &name);

	if (dir == NULL)
		return __real_safe_opendir(path);
	if (fate_of(CALL_READ) != FATE_DONE)
		return NULL;
	while (stream->open != NULL)
		CHECK(++stream < streams + STREAMS_MAX);
	stream->open = sim_fs_open_file(fs, caller(), dir, NULL);
	CHECK(stream->open != NULL);
	stream->next = 0;
	/* As it is now: what changes meanwhile may be seen or not. */
	stream->names = (struct sim_names){.cnt = dir->names.cnt};
	if (dir->names.cnt > 0) {
		stream->names.all = calloc(dir->names.cnt, sizeof(*dir->names.all));
		CHECK(stream->names.all != NULL);
		memcpy(stream->names.all, dir->names.all, dir->names.cnt * sizeof(*dir->names.all));
	}
	return (DIR *)stream;
}

REAL(struct dirent *, readdir, DIR *dir)
{
	struct stream *stream = stream_of(dir);

	if (stream == NULL)
		return __real_readdir(dir);
	/* A call for many names. */
	if (stream->next % 8 == 0) {
		const int before = errno;

		if (fate_of(CALL_READ) != FATE_DONE)
			return NULL;
		errno = before;
	}
	if (stream->next == stream->names.cnt)
		return NULL;
	snprintf(stream->entry.d_name, sizeof(stream->entry.d_name), "%s",
		 stream->names.all[stream->next++].text);
	return &stream->entry;
}

REAL(int, closedir, DIR *dir)
{
	struct stream *stream = stream_of(dir);

	if (stream == NULL)
		return __real_closedir(dir);
	free(stream->names.all);
	stream->open->process = NULL;
	sim_fs_leave(stream->open);
	stream->open = NULL;
	return 0;
}

REAL(int, statvfs, const char *path, struct statvfs *out)
{
	const char *name;

	if (dir_of(path, &name) == NULL)
		return __real_statvfs(path, out);
	if (fate_of(CALL_READ) != FATE_DONE)
		return -1;
	*out = (struct statvfs){.f_frsize = 4096, .f_bavail = FREE_BLOCKS};
	if (fs->full_turns > 0 && !fs->full_in_writing) {
		fs->tally->cnt[TALLY_CHECKPOINT_ENOSPC]++;
		out->f_bavail = 16;
	}
	return 0;
}

REAL(int, posix_fadvise, int fd, off_t offset, off_t bytes, int advice)
{
	return is_ours(fd) ? 0 : __real_posix_fadvise(fd, offset, bytes, advice);
}

REAL(int, sync_file_range, int fd, off_t offset, off_t bytes, unsigned flags)
{
	return is_ours(fd) ? 0 : __real_sync_file_range(fd, offset, bytes, flags);
}

REAL(int, clock_gettime, clockid_t clock, struct timespec *out)
{
	if (fs == NULL || clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, out);
	*out = (struct timespec){(time_t)(fs->mono_ns / 1000000000),
				 (long)(fs->mono_ns % 1000000000)};
	return 0;
}

REAL(int, nanosleep, const struct timespec *time, struct timespec *left)
{
	if (fs == NULL)
		return __real_nanosleep(time, left);
	if (sim_task_process() != NULL) {
		sim_task_pause();
		return 0;
	}
	fs->mono_ns += (uint64_t)time->tv_nsec;
	fs->on_sleep(fs->context);
	return 0;
}

REAL(int, pthread_create, pthread_t *out, const pthread_attr_t *attributes, void *(*fn)(void *),
     void *argument)
{
	if (fs == NULL)
		return __real_pthread_create(out, attributes, fn, argument);
	CHECK(thread == NULL);
	thread = sim_task_open(caller(), fn, argument);
	*out = (pthread_t)thread;
	return 0;
}

REAL(int, pthread_clockjoin_np, pthread_t joined, void **result, clockid_t clock,
     const struct timespec *until)
{
	if (fs == NULL)
		return __real_pthread_clockjoin_np(joined, result, clock, until);
	CHECK(joined == (pthread_t)thread);
	sim_task_close(thread);
	thread = NULL;
	return 0;
}

REAL(int, pthread_setname_np, pthread_t named, const char *name)
{
	return fs == NULL ? __real_pthread_setname_np(named, name) : 0;
}

/* The real function would read the machine that the tests run on. */
REAL(uint64_t, arena_available_bytes, void)
{
	return fs == NULL ? __real_arena_available_bytes() : UINT64_C(1) << 40;
}
