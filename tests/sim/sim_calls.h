/*
 * sim_calls: the system calls of the engine's code, done by the simulated file system. The linker
 * puts them in the place of libc's (SIM_CALLS in the Makefile); below SIM_ROOT they work on the
 * machine that was put there, elsewhere they are libc's own. So checkpoints, segments, recovery's
 * cut and prune run here as they are.
 *
 * A call can fail, and the crash can come with it, before, after or in the middle.
 */
#ifndef DB_TESTS_SIM_SIM_CALLS_H
#define DB_TESTS_SIM_SIM_CALLS_H

#include "tests/sim/sim_fs.h"

/* The machine that calls are for from now on; NULL: none. */
void sim_calls_for(struct sim_fs *fs);

/* The thread that the engine's code started last, not yet waited for. */
struct sim_task *sim_calls_thread(void);

#endif
