/*
 * old_rotation: the files of an earlier rotation of the same name, PATH.00001 and so on. New ones
 * among them would make one capture of two. Cold call.
 */
#ifndef DB_TOOLS_CAPTURE_OLD_ROTATION_H
#define DB_TOOLS_CAPTURE_OLD_ROTATION_H

#include <stdbool.h>

#include "engine/base/error.h"

/* Refuses if there are any, unless force. 0 or -errno with a line in error. */
int old_rotation_check(const char *path, bool force, struct error *error);

/* The same, and with force removes them, unless a capture writes one of them. 0 or -errno with a
 * line in error. */
int old_rotation_clear(const char *path, bool force, struct error *error);

#endif
