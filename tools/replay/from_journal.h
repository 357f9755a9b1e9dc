/*
 * from_journal: makes the requests of a journal's committed records again, and their replies, in
 * the order they were decided, so that an event without a capture can be rehearsed. Refused
 * requests left no record. Reads beside a running engine, too.
 */
#ifndef DB_TOOLS_REPLAY_FROM_JOURNAL_H
#define DB_TOOLS_REPLAY_FROM_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "tools/replay/reader.h"

struct from_journal;

/* Reads all lanes, with their checkpoints; memory grows with the orders and their changes. 0,
 * -EBADMSG for a damaged lane, other -errno, with a line in error. */
int from_journal_open(struct from_journal **out, const char *path, struct error *error);

/* The next datagram, unsigned and with key id 0: a request, then its reply. The datagram is the
 * caller's to change, until the next call. False: that was all. */
bool from_journal_next(struct from_journal *journal, struct captured *out, uint8_t **datagram);

/* What was put on sale, as a catalog. */
void from_journal_catalog(const struct from_journal *journal, FILE *out);

/* Orders, bought or held; and CONFIRM, RELEASE, EXTEND and RETURN of them. That holds ran out is no
 * request: a replay ends them by its own time. */
uint64_t from_journal_orders(const struct from_journal *journal);
uint64_t from_journal_changes(const struct from_journal *journal);

/* NULL is allowed. */
void from_journal_close(struct from_journal *journal);

#endif
