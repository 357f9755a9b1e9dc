/*
 * atomic: what the records of several lanes say together of baskets over them: that all lines are
 * committed or none, and that each step was on disk before the next one began.
 */
#ifndef DB_TESTS_SIM_ATOMIC_H
#define DB_TESTS_SIM_ATOMIC_H

#include "tests/sim/engine.h"

/* Checks the records of a block that is being written: a line is set aside on disk before a link
 * says that it is sold; that is on disk before the line is more than set aside; and what a link
 * says is never taken back. */
void atomic_check_block(const struct sim_engine *engine, const struct block_header *block);

/* After a start: no line waits, and every link's line is final in its lane. */
void atomic_check_resolved(const struct sim_engine *engine);

#endif
