#include "tests/sim/sim_fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

void sim_fs_open(struct sim_fs *fs, struct sim_random *random, struct tally *tally, unsigned lanes)
{
	CHECK(lanes <= SIM_LANES_MAX);
	*fs = (struct sim_fs){
		.random = random,
		.tally = tally,
		.dir_cnt = lanes,
		.mono_ns = 1 + random_below(random, UINT64_C(1000000000000)),
	};
}

static void free_file(struct sim_file *file)
{
	free(file->data);
	free(file->stable);
	free(file->dirty);
	free(file);
}

void sim_fs_close(struct sim_fs *fs)
{
	for (unsigned i = 0; i < fs->dir_cnt; i++) {
		free(fs->dirs[i].names.all);
		free(fs->dirs[i].stable.all);
		free(fs->dirs[i].changes);
	}
	while (fs->files != NULL) {
		struct sim_file *file = fs->files;

		fs->files = file->next;
		free_file(file);
	}
}

static unsigned name_idx(const struct sim_names *names, const char *text)
{
	for (unsigned i = 0; i < names->cnt; i++) {
		if (strcmp(names->all[i].text, text) == 0)
			return i;
	}
	return names->cnt;
}

struct sim_file *sim_fs_find(const struct sim_dir *dir, const char *name)
{
	const unsigned idx = name_idx(&dir->names, name);

	return idx < dir->names.cnt ? dir->names.all[idx].file : NULL;
}

struct sim_file *sim_fs_new_file(struct sim_fs *fs)
{
	struct sim_file *file = calloc(1, sizeof(*file));

	CHECK(file != NULL);
	file->next = fs->files;
	fs->files = file;
	return file;
}

static void apply(struct sim_names *names, const struct sim_change *change)
{
	for (unsigned i = 0; i < change->cnt; i++) {
		const struct sim_name *name = &change->names[i];
		const unsigned idx = name_idx(names, name->text);

		if (name->file == NULL) {
			if (idx < names->cnt)
				names->all[idx] = names->all[--names->cnt];
			continue;
		}
		if (idx == names->room) {
			names->room = names->room == 0 ? 16 : 2 * names->room;
			names->all = reallocarray(names->all, names->room, sizeof(*names->all));
			CHECK(names->all != NULL);
		}
		names->all[idx] = *name;
		names->cnt += idx == names->cnt;
	}
}

void sim_fs_change(struct sim_dir *dir, const struct sim_change *change)
{
	apply(&dir->names, change);
	if (dir->change_cnt == dir->change_room) {
		dir->change_room = dir->change_room == 0 ? 16 : 2 * dir->change_room;
		dir->changes = reallocarray(dir->changes, dir->change_room, sizeof(*dir->changes));
		CHECK(dir->changes != NULL);
	}
	dir->changes[dir->change_cnt++] = *change;
}

/* Puts the first cnt changes on the disk. */
static void settle_changes(struct sim_dir *dir, unsigned cnt)
{
	if (cnt == 0)
		return;
	for (unsigned i = 0; i < cnt; i++)
		apply(&dir->stable, &dir->changes[i]);
	dir->change_cnt -= cnt;
	memmove(dir->changes, dir->changes + cnt, dir->change_cnt * sizeof(dir->changes[0]));
}

/* Frees files that have no name and are not open. */
static void sweep(struct sim_fs *fs)
{
	struct sim_file **at = &fs->files;

	for (struct sim_file *file = fs->files; file != NULL; file = file->next)
		file->marked = false;
	for (unsigned i = 0; i < fs->dir_cnt; i++) {
		const struct sim_dir *dir = &fs->dirs[i];

		for (unsigned j = 0; j < dir->names.cnt; j++)
			dir->names.all[j].file->marked = true;
		for (unsigned j = 0; j < dir->stable.cnt; j++)
			dir->stable.all[j].file->marked = true;
		for (unsigned j = 0; j < dir->change_cnt; j++) {
			for (unsigned k = 0; k < dir->changes[j].cnt; k++) {
				if (dir->changes[j].names[k].file != NULL)
					dir->changes[j].names[k].file->marked = true;
			}
		}
	}
	for (unsigned i = 0; i < SIM_OPENS_MAX; i++) {
		if (fs->opens[i].file != NULL)
			fs->opens[i].file->marked = true;
	}
	while (*at != NULL) {
		struct sim_file *file = *at;

		if (file->marked) {
			at = &file->next;
			continue;
		}
		*at = file->next;
		free_file(file);
	}
}

void sim_fs_sync_dir(struct sim_fs *fs, struct sim_dir *dir, bool whole)
{
	settle_changes(dir, whole ? dir->change_cnt
				  : (unsigned)random_below(fs->random, dir->change_cnt + 1));
}

void sim_file_extend(struct sim_file *file, uint64_t size)
{
	if (size > file->room) {
		const uint64_t twice = 2 * file->room;
		const uint64_t sectors =
			((size > twice ? size : twice) + SECTOR_BYTES - 1) / SECTOR_BYTES;
		const uint64_t old_sectors = file->room / SECTOR_BYTES;

		file->data = realloc(file->data, sectors * SECTOR_BYTES);
		file->stable = realloc(file->stable, sectors * SECTOR_BYTES);
		file->dirty = realloc(file->dirty, sectors);
		CHECK(file->data != NULL && file->stable != NULL && file->dirty != NULL);
		memset(file->data + file->room, 0, (sectors - old_sectors) * SECTOR_BYTES);
		memset(file->stable + file->room, 0, (sectors - old_sectors) * SECTOR_BYTES);
		memset(file->dirty + old_sectors, 0, sectors - old_sectors);
		file->room = sectors * SECTOR_BYTES;
	}
	if (size > file->size)
		file->size = size;
}

void sim_file_put(struct sim_file *file, const void *bytes, uint64_t cnt, uint64_t offset,
		  bool stable)
{
	if (cnt == 0)
		return;
	CHECK(offset + cnt <= file->size);
	memcpy(file->data + offset, bytes, cnt);
	if (stable)
		memcpy(file->stable + offset, bytes, cnt);
	else
		memset(file->dirty + offset / SECTOR_BYTES, 1,
		       (offset + cnt + SECTOR_BYTES - 1) / SECTOR_BYTES - offset / SECTOR_BYTES);
}

void sim_file_sync(struct sim_fs *fs, struct sim_file *file, bool whole)
{
	for (uint64_t i = 0; i < file->room / SECTOR_BYTES; i++) {
		if (file->dirty[i] == 0)
			continue;
		file->dirty[i] = 0;
		if (whole || random_chance(fs->random, 500))
			memcpy(file->stable + i * SECTOR_BYTES, file->data + i * SECTOR_BYTES,
			       SECTOR_BYTES);
	}
	if (whole || random_chance(fs->random, 500))
		file->stable_size = file->size;
}

bool sim_file_is_safe(const struct sim_dir *dir, const char *name)
{
	const struct sim_file *file = sim_fs_find(dir, name);
	const unsigned idx = name_idx(&dir->stable, name);

	return file != NULL && idx < dir->stable.cnt && dir->stable.all[idx].file == file &&
	       file->size == file->stable_size && memcmp(file->data, file->stable, file->size) == 0;
}

struct sim_open *sim_fs_open_file(struct sim_fs *fs, struct sim_process *process,
				  struct sim_dir *dir, struct sim_file *file)
{
	for (unsigned i = 0; i < SIM_OPENS_MAX; i++) {
		struct sim_open *open = &fs->opens[i];

		if (open->process != NULL || open->writes > 0)
			continue;
		*open = (struct sim_open){.file = file, .dir = dir, .process = process};
		return open;
	}
	return NULL;
}

int sim_fs_fd(const struct sim_fs *fs, const struct sim_open *open)
{
	return SIM_FD_FIRST + (int)(open - fs->opens);
}

void sim_fs_leave(struct sim_open *open)
{
	if (open->process != NULL || open->writes > 0)
		return;
	if (open->file != NULL && open->file->locked_by == open)
		open->file->locked_by = NULL;
	if (open->file == NULL && open->dir != NULL && open->dir->locked_by == open)
		open->dir->locked_by = NULL;
	*open = (struct sim_open){0};
}

void sim_fs_kill(struct sim_fs *fs, const struct sim_process *process)
{
	for (unsigned i = 0; i < SIM_OPENS_MAX; i++) {
		if (fs->opens[i].process != process)
			continue;
		fs->opens[i].process = NULL;
		sim_fs_leave(&fs->opens[i]);
	}
	sweep(fs);
}

/* Each sector that was only in the cache is kept or lost. */
static void lose_cache(struct sim_fs *fs, struct sim_file *file)
{
	for (uint64_t i = 0; i < file->room / SECTOR_BYTES; i++) {
		uint8_t *data = file->data + i * SECTOR_BYTES;
		uint8_t *stable = file->stable + i * SECTOR_BYTES;
		const bool kept = file->dirty[i] != 0 && random_chance(fs->random, 500);

		file->dirty[i] = 0;
		if (kept) {
			memcpy(stable, data, SECTOR_BYTES);
		} else if (memcmp(data, stable, SECTOR_BYTES) != 0) {
			memcpy(data, stable, SECTOR_BYTES);
			fs->tally->cnt[TALLY_CACHE_LOST]++;
		}
	}
	if (file->size != file->stable_size) {
		if (random_chance(fs->random, 500))
			file->stable_size = file->size;
		file->size = file->stable_size;
		if (file->room == 0)
			return;
		/* What grows again begins with zeros. */
		memset(file->data + file->size, 0, file->room - file->size);
		memset(file->stable + file->size, 0, file->room - file->size);
	}
}

void sim_fs_power_cut(struct sim_fs *fs)
{
	for (unsigned i = 0; i < SIM_OPENS_MAX; i++)
		CHECK(fs->opens[i].process == NULL && fs->opens[i].writes == 0);
	for (struct sim_file *file = fs->files; file != NULL; file = file->next)
		lose_cache(fs, file);
	for (unsigned i = 0; i < fs->dir_cnt; i++) {
		struct sim_dir *dir = &fs->dirs[i];
		const unsigned kept = (unsigned)random_below(fs->random, dir->change_cnt + 1);

		fs->tally->cnt[TALLY_NAME_LOST] += dir->change_cnt - kept;
		settle_changes(dir, kept);
		dir->change_cnt = 0;
		dir->names.cnt = 0;
		for (unsigned j = 0; j < dir->stable.cnt; j++)
			apply(&dir->names,
			      &(struct sim_change){.names = {dir->stable.all[j]}, .cnt = 1});
	}
	sweep(fs);
}

bool sim_fs_has_space(struct sim_fs *fs, enum tally_row row)
{
	if (fs->full_turns == 0 && random_chance(fs->random, fs->faults.no_space))
		fs->full_turns = 1 + (unsigned)random_below(fs->random, FULL_TURNS_MAX);
	fs->tally->cnt[row] += fs->full_turns > 0;
	return fs->full_turns == 0;
}
