/*
 * op_name: what a request asks, in words.
 */
#ifndef DB_TOOLS_REPLAY_OP_NAME_H
#define DB_TOOLS_REPLAY_OP_NAME_H

#include <stdint.h>

/* "CONFIRM"; "OTHER" for a value that is no op. Any thread. */
const char *op_name(uint8_t op);

#endif
