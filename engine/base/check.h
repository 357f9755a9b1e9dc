/*
 * CHECK is always on: for what must hold, where the check costs little. DCHECK is on in debug
 * builds, tests and fuzzers only. Both abort with file, line and expression. A broken promise must
 * stop the engine: the journal is right, and the next start recovers from it.
 */
#ifndef DB_ENGINE_BASE_CHECK_H
#define DB_ENGINE_BASE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"

#define CHECK(expr)                                                                                \
	do {                                                                                       \
		if (__builtin_expect(!(expr), 0)) {                                                \
			fprintf(stderr, "%s%s:%d: %s: check failed: %s\n", log_mark(LOG_AS_ERROR), \
				__FILE__, __LINE__, __func__, #expr);                              \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#ifdef DB_DEBUG
#define DCHECK(expr) CHECK(expr)
#else
#define DCHECK(expr)                                                                               \
	do {                                                                                       \
		if (0 && (expr)) {                                                                 \
		}                                                                                  \
	} while (0)
#endif

#endif
