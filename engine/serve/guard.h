/*
 * guard: puts the machine back when the engine is ended by a signal that its own code, DPDK
 * or libc raises: a failed CHECK, rte_panic, a thread that libc can't begin. What a refused start
 * takes back step by step can't be run then: heap and locks may be broken. So the program executes
 * itself anew, as a process of one thread with nothing in it, which does what the successor of a
 * killed engine would do, and takes back a data directory that the start had made.
 *
 * A start ends with exit code 2 then, like any that is refused. One that may have sold something
 * keeps its journal, and ends by the signal after all.
 */
#ifndef DB_ENGINE_SERVE_GUARD_H
#define DB_ENGINE_SERVE_GUARD_H

struct server;

/* From here on, until the process ends. The server is looked at when a signal comes. 0 or -errno.
 */
int serve_guard_arm(const struct server *server);

/* The step that the start is at; the string stays. */
void serve_guard_step(const char *name);

enum {
	SERVE_GUARD_ARGS = 10,
};

/* What main does when it is executed so: argv of SERVE_GUARD_ARGS, the second "--put-back". Returns
 * the exit code, or ends by the signal. */
int serve_guard_put_back(char **argv);

#endif
