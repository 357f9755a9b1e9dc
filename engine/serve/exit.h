/*
 * exit: the exit codes of doorbuster-serve.
 */
#ifndef DB_ENGINE_SERVE_EXIT_H
#define DB_ENGINE_SERVE_EXIT_H

enum serve_exit {
	SERVE_EXIT_DRAINED = 0,
	SERVE_EXIT_FAILED = 1, /* a lane failed while selling */
	SERVE_EXIT_REFUSED = 2 /* could not start */
};

#endif
