/*
 * progress: how far a start is, for those who wait for it. The control thread notes what it does;
 * /healthz shows it from the first moment on (503), and a thread of its own writes a line every
 * few seconds, so that a start that takes long is not silent. A quick start writes none.
 */
#ifndef DB_ENGINE_SERVE_PROGRESS_H
#define DB_ENGINE_SERVE_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROGRESS_BYTES = 200,
	PROGRESS_SAY_MS = 5000,
};

/* Zeroed: no start has begun. The texts are static. */
struct progress {
	_Atomic(const char *) step; /* NULL: no start is under way */
	_Atomic(const char *) what; /* what is counted: "lane"; NULL: nothing is */
	_Atomic uint64_t done;      /* counted from 1: the one at work */
	_Atomic uint64_t total;
	_Atomic uint64_t begin_ns; /* CLOCK_MONOTONIC */
	bool speaks;               /* the thread runs */
	int stop_fd;
	pthread_t thread;
};

/* Control thread. Begins to speak; without a thread for that the start goes on in silence. */
void progress_open(struct progress *progress);

/* Control thread: the start comes to this step, or is at the nth of `total` things of it. */
void progress_step(struct progress *progress, const char *step);
void progress_count(struct progress *progress, const char *what, uint64_t nth, uint64_t total);

/* Control thread. No line is written any more; the thread has ended. Also if it never ran. */
void progress_hush(struct progress *progress);

/* Control thread: the start is over. */
void progress_end(struct progress *progress);

/* Any thread. Writes `tables: shard 3 of 8, 12 s so far`. False: no start is under way. */
bool progress_text(const struct progress *progress, char out[PROGRESS_BYTES]);

#endif
