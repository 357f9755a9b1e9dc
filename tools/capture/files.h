/*
 * files: pcap files with nanoseconds, one after the other; it can keep only the newest. One thread.
 */
#ifndef DB_TOOLS_CAPTURE_FILES_H
#define DB_TOOLS_CAPTURE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct files;

/* rotate_bytes 0: one file, PATH; else PATH.00001 and so on. keep 0: all. 0 or -errno with a line
 * in error. */
int files_open(struct files **out, const char *path, uint64_t rotate_bytes, uint32_t keep,
	       struct error *error);

/* Writes a frame that had `bytes` bytes; at most TAP_FRAME_BYTES_MAX of them are there. 0 or
 * -errno. */
int files_put(struct files *files, uint64_t at_ns, const uint8_t *frame, uint32_t bytes);

/* Gives everything to the kernel. 0 or -errno. */
int files_flush(struct files *files);

/* The name of the current file. */
void files_name(const struct files *files, char *out, size_t out_bytes);

/* How much was written so far, and into how many files. */
uint64_t files_bytes(const struct files *files);
uint64_t files_cnt(const struct files *files);

/* NULL is allowed. */
void files_close(struct files *files);

#endif
