#include "alloc/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_BYTES = 8192,
};

/* Version 1 has no word for none, but half of what 64 bits hold, in whole pages. */
static const uint64_t NONE_BYTES = UINT64_C(1) << 62;

/* Files of a group, by version of the hierarchy. */
static const struct row {
	const char *controller;
	struct {
		const char *limit;
		const char *used;
		const char *idle; /* of memory.stat: what can be taken back at once; NULL: none */
	} v1, v2;
} rows[] = {
	[CGROUP_MEMORY] = {"memory",
			   {"memory.limit_in_bytes", "memory.usage_in_bytes",
			    "total_inactive_file "},
			   {"memory.max", "memory.current", "inactive_file "}},
	[CGROUP_HUGEPAGES] = {"hugetlb",
			      {"hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.usage_in_bytes", NULL},
			      {"hugetlb.2MB.max", "hugetlb.2MB.current", NULL}},
	[CGROUP_THREADS] = {"pids",
			    {"pids.max", "pids.current", NULL},
			    {"pids.max", "pids.current", NULL}},
};

/* The number after `key` in the line of a file that begins with it; `none` if there is none. */
static uint64_t number_in(const char *dir, const char *name, const char *key, uint64_t none)
{
	char path[2 * PATH_MAX];
	char line[256];
	uint64_t value = none;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *digits = line + strlen(key);

		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		if (*digits >= '0' && *digits <= '9')
			value = strtoull(digits, NULL, 10);
		break;
	}
	if (file != NULL)
		fclose(file);
	return value;
}

static uint64_t left_in(const char *dir, const struct row *row, bool v2)
{
	const char *limit_name = v2 ? row->v2.limit : row->v1.limit;
	const char *idle = v2 ? row->v2.idle : row->v1.idle;
	const uint64_t limit = number_in(dir, limit_name, "", CGROUP_NO_LIMIT);
	uint64_t used = number_in(dir, v2 ? row->v2.used : row->v1.used, "", 0);
	uint64_t cached;

	if (limit >= NONE_BYTES)
		return CGROUP_NO_LIMIT;
	if (idle != NULL) {
		cached = number_in(dir, "memory.stat", idle, 0);
		used -= cached < used ? cached : used;
	}
	return limit > used ? limit - used : 0;
}

/* Whether a list with commas between has this word. */
static bool has_word(const char *list, const char *word)
{
	const size_t bytes = strlen(word);

	for (const char *at = list; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
		if (strncmp(at, word, bytes) == 0 && (at[bytes] == ',' || at[bytes] == '\0'))
			return true;
	}
	return false;
}

/* The process's path in a hierarchy: `4:memory:/docker/1f..`, `0::/user.slice`. */
static bool path_in(const char *root, const char *controller, bool v2, char out[PATH_MAX])
{
	char line[LINE_BYTES];
	bool found = false;
	FILE *file;

	snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
	file = fopen(line, "re");
	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		char *rest = line;
		const char *id = strsep(&rest, ":");
		const char *controllers = strsep(&rest, ":");

		if (rest == NULL)
			continue;
		rest[strcspn(rest, "\n")] = '\0';
		found = v2 ? strcmp(id, "0") == 0 && controllers[0] == '\0'
			   : has_word(controllers, controller);
		if (found)
			snprintf(out, PATH_MAX, "%s", rest);
	}
	if (file != NULL)
		fclose(file);
	return found;
}

/* Looks at the group and at those above it, up to where the hierarchy is mounted. */
static uint64_t least_left(const char *root, const char *point, const char *below,
			   const struct row *row, bool v2)
{
	uint64_t least = CGROUP_NO_LIMIT;
	char dir[3 * PATH_MAX];
	size_t top;

	top = (size_t)snprintf(dir, sizeof(dir), "%s%s", root, point);
	snprintf(dir + top, sizeof(dir) - top, "%s", strcmp(below, "/") == 0 ? "" : below);
	for (;;) {
		const uint64_t left = left_in(dir, row, v2);

		least = left < least ? left : least;
		if (strlen(dir) <= top)
			return least;
		*strrchr(dir, '/') = '\0';
	}
}

/* A line of mountinfo. A container may see only a part of the hierarchy, at its mount: the path
 * that the process has in the whole of it then begins with that part. */
static uint64_t left_at_mount(const char *root, char *line, const struct row *row)
{
	char part[PATH_MAX];
	char point[PATH_MAX];
	char type[16];
	char path[PATH_MAX];
	const char *end = strstr(line, " - ");
	const char *below;
	size_t bytes;
	bool v2;

	line[strcspn(line, "\n")] = '\0';
	if (end == NULL || sscanf(line, "%*u %*u %*s %4095s %4095s", part, point) != 2 ||
	    sscanf(end, " - %15s", type) != 1)
		return CGROUP_NO_LIMIT;
	v2 = strcmp(type, "cgroup2") == 0;
	if ((!v2 && strcmp(type, "cgroup") != 0) ||
	    (!v2 && !has_word(strrchr(line, ' ') + 1, row->controller)) ||
	    !path_in(root, row->controller, v2, path))
		return CGROUP_NO_LIMIT;
	bytes = strcmp(part, "/") == 0 ? 0 : strlen(part);
	if (strncmp(path, part, bytes) == 0 && (path[bytes] == '/' || path[bytes] == '\0'))
		below = path + bytes;
	else
		below = "";
	return least_left(root, point, strstr(below, "/..") == NULL ? below : "", row, v2);
}

uint64_t cgroup_left(const char *root, enum cgroup_what what)
{
	uint64_t least = CGROUP_NO_LIMIT;
	char line[LINE_BYTES];
	FILE *file;

	snprintf(line, sizeof(line), "%s/proc/self/mountinfo", root);
	file = fopen(line, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const uint64_t left = left_at_mount(root, line, &rows[what]);

		least = left < least ? left : least;
	}
	if (file != NULL)
		fclose(file);
	return least;
}
