/*
 * sim_task: the threads of the simulated machine: code of the engine that runs beside the worker, a
 * few calls at a time, in an order that follows from the seed. A task stops at its calls on files
 * (sim_calls.c) and when it sleeps, so that a crash finds it anywhere between two of them.
 */
#ifndef DB_TESTS_SIM_SIM_TASK_H
#define DB_TESTS_SIM_SIM_TASK_H

#include <stdbool.h>

#include "tests/sim/sim_fs.h"

struct sim_task;

/* fn runs when it is resumed. The process is what its calls are done for. */
struct sim_task *sim_task_open(struct sim_process *process, void *(*fn)(void *), void *argument);

/* Lets it run until it pauses. False: it has ended. */
bool sim_task_resume(struct sim_task *task);

/* Runs it to its end, which must be near, and frees it. NULL is allowed. */
void sim_task_close(struct sim_task *task);

/* Called within a task: returns to sim_task_resume. Does nothing outside of a task. */
void sim_task_pause(void);

/* The process of the task that runs, NULL outside of tasks. */
struct sim_process *sim_task_process(void);

#endif
