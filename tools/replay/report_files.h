/*
 * report_files: what a replay says about the files of its capture, besides their packets, in words
 * or as JSON.
 */
#ifndef DB_TOOLS_REPLAY_REPORT_FILES_H
#define DB_TOOLS_REPLAY_REPORT_FILES_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "tools/replay/reader.h"

void report_files(const struct reader *reader, FILE *out);
void report_files_json(const struct reader *reader, json_t *object);

/* Whether the capture holds all that it should, as --strict wants it: nothing was lost when it was
 * captured. Else it complains. */
bool files_are_whole(const struct reader *reader);

/* Whether the instants can be relied on. Else it complains. */
bool files_have_instants(const struct reader *reader);

#endif
