/*
 * consumer: reads committed records, once each and in lane order, from a lane, a copy of it or a
 * broker. The library for those who ship the orders; `doorbuster consume` and `doorbuster sink` are
 * written with it. It is here and not in net/ because it shares frames and broker clients with the
 * relay, and the server must link neither.
 *
 * Guarantees: the blocks of a lane come in the order of the lane, from LSN 1 or from the cursor on,
 * each once. Every block is checked: journal, lane, place, checksum, and that it follows the one
 * before it by LSN and by checksum. A gap, a foreign block, or an LSN that comes a second time with
 * another content (after `journal repair` cut the lane) is an error that names the remedy.
 *
 * What is not promised: that the caller's own work happens once. For that keep the cursor together
 * with the work, in one transaction, as the sink does, or key on (lane, LSN).
 *
 * Cold calls, one thread at a time.
 *
 *     struct consumer_options options = {.from = "file:copy", .cursor = "shipped.cursor"};
 *     struct consumer_batch batch;
 *
 *     rc = consumer_open(&consumer, &options, &error);
 *     while ((rc = consumer_next(consumer, &batch, &error)) == 1) {
 *             for (uint32_t i = 0; i < batch.record_cnt; i++)
 *                     ship(batch.lane, batch.first_lsn + i, &batch.records[i]);
 *             rc = consumer_commit(consumer, &error);
 *     }
 *     consumer_close(consumer);
 */
#ifndef DB_TOOLS_DOWNSTREAM_CONSUMER_H
#define DB_TOOLS_DOWNSTREAM_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/format.h"
#include "tools/common/cursor.h"
#include "tools/downstream/downstream.h"

struct consumer;
struct source_kind;

struct consumer_options {
	const char *from;   /* data:DIR, file:DIR, nats://..., kafka://... */
	const char *cursor; /* file that keeps it, made if it isn't there, locked; NULL: nowhere */
	const struct cursor *start; /* begin after this one instead; only read by consumer_open */
	const struct source_kind *kind; /* NULL: the one that `from` names */
	bool follow; /* the caller keeps asking; else the first end of a lane is judged at once */
	bool skip_pruned; /* without a cursor: begin with what is still there */
	struct downstream_setting settings[DOWNSTREAM_SETTINGS_MAX]; /* of the broker's client */
	unsigned setting_cnt;
};

/* The records of one block, in LSN order. */
struct consumer_batch {
	uint16_t lane;
	uint32_t record_cnt; /* > 0 */
	uint64_t first_lsn;
	const struct record *records;
	uint64_t written_at_ns;
};

/*
 * 0, or -errno with a line. -ENOTCONN: out of reach, or nothing is there yet; -EACCES: password or
 * certificate refused; -EBUSY: another consumer has the cursor.
 */
int consumer_open(struct consumer **out, const struct consumer_options *options,
		  struct error *error);

/*
 * 1 and the next batch, valid until the next call; 0: there is nothing more for now. Or an error
 * with a line; after -ENOTCONN ask again, it connects anew; -EAGAIN: nothing more for now, and the
 * source does not have the cursor's last block (again) yet; all others are final.
 */
int consumer_next(struct consumer *consumer, struct consumer_batch *batch, struct error *error);

/* The caller is done with all that it got: the cursor file says so durably when this returns 0. */
int consumer_commit(struct consumer *consumer, struct error *error);

/* The cursor after all that was given, for callers that store it themselves. The caller may set
 * out_bytes. */
struct cursor *consumer_cursor(struct consumer *consumer);

/* NULL is allowed. */
void consumer_close(struct consumer *consumer);

/* Where it reads from, without a password. */
const char *consumer_address(const struct consumer *consumer);

#endif
