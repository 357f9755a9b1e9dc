/*
 * port_watch: whether a queue of an AF_XDP port is deaf, decided from its counters. A queue is deaf
 * when the kernel loses its frames while its reader reads, gets nothing and holds no more buffers
 * than it may. Then the buffers that the kernel should have are lost, and only port_reopen brings
 * them back. A queue whose reader does not read, because it waits for the disk or a CPU, is not
 * deaf.
 *
 * Pure: counters and an instant in, a verdict out. A watch belongs to one thread.
 */
#ifndef DB_NET_PORT_WATCH_H
#define DB_NET_PORT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Longer than any usual wait for the CPU, and short for a buyer who retries. */
#define QUEUE_DEAF_AFTER_NS UINT64_C(1000000000)
/* Time between two tries. A queue that was opened anew and loses nothing for this long counts as
 * hearing. */
#define QUEUE_TRY_AGAIN_NS UINT64_C(2000000000)
/* Polls of an empty ring after the first loss: the reader did read, so the loss has another cause.
 */
#define QUEUE_READS_MIN 2

/* A queue as it is now. Counters count from any fixed instant and never fall. */
struct queue_counters {
	uint64_t frames;     /* that the reader got */
	uint64_t reads;      /* of the queue, with or without a frame */
	uint64_t lost;       /* port_losses */
	uint64_t starved;    /* port_losses */
	uint64_t nic_missed; /* port_nic_missed: of the whole port */
	bool buffers_wait;   /* the reader may hold all buffers that the kernel lacks */
	bool closed;         /* its last re-opening failed: nobody reads it */
};

/* All zero at the start. */
struct queue_watch {
	/* As it was when the reader last got something. */
	struct queue_counters before;
	/* The first look since then at which something was lost; 0: none. */
	uint64_t since_ns;
	uint64_t reads;
	uint64_t lost_by_then;
	uint64_t lost;        /* since then, at the last look */
	uint64_t reopened_ns; /* the last try; 0: none */
};

enum queue_verdict {
	QUEUE_SAME,  /* no change */
	QUEUE_HEARS, /* it got a frame, or lost none for long after it was opened anew */
	QUEUE_DEAF,  /* it must be opened anew now: since since_ns it lost `lost` frames */
};

/* Looks at the queue; now_ns is of a clock that never falls, and not 0. */
enum queue_verdict queue_watch_look(struct queue_watch *watch, const struct queue_counters *now,
				    uint64_t now_ns);

/* A re-opening has ended, well or not. Of `now` only the losses are used. */
void queue_watch_reopened(struct queue_watch *watch, const struct queue_counters *now,
			  uint64_t now_ns);

#endif
