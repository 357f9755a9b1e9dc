/*
 * sim_calls: the system calls of the engine's code, done by the simulated file system. The linker
 * replaces libc's by them (SIM_CALLS in the Makefile). Below SIM_ROOT they work on the simulated
 * machine, elsewhere they call libc's. So checkpoints, segments, recovery's cut and prune run here
 * as they are.
 *
 * A call can fail, and the crash can come with it, before, after or in the middle.
 */
#ifndef DB_TESTS_SIM_SIM_CALLS_H
#define DB_TESTS_SIM_SIM_CALLS_H

#include "tests/sim/sim_fs.h"

/* Sets the machine for all calls from now on; NULL: none. */
void sim_calls_for(struct sim_fs *fs);

/* The thread that the engine's code started last, not yet waited for. */
struct sim_task *sim_calls_thread(void);

#endif
