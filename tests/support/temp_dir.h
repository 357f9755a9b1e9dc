/*
 * temp_dir: a directory on a real disk for one test. /var/tmp, because /tmp may be in memory;
 * DB_TEST_DIR overrides.
 */
#ifndef DB_TESTS_SUPPORT_TEMP_DIR_H
#define DB_TESTS_SUPPORT_TEMP_DIR_H

#include <stdbool.h>
#include <stdint.h>

/* Makes it; the path is static. */
const char *temp_dir_make(void);

/* Removes it with all that is in it. */
void temp_dir_remove(void);

/* PATH/name, static until the next call but three. */
const char *temp_path(const char *name);

bool path_exists(const char *path);

/* Overwrites (or appends) bytes of a file. */
void poke_file(const char *path, uint64_t offset, const void *bytes, uint64_t cnt);

/* Makes or replaces a file with this text. */
void write_text(const char *path, const char *text);

#endif
