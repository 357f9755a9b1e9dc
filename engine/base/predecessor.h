/*
 * predecessor: an engine that was killed holds its locks until the kernel has freed its memory,
 * which takes a second for a few GiB. A start that finds a lock held waits for such an engine, and
 * is refused at once if the engine lives.
 */
#ifndef DB_ENGINE_BASE_PREDECESSOR_H
#define DB_ENGINE_BASE_PREDECESSOR_H

#include <stdbool.h>

/*
 * True, after a short pause, if a doorbuster-serve of this PID namespace was killed and has not
 * ended yet. The caller then tries its lock again, and calls this again. *tries counts the calls
 * and begins at 0: after 30 s, longer than any memory here takes to be freed, it returns false.
 * Also false if a signal to end this process arrives. Says once on stderr that it waits. Start-up
 * thread.
 */
bool predecessor_is_ending(unsigned *tries);

#endif
