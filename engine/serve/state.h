/*
 * state: what the steps of a server's start work on; for engine/serve/ alone. The table of
 * steps is serve.c; those that make lanes of what is on the disk are lanes.c. While they sell,
 * watch.c is what the control thread reports of them, commands.c what it asks of them, and port.c
 * what it does for the port. A step is an int (*up)(server), 0 or -errno with a line in `error`,
 * and a `down` that copes with an `up` that stopped half-way or never ran.
 *
 * Control thread only.
 */
#ifndef DB_ENGINE_SERVE_STATE_H
#define DB_ENGINE_SERVE_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "engine/base/http_server.h"
#include "engine/catalog/catalog.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/segments.h"
#include "engine/recover/scan_result.h"
#include "engine/serve/metrics.h"
#include "engine/serve/port_health.h"
#include "engine/serve/post.h"
#include "engine/serve/progress.h"
#include "engine/worker/tap.h"
#include "engine/worker/worker.h"

struct server {
	const struct serve_options *options;
	struct error error;
	struct catalog *catalog; /* with the shards that sell its lines, from the step that
				    compares it with the lanes on */
	struct data_dir data_dir;
	struct recover_scan *scans; /* [shards] */
	struct catalog *on_sale;    /* what the lanes had on sale when they were scanned, by SKU;
				       until the new offers are on sale */
	struct segment_preparer *preparer;
	struct segment_source **segments; /* [shards] */
	struct port port;
	struct tap *tap;
	bool port_touched; /* port_close must be called */
	bool eal_running;
	struct disk *disks[WORKERS_MAX];
	struct worker *workers[WORKERS_MAX];
	struct worker_shared shared;
	struct post lane_posts[SHARDS_MAX];
	struct post worker_posts[WORKERS_MAX];
	struct key_ring *keys;     /* that the workers have, or are about to have */
	struct key_ring *old_keys; /* that some worker may still look at; NULL: none does */
	atomic_bool draining;      /* DRAIN was sent to the lanes */
	bool gave_up;              /* ABANDON was sent to the lanes */
	struct serve_metrics *metrics;
	char metrics_address[HTTP_SERVER_ADDRESS_BYTES];
	struct wall_clock wall; /* as the control thread looks at it */
	uint64_t offers_added;
	bool failed;
	bool launched; /* it may have sold something */
	bool ready;    /* the start is complete */
	struct port_watch port_watch;
	struct progress progress;
	/* What was reported of each lane. */
	struct {
		bool failed;
		bool stalled;
		bool full; /* the journal */
		bool table_full;
		bool holds_full;
		bool links_full;
		int segment_error;
	} told[SHARDS_MAX];
	uint32_t drops_told; /* bits: hints of watch_drops.c */
};

/* Fails with an errno and a line; the format names the thing and the remedy. */
#define FAIL(server, rc, ...) error_say(&(server)->error, rc, __VA_ARGS__)

/* limits: descriptors and threads that the engine will need can be had. */
int serve_limits_up(struct server *server);

/* What DPDK says gets time and level. Before rte_eal_init. */
void serve_eal_log(void);

/* data directory: opened, or made; its lanes read up to their ends. */
int serve_data_up(struct server *server);
void serve_data_down(struct server *server);
int serve_scan_up(struct server *server);
void serve_scan_down(struct server *server);

/* catalog and lanes: what differs is said, and --catalog-differs decides. Decides which shard sells
 * what; changes nothing in the lanes. */
int serve_offers_checked(struct server *server);

/* tables: of the size that lanes and catalog ask for. recovery: the lanes' state in them. */
int serve_shards_up(struct server *server);
void serve_shards_down(struct server *server);
int serve_recovery_up(struct server *server);

/* journals: torn tails cut, lanes ready to write; after the workers. offers: what is new on sale.
 */
int serve_journals_up(struct server *server);
void serve_journals_down(struct server *server);
int serve_offers_up(struct server *server);

/* Before anything new is written into a lane. */
int serve_format_up(struct server *server);
/* clock: first read. settled clock: read again; neither is a step away from the other. */
int serve_clock_up(struct server *server);
int serve_clock_settled_up(struct server *server);

/* Resolves what several shards were deciding when the engine ended (lane/resolve.h). */
int serve_baskets_up(struct server *server);

/* Reads the wall clock, and reports a step. */
void serve_clock_look(struct server *server);

/* The lanes' time, ns since the epoch. */
uint64_t serve_clock_now_ns(const struct server *server);

/* Reports what has changed of clock and lanes since the last call. */
void serve_watch_lanes(struct server *server);

/* Says once what the operator can do about datagrams that are dropped. Control thread. */
void serve_watch_drops(struct server *server);

/* Sends every lane a DRAIN. */
void serve_drain_lanes(struct server *server);
/* Sends every lane an ABANDON for what its disk has not finished, and reports that; only once. */
void serve_give_up(struct server *server);

/* Takes the lanes' answers. Returns a lane that has not answered although its worker runs, or -1.
 */
int serve_silent_lane(struct server *server);

/*
 * Reads the key file and sends its keys to every worker. The old keys are wiped when every worker
 * has answered that it no longer looks at them: within two seconds, or later by serve_watch_keys.
 */
void serve_reload_keys(struct server *server);
void serve_watch_keys(struct server *server);

/* Reports what has changed of the port's link since the last call. */
void serve_watch_link(struct server *server);

/* Checks whether any worker's queue is deaf, and opens a deaf port again. */
void serve_watch_port(struct server *server);

/* Whether the disk of some lane makes no progress. */
bool serve_any_stalled(const struct server *server);

#endif
