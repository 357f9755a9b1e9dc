/*
 * privileges: which thread of the engine may what. After the start only the control thread needs
 * any: it puts the machine back at the end. A worker reads what strangers send, and needs none for
 * its bursts, its kicks of AF_XDP sockets and its writes: all of that goes by descriptors that are
 * open.
 *
 * Linux keeps capabilities by thread, and only a thread itself can drop its own: so each is sent a
 * signal, DPDK's threads included, which have no code of ours.
 */
#ifndef DB_ENGINE_SERVE_PRIVILEGES_H
#define DB_ENGINE_SERVE_PRIVILEGES_H

#include <stddef.h>

#include "engine/base/error.h"

/*
 * Takes the capabilities of all threads but the caller, the control thread, for good; that one
 * keeps what ending takes. The thread that makes segments may still go over the owner of the data
 * directory. Threads that they start later have no more than they. When all threads are there that
 * the control thread starts, and before the workers sell. Uses SIGUSR1. 0, or -errno and a line in
 * error.
 */
int privileges_drop(struct error *error);

#endif
