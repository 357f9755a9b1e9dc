/*
 * progress: a bar on stderr while a capture is read, with what is done, how fast, and when it will
 * be over. Only on a terminal. It may be called often, and writes five times a second. Also whether
 * the user wants to end it (Ctrl-C).
 */
#ifndef DB_TOOLS_REPLAY_PROGRESS_H
#define DB_TOOLS_REPLAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown;
	bool drawn;
	uint64_t began_ns;
	uint64_t next_ns;
};

/* Handles SIGINT and SIGTERM from now on. */
void progress_begin(struct progress *progress, bool quiet);

/* What is done: bytes of the capture of total (0: unknown), and requests. */
void progress_tell(struct progress *progress, uint64_t done_bytes, uint64_t total_bytes,
		   uint64_t requests);

/* Wipes the bar. */
void progress_end(struct progress *progress);

/* Ctrl-C or SIGTERM came. */
bool progress_interrupted(void);

#endif
