/*
 * options: the command line of `doorbuster serve`.
 */
#ifndef DB_ENGINE_SERVE_OPTIONS_H
#define DB_ENGINE_SERVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "net/port.h"

/* What a start does where the catalog is not what the journal has on sale. */
enum catalog_differs {
	CATALOG_DIFFERS_ADD,    /* new SKUs go on sale; missing ones and other terms are refused */
	CATALOG_DIFFERS_REFUSE, /* anything that differs is refused */
	CATALOG_DIFFERS_KEEP,   /* new SKUs go on sale, all else stays as the journal has it */
};

struct serve_options {
	struct port_spec port;
	const char *port_text;
	const char *data;
	const char *catalog;
	enum catalog_differs catalog_differs;
	const char *keys;
	uint16_t shards;
	uint16_t base_port;
	bool ack_memory;
	bool undated_refused;        /* requests without a date get no new order */
	uint64_t order_cnt_max;      /* 0: as the stock asks for */
	uint64_t hold_cnt_max;       /* the same */
	uint64_t segment_mib;        /* of the segments made from now on */
	uint64_t clock_step_s;       /* how long a step of the wall clock must last */
	bool clock_back;             /* set the clocks of lanes that are ahead back */
	uint16_t cores[WORKERS_MAX]; /* CPU of each worker */
	uint16_t core_cnt;
	uint16_t control_core;
	const char *metrics; /* ADDR:PORT at which metrics are answered; NULL: nowhere */
	uint8_t ipv4[4];
	uint8_t ipv6[16];
	char **eal_args; /* after -- */
	int eal_arg_cnt;
};

enum serve_options_result {
	SERVE_OPTIONS_OK,
	SERVE_OPTIONS_HELP,  /* --help was asked for and printed */
	SERVE_OPTIONS_WRONG, /* a line was written to stderr */
};

enum serve_options_result serve_options_parse(struct serve_options *options, int argc, char **argv);

#endif
