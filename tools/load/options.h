/*
 * options: the command line of `doorbuster load`.
 */
#ifndef DB_TOOLS_LOAD_OPTIONS_H
#define DB_TOOLS_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/load/arrivals.h"
#include "tools/load/scenario.h"

enum arrivals_kind {
	ARRIVALS_CONSTANT,
	ARRIVALS_POISSON,
	ARRIVALS_RECORDED,
};

struct load_options {
	enum scenario_kind kind;
	const char *server;
	const char *keys;
	const char *catalog; /* of the operator's own, with kind SCENARIO_CATALOG; else NULL */
	const char *catalog_out;
	const char *orders_out;
	const char *port; /* NULL: a kernel socket */
	const char *address;
	uint64_t key_id;                 /* UINT64_MAX: the first */
	uint64_t seed;                   /* at most 2^63 - 1, so that JSON can hold it */
	uint64_t rate;                   /* requests a second; 0: as fast as it goes */
	struct arrivals_profile profile; /* prepared, of requests; rate 0 as above */
	enum arrivals_kind arrivals;
	const char *recorded;  /* the file, if they are */
	uint64_t *instants_ns; /* what is in it, once load_options_recorded has read it */
	uint32_t instant_cnt;
	uint32_t requests;
	uint32_t skus;
	uint32_t in_flight;
	uint32_t fill; /* requests a datagram */
	uint32_t timeout_ms;
	uint32_t channel;
	uint32_t buyers; /* 0: one a request */
	uint32_t limit;
	uint32_t window_ms; /* 0: none */
	double seconds;     /* 0: requests says it */
	uint16_t units_max; /* 0: the scenario's */
	uint8_t ack;        /* enum durability: what an order must rest on at least */
	uint16_t queues;
	uint16_t core;
	uint16_t worker_idx; /* of the engine's workers only this one is loaded */
	uint16_t worker_cnt; /* 0: all are */
	bool prepared;       /* always so for mixed and echo */
	bool undated;        /* as clients before dates */
	bool json;
	bool has_scenario;
	char **eal_args;
	int eal_arg_cnt;
};

enum load_options_result {
	LOAD_OPTIONS_OK,
	LOAD_OPTIONS_HELP,
	LOAD_OPTIONS_WRONG,
};

enum load_options_result load_options_parse(struct load_options *options, int argc, char **argv);

/*
 * Reads the recorded instants if they are asked for, the caller's to free; without --requests there
 * are then as many as fill a datagram for each. False: a line says why not.
 */
bool load_options_recorded(struct load_options *options);

#endif
