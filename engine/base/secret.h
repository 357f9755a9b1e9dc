/*
 * secret: memory that no dump of the process has, and a process that is not dumped. For keys and
 * all that a key or a buyer may be read from.
 *
 * Two fences, as an operator may open one: secret_keep makes the kernel write no core file and lets
 * no process of the same user look into this one; what lies in secret memory is left out of a core
 * that is made all the same, by a debugger of root's for instance.
 */
#ifndef DB_ENGINE_BASE_SECRET_H
#define DB_ENGINE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Before the first key is read, and again by each thread that has one on its stack: from here on
 * the process is not dumpable, this thread's stack is in no core, nor is memory that is shared with
 * other processes (memif's packets). /proc/PID belongs to root then; /proc/self works as before.
 * 0 or -errno.
 */
int secret_keep(void);

/* No program that this process starts gets more privileges than it has. For good, and first of all
 * that a start does. 0 or -errno. */
int secret_forgo_privileges(void);

/* Zeroed pages out of every core; NULL: no memory, or the kernel can't leave it out. */
void *secret_alloc(size_t bytes);

/* Wipes, too. `bytes` as allocated; NULL is allowed. */
void secret_free(void *memory, size_t bytes);

/* Takes whole pages out of every core, those at the ends included, which may have other things.
 * page_bytes: of this mapping, a power of two. */
bool secret_exclude(void *memory, size_t bytes, size_t page_bytes);

#endif
