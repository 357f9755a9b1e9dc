/*
 * signals: whether a signal to end the process is pending, for code that may wait long before the
 * control thread listens. The signals stay pending. False where they aren't blocked (tools, tests):
 * there they end the process.
 */
#ifndef DB_ENGINE_BASE_SIGNALS_H
#define DB_ENGINE_BASE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Blocks them for this thread and those it starts. *out gets the set, for sigtimedwait. */
static inline void signals_block_end(sigset_t *out)
{
	sigemptyset(out);
	sigaddset(out, SIGTERM);
	sigaddset(out, SIGINT);
	sigprocmask(SIG_BLOCK, out, NULL);
}

static inline bool signals_end_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

#endif
