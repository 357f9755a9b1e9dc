/*
 * guard: puts the machine back when the engine is ended by a signal that its own code, DPDK or libc
 * raises: a failed CHECK, rte_panic, a thread that libc can't begin. The steps by which a refused
 * start undoes itself can't run then: heap and locks may be broken. So the program executes itself
 * again, with one thread. It does what the successor of a killed engine would do, and removes a
 * data directory that the start had made.
 *
 * A start then ends with exit code 2, like any refused start. An engine that may have sold
 * something keeps its journal, and the signal ends it.
 */
#ifndef DB_ENGINE_SERVE_GUARD_H
#define DB_ENGINE_SERVE_GUARD_H

struct server;

/* Guards from here until the process ends. The server is read when a signal comes. 0 or -errno. */
int serve_guard_arm(const struct server *server);

/* Names the step that the start is at; the string must stay valid. */
void serve_guard_step(const char *name);

enum {
	SERVE_GUARD_ARGS = 10,
};

/* What main does after that: argv has SERVE_GUARD_ARGS entries, the second is "--put-back". Returns
 * the exit code, or ends by the signal. */
int serve_guard_put_back(char **argv);

#endif
