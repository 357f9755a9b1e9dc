#include "tools/replay/capture_list.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int add_path(struct capture_list *list, const char *path, struct error *error)
{
	char *copy = strdup(path);

	if (copy != NULL && list->cnt == list->room) {
		const uint32_t room = list->room == 0 ? 16 : list->room * 2;
		char **paths = realloc(list->paths, room * sizeof(*paths));

		if (paths == NULL) {
			free(copy);
			copy = NULL;
		} else {
			list->paths = paths;
			list->room = room;
		}
	}
	if (copy == NULL)
		return error_say(error, -ENOMEM, "%s: no memory to remember it", path);
	list->paths[list->cnt++] = copy;
	return 0;
}

/* All files of a directory that are not hidden. */
static int add_directory(struct capture_list *list, const char *path, struct error *error)
{
	const uint32_t before = list->cnt;
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[PATH_MAX];
	struct stat info;
	int rc = 0;

	if (directory == NULL)
		return error_say(error, -errno, "%s: %s", path, strerror(errno));
	while (rc == 0 && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
			continue;
		if (stat(name, &info) == 0 && S_ISREG(info.st_mode))
			rc = add_path(list, name, error);
	}
	closedir(directory);
	if (rc == 0 && list->cnt == before)
		return error_say(error, -ENOENT, "%s: a directory without files", path);
	return rc;
}

/* The files that a pattern names; *cnt: how many. */
static int add_pattern(struct capture_list *list, const char *pattern, size_t *cnt,
		       struct error *error)
{
	glob_t found = {0};
	int rc = glob(pattern, 0, NULL, &found);

	*cnt = rc == 0 ? found.gl_pathc : 0;
	rc = rc == GLOB_NOSPACE ? error_say(error, -ENOMEM, "%s: no memory", pattern) : 0;
	for (size_t i = 0; i < *cnt && rc == 0; i++)
		rc = add_path(list, found.gl_pathv[i], error);
	globfree(&found);
	return rc;
}

/* A rotation's files have other names than the one it was given. */
static int refuse_missing(const char *path, struct error *error)
{
	char pattern[PATH_MAX];
	glob_t found = {0};

	if (snprintf(pattern, sizeof(pattern), "%s?*[0-9]", path) < (int)sizeof(pattern) &&
	    glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0)
		error_set(error, "%s: no such file, but %s%s; '%s?*' in quotes names them all",
			  path, found.gl_pathv[0],
			  found.gl_pathc > 1 ? " and others are there" : " is there", path);
	else
		error_set(error, "%s: %s", path, strerror(ENOENT));
	globfree(&found);
	return -ENOENT;
}

int capture_list_add(struct capture_list *list, const char *argument, struct error *error)
{
	struct stat info;
	size_t cnt = 0;
	int rc;

	if (strcmp(argument, "-") == 0)
		return add_path(list, argument, error);
	if (stat(argument, &info) == 0)
		return S_ISDIR(info.st_mode) ? add_directory(list, argument, error)
					     : add_path(list, argument, error);
	if (errno != ENOENT)
		return error_say(error, -errno, "%s: %s", argument, strerror(errno));
	if (strpbrk(argument, "*?[") == NULL)
		return refuse_missing(argument, error);
	rc = add_pattern(list, argument, &cnt, error);
	if (rc == 0 && cnt == 0)
		return error_say(error, -ENOENT, "%s: no file has such a name", argument);
	return rc;
}

struct identity {
	dev_t device;
	ino_t inode;
	const char *path;
};

static int compare_identities(const void *one, const void *other)
{
	const struct identity *a = one;
	const struct identity *b = other;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

int capture_list_check(const struct capture_list *list, struct error *error)
{
	struct identity *files = calloc(list->cnt + 1, sizeof(*files));
	struct stat info;
	uint32_t cnt = 0;
	int rc = 0;

	if (files == NULL)
		return error_say(error, -ENOMEM, "no memory for the names of the captures");
	for (uint32_t i = 0; i < list->cnt && rc == 0; i++) {
		if (strcmp(list->paths[i], "-") == 0 && list->cnt > 1)
			rc = error_say(error, -EINVAL,
				       "-: stdin can be read alone only, not beside other "
				       "captures");
		else if (stat(list->paths[i], &info) == 0 && S_ISREG(info.st_mode))
			files[cnt++] = (struct identity){info.st_dev, info.st_ino, list->paths[i]};
	}
	qsort(files, cnt, sizeof(*files), compare_identities);
	for (uint32_t i = 1; i < cnt && rc == 0; i++) {
		if (compare_identities(&files[i - 1], &files[i]) == 0)
			rc = error_say(error, -EINVAL,
				       "%s and %s are one file: its packets would count twice; "
				       "name it once",
				       files[i - 1].path, files[i].path);
	}
	free(files);
	return rc;
}

void capture_list_free(struct capture_list *list)
{
	for (uint32_t i = 0; i < list->cnt; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct capture_list){0};
}
