/*
 * predecessor: an engine that was killed holds its locks until the kernel has taken its memory
 * apart, which takes a second for a few GiB. Who finds a lock held waits for such an engine, and
 * refuses at once for one that lives.
 */
#ifndef DB_ENGINE_BASE_PREDECESSOR_H
#define DB_ENGINE_BASE_PREDECESSOR_H

#include <stdbool.h>

/*
 * True, after a short pause, if a doorbuster-serve of this PID namespace is on its way out: killed,
 * and not gone yet. The caller looks at its lock again, and asks again. *tries counts, from 0:
 * after 30 s, longer than any memory here takes to be given back, it is false. Says on stderr that
 * it waits, once. False when told to end meanwhile. Start-up thread.
 */
bool predecessor_is_ending(unsigned *tries);

#endif
