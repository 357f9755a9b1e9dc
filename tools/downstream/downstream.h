/*
 * downstream: where committed blocks go: a file, NATS JetStream, Kafka. The only interface to
 * brokers. One durable write of the engine is one message here. A downstream takes the blocks of
 * one lane in order and can say, at any later time, which of them it had last. So a publisher needs
 * no memory of its own: it asks where the downstream ended, and continues there.
 *
 * The rule of errors: -ENOTCONN: out of reach, or its state is not known any more: close it, wait,
 * open it again, ask where it ended. -EACCES: one side refused the other's password or certificate:
 * final if it was never accepted, else treat it as out of reach. All others are final and name
 * their remedy: a gap, a foreign message, another relay, a setting that is refused.
 *
 * Cold calls that may wait for a broker, up to DOWNSTREAM_WAIT_MS; one thread at a time.
 */
#ifndef DB_TOOLS_DOWNSTREAM_DOWNSTREAM_H
#define DB_TOOLS_DOWNSTREAM_DOWNSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/lane_tailer.h"

enum {
	DOWNSTREAM_WAIT_MS = 5000,
	DOWNSTREAM_SETTINGS_MAX = 64,
	DOWNSTREAM_ADDRESS_BYTES = 512, /* of an address that is shown */
	DOWNSTREAM_RELAY_BYTES = 64,    /* of the publisher's name, as a text */
	DOWNSTREAM_WHO_BYTES = 64,      /* of what a downstream says of itself */
	/* Blocks of a lane that may be in flight; a downstream may take fewer. */
	DOWNSTREAM_IN_FLIGHT_MAX = 256,
};

enum downstream_format {
	FORMAT_BLOCK, /* as it is on the engine's disk */
	FORMAT_JSON,  /* a line or message a record, tools/downstream/record.schema.json */
};

/* KEY=VALUE, for the broker's own client. */
struct downstream_setting {
	const char *key;
	const char *value;
};

struct downstream_options {
	const char *to; /* file:DIR, -, nats://..., tls://..., kafka://... */
	enum downstream_format format;
	const struct data_dir *journal; /* whose lanes they are */
	/* The publisher: a random id that it keeps; how often it has started; and a random number
	 * for this start, which a copy of a data directory does not share. */
	uint64_t relay_id;
	uint64_t run;
	uint64_t start;
	struct downstream_setting settings[DOWNSTREAM_SETTINGS_MAX];
	unsigned setting_cnt;
};

/* What the lanes of one relay share. Checks the options, takes locks; asks no broker yet. */
struct downstream_target;
int downstream_target_open(struct downstream_target **out, const struct downstream_options *options,
			   struct error *error);
void downstream_target_close(struct downstream_target *target);

/*
 * How long an acknowledged block may still be lost by the downstream as it is set up by default:
 * Debian's nats-server writes to disk every two minutes. Segments stay that much longer.
 */
unsigned downstream_settle_s(const struct downstream_target *target);

struct downstream;

/* Connects for one lane. */
int downstream_open(struct downstream **out, struct downstream_target *target, uint16_t lane,
		    struct error *error);

/*
 * Asks where it ended: the last block that it has; all zero: none. *part: it lacks records of that
 * block, which must be published once more; records that it has are left out. Only while nothing is
 * in flight. After it returned 0, downstream->who says which one it is: the instant at which its
 * stream was made, or the id of its cluster; empty if there is nothing of that kind.
 *
 * Makes what isn't there; but where `met` is set, -ENOENT: it was there before.
 */
int downstream_end(struct downstream *downstream, struct lane_mark *last, bool *part,
		   struct error *error);

/*
 * Sends the block after the last one; it is copied. -EAGAIN, without a line: not now, reap first.
 */
int downstream_publish(struct downstream *downstream, const struct lane_block *block,
		       struct error *error);

/*
 * How many of the blocks in flight, the oldest first, are acknowledged since the last call; or an
 * error. Waits only for work that the call itself does (a file's sync).
 */
int downstream_reap(struct downstream *downstream, struct error *error);

/* NULL is allowed. What is in flight may or may not get there. */
void downstream_close(struct downstream *downstream);

/* A kind of downstream; `downstream` and `target` are the first members of its own structs. */
struct downstream_kind {
	const char *scheme; /* what `to` begins with */
	const char *also;   /* or with this, if not NULL */
	unsigned settle_s;
	int (*target_open)(struct downstream_target **out, const struct downstream_options *options,
			   struct error *error);
	void (*target_close)(struct downstream_target *target);
	int (*open)(struct downstream **out, struct downstream_target *target, uint16_t lane,
		    struct error *error);
	int (*end)(struct downstream *downstream, struct lane_mark *last, bool *part,
		   struct error *error);
	int (*publish)(struct downstream *downstream, const struct lane_block *block,
		       struct error *error);
	int (*reap)(struct downstream *downstream, struct error *error);
	void (*close)(struct downstream *downstream);
};

struct downstream_target {
	const struct downstream_kind *kind;
	struct downstream_options options;
};

struct downstream {
	struct downstream_target *target;
	uint16_t lane;
	bool met; /* set by its owner: its stream was seen before, maybe by an earlier process */
	char who[DOWNSTREAM_WHO_BYTES]; /* a text without blanks */
	struct error note;              /* what its owner should tell people; empty: nothing */
};

/* Appends KEY=VALUE, which is cut in place. False, with a complaint about --set. */
bool downstream_parse_setting(char *text,
			      struct downstream_setting settings[DOWNSTREAM_SETTINGS_MAX],
			      unsigned *cnt);

/* The publisher, as each message names it: `ID RUN START`, ID and START in hex. */
void downstream_relay_text(const struct downstream_options *options,
			   char out[DOWNSTREAM_RELAY_BYTES]);

/*
 * Whose message it is. 0: ours, of this start or of an earlier one; -EBUSY: another relay's, also
 * one that runs on a copy of our data directory; -EPROTO: not from a relay.
 */
int downstream_relay_check(const struct downstream_options *options, const char *text);

/* An address without user and password: what may be shown. */
void downstream_address(const char *address, char *out, size_t out_bytes);

extern const struct downstream_kind downstream_file_kind;  /* file:DIR, blocks */
extern const struct downstream_kind downstream_lines_kind; /* file:DIR, JSON */
extern const struct downstream_kind downstream_stdout_kind;
extern const struct downstream_kind downstream_nats_kind;
extern const struct downstream_kind downstream_kafka_kind; /* blocks */

#endif
