/*
 * capture_list: the capture files that arguments name. An argument is a file, a pattern (in quotes,
 * so that a shell does not expand it into more arguments than a command may have), a directory (all
 * its files), or "-", which is stdin and stands alone. No file is named twice.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURE_LIST_H
#define DB_TOOLS_REPLAY_CAPTURE_LIST_H

#include <stdint.h>

#include "engine/base/error.h"

struct capture_list {
	char **paths;
	uint32_t cnt;
	uint32_t room;
};

/* 0 or -errno with a line in error. The caller frees the list either way. */
int capture_list_add(struct capture_list *list, const char *argument, struct error *error);

/* Called once all are there: 0, or -EINVAL if a file was named twice, or stdin beside files. */
int capture_list_check(const struct capture_list *list, struct error *error);

void capture_list_free(struct capture_list *list);

#endif
