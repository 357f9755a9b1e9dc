#include "tools/replay/capture_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/check.h"
#include "tools/replay/member.h"

enum {
	/* Interfaces that are captured side by side, and some files whose ends overlap. */
	OPEN_MAX = 64,
};

struct file {
	const char *path;
	uint64_t first_ns; /* 0: it has no instant */
};

struct capture_set {
	struct capture_source source;
	bool (*over)(void);
	_Atomic uint64_t done_bytes;
	uint64_t total_bytes; /* 0: unknown */
	uint32_t file_cnt;    /* that are not empty */
	uint32_t next;        /* of the files: not opened yet */
	uint32_t late_end;    /* files before it that are late are counted */
	uint32_t open_cnt;
	int link_type;
	bool begun;
	struct member *last; /* whose head was given; NULL: none */
	const char *last_path;
	uint64_t last_number;
	struct capture_notes notes; /* of files that are closed */
	struct error damage;        /* of the first file that has any */
	struct member open[OPEN_MAX];
	struct file files[];
};

static bool is_single(const struct capture_set *set)
{
	return set->source.cnt == 1;
}

/* Which comes first, by instant; then by name, numbers in it as numbers. */
static int compare_files(const void *one, const void *other)
{
	const struct file *a = one;
	const struct file *b = other;

	if (a->first_ns != b->first_ns)
		return a->first_ns < b->first_ns ? -1 : 1;
	return strverscmp(a->path, b->path);
}

static int begin(struct capture_set *set, struct member *member, const char *path,
		 struct error *error)
{
	struct capture_file *file = NULL;
	int rc = capture_file_open(&file, path, &set->source.options, error);

	if (rc != 0)
		return rc;
	if (set->over != NULL)
		capture_file_end_when(file, set->over);
	rc = member_begin(member, file, set->source.max_gap_ns);
	return rc == 0 ? 0 : error_say(error, rc, "%s: no memory to read it", path);
}

static void add_damage(struct capture_set *set, const char *path, uint64_t packets, const char *why)
{
	set->notes.damaged++;
	if (error_is_set(&set->damage))
		return;
	if (is_single(set))
		error_set(&set->damage, "ends after packet %" PRIu64 ": %s", packets, why);
	else
		error_set(&set->damage, "%s ends after its packet %" PRIu64 ": %s", path, packets,
			  why);
}

/* Finds the instant of a file's first packet that has a good one. 1; 0: the file is empty, as a
 * rotation's last one may be; or -errno. */
static int look_into(struct capture_set *set, struct file *file, struct error *error)
{
	struct member member = {0};
	struct stat info = {0};
	int rc;

	if (stat(file->path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0) {
		add_damage(set, file->path, 0, "it is empty");
		return 0;
	}
	rc = begin(set, &member, file->path, error);
	set->total_bytes += (uint64_t)info.st_size;
	while (rc == 0 && member.has_head && file->first_ns == 0) {
		if (member.head.timeless)
			break;
		file->first_ns = member_due_ns(&member);
		member_advance(&member);
	}
	member_close(&member);
	return rc == 0 ? 1 : rc;
}

static void report_bytes(struct capture_set *set, struct member *member)
{
	uint64_t done_bytes;
	uint64_t total_bytes;

	capture_file_progress(member->file, &done_bytes, &total_bytes);
	atomic_fetch_add_explicit(&set->done_bytes, done_bytes - member->done_bytes,
				  memory_order_relaxed);
	member->done_bytes = done_bytes;
}

/* Closes an open file that has no more packets. */
static void end_member(struct capture_set *set, struct member *member)
{
	const struct member *last = &set->open[set->open_cnt - 1];

	report_bytes(set, member);
	if (member->rc < 0)
		add_damage(set, set->files[member->idx].path, member->given,
			   capture_file_damage(member->file));
	capture_file_add_notes(member->file, &set->notes);
	member_close(member);
	if (member != last)
		*member = *last;
	set->open_cnt--;
}

static void begin_single(struct capture_set *set)
{
	struct member *member = &set->open[0];

	if (member_begin(member, member->file, set->source.max_gap_ns) != 0)
		add_damage(set, set->files[0].path, 0, "no memory to read it");
	if (!member->has_head)
		end_member(set, member);
}

/* Opens the next file, which may have no packet. */
static void open_next(struct capture_set *set)
{
	struct member *member = &set->open[set->open_cnt];
	const uint32_t idx = set->next++;
	struct error error = {0};

	*member = (struct member){.idx = idx};
	set->open_cnt++;
	if (begin(set, member, set->files[idx].path, &error) == 0) {
		if (!member->has_head)
			end_member(set, member);
		return;
	}
	/* It could be read when the capture was opened. */
	add_damage(set, set->files[idx].path, 0, error.text);
	member_close(member);
	set->open_cnt--;
}

static struct member *first_of_open(struct capture_set *set)
{
	struct member *first = NULL;

	for (uint32_t i = 0; i < set->open_cnt; i++) {
		struct member *member = &set->open[i];

		if (first == NULL || member_due_ns(member) < member_due_ns(first) ||
		    (member_due_ns(member) == member_due_ns(first) && member->idx < first->idx))
			first = member;
	}
	return first;
}

/* The open file with the next packet; NULL: there is none. Opens files that begin before it. */
static struct member *find_first(struct capture_set *set)
{
	struct member *first = first_of_open(set);

	while (set->next < set->file_cnt &&
	       (first == NULL || set->files[set->next].first_ns < member_due_ns(first))) {
		if (set->open_cnt == OPEN_MAX) {
			set->notes.late += set->late_end <= set->next;
			set->late_end = set->next + 1;
			break;
		}
		open_next(set);
		first = first_of_open(set);
	}
	return first;
}

int capture_set_next(struct capture_set *set, struct packet *out)
{
	struct member *member = set->last;

	if (is_single(set) && !set->begun)
		begin_single(set);
	set->begun = true;
	if (member != NULL) {
		member_advance(member);
		if (!member->has_head)
			end_member(set, member);
		else if ((member->given & 63) == 0)
			report_bytes(set, member);
	}
	member = find_first(set);
	set->last = member;
	if (member == NULL)
		return error_is_set(&set->damage) ? -1 : 0;
	set->last_path = set->files[member->idx].path;
	set->last_number = member->given;
	*out = member->head;
	return 1;
}

/* All of several files are looked into; empty ones are left out. */
static int open_many(struct capture_set *set, struct error *error)
{
	const struct capture_source *source = &set->source;
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < source->cnt; i++) {
		struct file *file = &set->files[cnt];
		int rc;

		*file = (struct file){.path = source->paths[i]};
		rc = look_into(set, file, error);
		if (rc < 0)
			return rc;
		cnt += (uint32_t)rc;
	}
	qsort(set->files, cnt, sizeof(set->files[0]), compare_files);
	set->file_cnt = cnt;
	return 0;
}

static int open_single(struct capture_set *set, struct error *error)
{
	struct member *member = &set->open[0];
	uint64_t done_bytes;
	int rc;

	set->files[0].path = set->source.paths[0];
	set->file_cnt = 1;
	set->next = 1;
	/* Of a pipe the first packet may take a while: it is read later. */
	rc = capture_file_open(&member->file, set->files[0].path, &set->source.options, error);
	if (rc != 0)
		return rc;
	capture_file_progress(member->file, &done_bytes, &set->total_bytes);
	set->link_type = capture_file_link_type(member->file);
	set->open_cnt = 1;
	return 0;
}

int capture_set_open(struct capture_set **out, const struct capture_source *source,
		     struct error *error)
{
	struct capture_set *set = calloc(1, sizeof(*set) + source->cnt * sizeof(struct file));
	int rc;

	CHECK(source->cnt > 0);
	if (set == NULL)
		return error_say(error, -ENOMEM, "%s: no memory to read it", source->paths[0]);
	set->source = *source;
	set->link_type = -1;
	set->notes.files = source->cnt;
	rc = is_single(set) ? open_single(set, error) : open_many(set, error);
	if (rc != 0) {
		capture_set_close(set);
		return rc;
	}
	*out = set;
	return 0;
}

int capture_set_link_type(const struct capture_set *set)
{
	return set->link_type;
}

const char *capture_set_damage(const struct capture_set *set)
{
	return set->damage.text;
}

const char *capture_set_where(const struct capture_set *set, uint64_t *number)
{
	*number = set->last_number;
	return set->last_path;
}

void capture_set_notes(const struct capture_set *set, struct capture_notes *notes)
{
	*notes = set->notes;
	for (uint32_t i = 0; i < set->open_cnt; i++)
		capture_file_add_notes(set->open[i].file, notes);
}

void capture_set_end_when(struct capture_set *set, bool (*over)(void))
{
	set->over = over;
	for (uint32_t i = 0; i < set->open_cnt; i++)
		capture_file_end_when(set->open[i].file, over);
}

void capture_set_progress(const struct capture_set *set, uint64_t *done_bytes,
			  uint64_t *total_bytes)
{
	*done_bytes = atomic_load_explicit(&set->done_bytes, memory_order_relaxed);
	*total_bytes = set->total_bytes;
}

void capture_set_close(struct capture_set *set)
{
	if (set == NULL)
		return;
	for (uint32_t i = 0; i < set->open_cnt; i++)
		member_close(&set->open[i]);
	free(set);
}
