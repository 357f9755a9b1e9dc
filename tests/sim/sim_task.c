#include "tests/sim/sim_task.h"

#include <stdlib.h>
#include <ucontext.h>

#include "engine/base/check.h"

enum {
	STACK_BYTES = 1 << 18,
	TASKS_MAX = 16, /* stacks that are kept */
	/* A task that must end does so within this many pauses. */
	CLOSE_RESUMES_MAX = 1000000,
};

struct sim_task {
	ucontext_t context;
	ucontext_t back;
	struct sim_process *process;
	void *(*fn)(void *);
	void *argument;
	bool done;
	bool used;
	_Alignas(64) uint8_t stack[STACK_BYTES];
};

static struct sim_task *pool[TASKS_MAX];
static struct sim_task *running;

static void begin(void)
{
	struct sim_task *task = running;

	(void)task->fn(task->argument);
	task->done = true;
	swapcontext(&task->context, &task->back);
}

struct sim_task *sim_task_open(struct sim_process *process, void *(*fn)(void *), void *argument)
{
	unsigned idx = 0;
	struct sim_task *task;

	while (idx < TASKS_MAX && pool[idx] != NULL && pool[idx]->used)
		idx++;
	CHECK(idx < TASKS_MAX);
	if (pool[idx] == NULL)
		pool[idx] = aligned_alloc(64, sizeof(struct sim_task));
	task = pool[idx];
	CHECK(task != NULL);
	task->process = process;
	task->fn = fn;
	task->argument = argument;
	task->done = false;
	task->used = true;
	CHECK(getcontext(&task->context) == 0);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = sizeof(task->stack);
	task->context.uc_link = NULL;
	makecontext(&task->context, begin, 0);
	return task;
}

bool sim_task_resume(struct sim_task *task)
{
	struct sim_task *outer = running;

	if (task->done)
		return false;
	CHECK(outer == NULL);
	running = task;
	CHECK(swapcontext(&task->back, &task->context) == 0);
	running = outer;
	return !task->done;
}

void sim_task_close(struct sim_task *task)
{
	unsigned resumes = 0;

	if (task == NULL)
		return;
	while (sim_task_resume(task))
		CHECK(resumes++ < CLOSE_RESUMES_MAX);
	task->used = false;
}

void sim_task_pause(void)
{
	struct sim_task *task = running;

	if (task != NULL)
		CHECK(swapcontext(&task->context, &task->back) == 0);
}

struct sim_process *sim_task_process(void)
{
	return running != NULL ? running->process : NULL;
}
