/*
 * relay: carries the blocks of a journal's lanes downstream, each once it is on disk, from where
 * the downstream says that it ended. Keeps no state that matters: its position file in the data
 * directory is for `journal prune` and for people.
 *
 * One thread. Never writes to a lane, never makes an engine wait.
 */
#ifndef DB_TOOLS_RELAY_RELAY_H
#define DB_TOOLS_RELAY_RELAY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/http_server.h"
#include "tools/common/cursor.h"
#include "tools/downstream/downstream.h"

enum {
	RELAY_NAME_BYTES = 32,
};

struct relay_options {
	const char *data;
	struct downstream_options downstream;
	char name[RELAY_NAME_BYTES];
	uint64_t budget_bytes; /* 0: half of what is free */
	bool numbers;
	bool once;           /* ends when the downstream has all */
	bool timed;          /* --timeout was given */
	uint64_t timeout_ns; /* with once: ends when it took nothing for so long; 0: never */
	bool json;
	bool skip_pruned;
	bool forget;
	const char *metrics; /* ADDR:PORT to answer Prometheus on, or NULL */
};

/* A block that was published and is not acknowledged yet. */
struct relay_sent {
	struct lane_mark mark;
	uint64_t end_offset;
	uint64_t written_at_ns;
	uint32_t record_cnt;
};

/* What a report says of a lane. */
struct relay_status {
	/* Since the start. */
	uint64_t record_cnt;
	uint64_t block_cnt;
	uint64_t bytes;
	/* As of the last report. */
	uint64_t lsn;
	uint64_t safe_lsn;
	uint64_t behind_records;
	uint64_t behind_bytes;
	uint64_t kept_bytes; /* that stay on the disk for it, as prune counts: from the safe mark on
			      */
	double behind_s;
};

struct relay_lane {
	uint16_t lane;
	bool up;    /* downstream and tailer are open */
	bool ended; /* nothing more is known to be on disk */
	struct downstream *downstream;
	struct lane_tailer *tailer;
	struct relay_sent sent[DOWNSTREAM_IN_FLIGHT_MAX]; /* a ring */
	uint64_t sent_head;
	uint64_t sent_tail;
	struct relay_sent acked;   /* the last one; record_cnt unused */
	struct lane_mark settling; /* acknowledged at settling_ns, safe when it is old enough */
	uint64_t settling_ns;
	bool settling_new;     /* begun in this life */
	struct lane_mark safe; /* what prune may count on */
	uint64_t checked_ns;   /* when the downstream was last asked where it ended */
	uint64_t retry_ns;
	uint64_t backoff_ns;
	uint64_t away_since_ns; /* 0: it isn't */

	uint64_t link_cnt; /* times it was opened */
	struct relay_status status;
};

struct relay {
	struct relay_options options;
	struct data_dir dir;
	struct downstream_target *target;
	struct cursor position;
	char position_path[PATH_MAX];
	bool positioned; /* it has a position file */
	bool begun;      /* that names this run */
	bool unsaved;    /* that has to be written: it couldn't be, or it lacks whom we met */
	bool failing;    /* it couldn't be written last time */
	int lock_fd;
	uint16_t lane_cnt;
	struct relay_lane *lanes;
	bool alarmed;
	uint64_t progress; /* as of progress_ns */
	uint64_t progress_ns;
	struct relay_metrics *metrics; /* NULL: nobody asks */
	struct error error;
};

/* 0, or -errno with relay->error. Closed by relay_close in both cases. */
int relay_open(struct relay *relay, const struct relay_options *options);

/* Runs until all is downstream (once), a signal, or an error with relay->error: 0 or -errno;
 * -ETIMEDOUT: options.timeout_ns passed without progress. */
int relay_run(struct relay *relay);

void relay_close(struct relay *relay);

/* Opens the downstream of a lane, and its tailer after the last block there; -ENOTCONN: try later.
 * link.c */
int relay_link(struct relay *relay, struct relay_lane *lane, uint64_t now_ns);
void relay_unlink(struct relay_lane *lane);

/* Moves blocks of one lane. How many steps were made, or -errno. link.c */
int relay_step(struct relay *relay, struct relay_lane *lane, uint64_t now_ns);

/* Takes what was acknowledged; how many blocks, or -errno. link.c */
int relay_reap(struct relay *relay, struct relay_lane *lane, uint64_t now_ns);

/* Before the end: what is acknowledged begins to settle, for the next run. link.c */
void relay_settle_last(struct relay_lane *lane, uint64_t now_ns);

/* The position file. position.c */
int relay_position_open(struct relay *relay); /* takes the lock and loads it, or makes one up */
/*
 * A lane's downstream was reached: checks that it is the one of this position, and writes the
 * position if that wasn't done in this run, before anything is published in its name. 0, or
 * -EPROTO: another one; or -errno if the very first can't be written.
 */
int relay_position_meet(struct relay *relay, const struct relay_lane *lane);
void relay_position_load_lane(const struct relay *relay, struct relay_lane *lane, uint64_t now_ns);
void relay_position_save(struct relay *relay, uint64_t now_ns);
int relay_forget(const struct relay_options *options, struct error *error);

/* Finds out and reports how much of each lane the downstream lacks. report.c */
void relay_report(struct relay *relay, double seconds, bool last);

/* Answers Prometheus with what relay_metrics_update saw last. metrics.c */
int relay_metrics_open(struct relay *relay);
void relay_metrics_update(struct relay *relay);
void relay_metrics_close(struct relay *relay);

/* Reports what happened to a lane, on stderr. */
__attribute__((format(printf, 3, 4))) void relay_tell(const struct relay_lane *lane,
						      const char *mark, const char *format, ...);

#endif
