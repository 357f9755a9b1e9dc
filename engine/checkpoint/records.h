/*
 * records: the lane again from a checkpoint: every record before its next LSN, in lane
 * order, as it stood in its block. Offers stand without their LSN in a checkpoint; as LSNs have no
 * gaps, theirs are those that no order has.
 *
 * Cold calls, one thread.
 */
#ifndef DB_ENGINE_CHECKPOINT_RECORDS_H
#define DB_ENGINE_CHECKPOINT_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"

struct checkpoint_records;

/* Reads the offers. Errors as checkpoint_open; -ENOMEM with a line. */
int checkpoint_records_open(struct checkpoint_records **out, const struct data_dir *dir,
			    uint16_t lane, uint64_t next_lsn, struct error *error);

/* Of the checkpoint. */
const struct checkpoint_header *checkpoint_records_header(const struct checkpoint_records *records);

/* The next record, from LSN 1 on: 1; 0 behind the last; errors as checkpoint_next. */
int checkpoint_records_next(struct checkpoint_records *records, uint64_t *lsn,
			    struct record *record, struct error *error);

/* NULL is allowed. */
void checkpoint_records_close(struct checkpoint_records *records);

#endif
