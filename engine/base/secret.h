/*
 * secret: memory that is in no dump of the process, and a process that is not dumped. For keys, and
 * for all memory that a key or a buyer could be read from.
 *
 * There are two fences, because an operator may open one. secret_keep makes the kernel write no
 * core file and lets no process of the same user look into this one. Secret memory is left out of a
 * core that is made all the same, for instance by a debugger of root's.
 */
#ifndef DB_ENGINE_BASE_SECRET_H
#define DB_ENGINE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Called before the first key is read, and by each thread that has a key on its stack. From here on
 * the process is not dumpable. This thread's stack is in no core, nor is memory that is shared with
 * other processes (memif's packets). /proc/PID belongs to root then; /proc/self works as before. 0
 * or -errno.
 */
int secret_keep(void);

/* From here on no program that this process starts can get more privileges than it has. It cannot
 * be undone. The first thing that a start does. 0 or -errno. */
int secret_forgo_privileges(void);

/* Zeroed pages that are in no core. NULL: no memory, or the kernel can't leave it out. */
void *secret_alloc(size_t bytes);

/* Also wipes the memory. `bytes` as allocated; NULL is allowed. */
void secret_free(void *memory, size_t bytes);

/* Leaves whole pages out of every core, also the pages at both ends, which may hold other things.
 * page_bytes: of this mapping, a power of two. */
bool secret_exclude(void *memory, size_t bytes, size_t page_bytes);

#endif
