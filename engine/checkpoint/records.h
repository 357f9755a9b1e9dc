/*
 * records: makes the lane's records again from a checkpoint: the records before its next LSN, in
 * lane order, as they were in their blocks. A checkpoint stores offers without their LSNs. As LSNs
 * have no gaps, the offers' LSNs are those that nothing else has. Where the lane has records that a
 * checkpoint does not store (checkpoint_unsaved_cnt), or PLACED ones, which it stores after the
 * offers, the LSNs of the offers can't be told: then offers, CLOCK and PLACED records come first,
 * with LSN 0, and after them every other record with its own. RECORD_WAS_PREPARED is kept of orders
 * only.
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

/* The checkpoint's header. */
const struct checkpoint_header *checkpoint_records_header(const struct checkpoint_records *records);

/* The next record, from LSN 1 on: 1; 0 after the last; errors as checkpoint_next. *lsn 0: a record
 * whose LSN is not known. */
int checkpoint_records_next(struct checkpoint_records *records, uint64_t *lsn,
			    struct record *record, struct error *error);

/* NULL is allowed. */
void checkpoint_records_close(struct checkpoint_records *records);

#endif
