/*
 * CHECK: always on, for what must hold and is cold enough to ask. DCHECK: debug builds, tests and
 * fuzzers only. Both abort with file, line and expression: a broken promise must stop the engine,
 * the journal holds the truth and the next start recovers it.
 */
#ifndef DB_ENGINE_BASE_CHECK_H
#define DB_ENGINE_BASE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(expr)                                                                                \
	do {                                                                                       \
		if (__builtin_expect(!(expr), 0)) {                                                \
			fprintf(stderr, "%s:%d: %s: check failed: %s\n", __FILE__, __LINE__,       \
				__func__, #expr);                                                  \
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
