/*
 * options: the command line of doorbuster-replay. The caller keeps the strings.
 */
#ifndef DB_TOOLS_REPLAY_OPTIONS_H
#define DB_TOOLS_REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/common/transport_port.h"
#include "tools/replay/capture_list.h"
#include "tools/replay/capture_set.h"
#include "tools/replay/pace.h"

enum {
	/* Sales that run side by side over one reading of the capture. */
	VARIANTS_MAX = 16,
};

/* How a sale of a what-if differs, in the order of the command line. */
struct variant_option {
	const char *catalog; /* another file, or NULL */
	const char *set;     /* changes to the first catalog, or NULL */
};

struct replay_options {
	const char *capture;          /* what messages call it; NULL: none was named */
	char capture_name[256];       /* of several files */
	struct capture_list captures; /* its files */
	struct capture_source source; /* how to read them */
	const char *keys;
	const char *captured_keys; /* NULL: the tags of the capture are not checked */
	uint64_t key_id;    /* for requests whose key is not in keys; UINT64_MAX: the lowest */
	uint16_t base_port; /* of the capture */
	bool no_decapsulation;
	uint64_t copy_window_ns; /* UINT64_MAX: copies are kept */
	uint16_t shards;

	/* Writing a capture. */
	const char *write;
	const char *from_journal; /* instead of a capture */
	const char *catalog_out;
	const char *scrub; /* key file of pseudonyms; NULL: as they are */

	/* Live. */
	const char *to;                     /* HOST:PORT, or the DPDK port */
	struct transport_port_options port; /* port NULL: kernel sockets */
	enum pace_kind pace;
	double speed;
	uint64_t rate;
	uint32_t wait_ms;

	bool undated_refused; /* offline: as an engine that wants dates */

	bool offline;
	struct variant_option variants[VARIANTS_MAX]; /* the first is the catalog itself */
	uint32_t variant_cnt;
	const char *journal; /* NULL: not kept */
	const char *csv;     /* NULL: not asked for, as the next two */
	const char *buyers_csv;
	const char *html;
	uint32_t segment_mib;
	uint32_t hold_cnt_max; /* a shard's; 0: as the stock asks for */

	bool json;
	bool strict;
	bool quiet; /* no progress */
	uint32_t differences_max;
};

enum options_result {
	OPTIONS_OK,
	OPTIONS_HELP,  /* printed */
	OPTIONS_WRONG, /* complained */
};

/* The options are to be freed, whatever the result. */
enum options_result replay_options_parse(struct replay_options *options, int argc, char **argv);
void replay_options_free(struct replay_options *options);

#endif
