/*
 * privileges: which privileges each thread of the engine keeps. After the start only the control
 * thread needs any: it puts the machine back at the end. A worker reads what strangers send, and
 * needs none for its bursts, its kicks of AF_XDP sockets and its writes: those use descriptors that
 * are open already.
 *
 * Linux keeps capabilities by thread, and only a thread itself can drop its own: so each thread
 * gets a signal, also DPDK's threads, which have no code of ours.
 */
#ifndef DB_ENGINE_SERVE_PRIVILEGES_H
#define DB_ENGINE_SERVE_PRIVILEGES_H

#include <stddef.h>

#include "engine/base/error.h"

/*
 * All threads except the caller, the control thread, lose their capabilities for good; the caller
 * keeps those that the end needs. The thread that makes segments may still act for the owner of the
 * data directory. Threads that they start later have no more than they. Called when all threads
 * that the control thread starts exist, and before the workers sell. Uses SIGUSR1. 0, or -errno and
 * a line in error.
 */
int privileges_drop(struct error *error);

/* The calling thread loses all of its capabilities for good. 0 or -errno. */
int privileges_forgo(void);

#endif
