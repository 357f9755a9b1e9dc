#include "bench/peers/peer_load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "tools/common/cli.h"

enum {
	DROP_STOCK = 15000,
	DROP_LIMIT = 1,
	/* Deeper than anybody asks for, as singles-day's catalog is. */
	DEEP_STOCK = 100000000,
};

void peer_load_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

char *peer_load_text(const char *path)
{
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	char *text = calloc(1, 65536);

	if (file == NULL || text == NULL || fread(text, 1, 65535, file) == 0)
		peer_load_fail("%s: cannot be read", path != NULL ? path : "--script");
	fclose(file);
	return text;
}

static uint32_t number(const char *flag, const char *text)
{
	uint32_t value;

	if (!cli_u32(flag, text, 0, 1000000000, &value))
		exit(2);
	return value;
}

void peer_load_open(struct peer_load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"script", required_argument, NULL, 'f'},
		{"requests", required_argument, NULL, 'n'},
		{"depth", required_argument, NULL, 'd'},
		{"batch", required_argument, NULL, 'b'},
		{"skus", required_argument, NULL, 'k'},
		{"limit", required_argument, NULL, 'l'},
		{"seed", required_argument, NULL, 'r'},
		{"scenario", required_argument, NULL, 'S'},
		{NULL, 0, NULL, 0},
	};
	enum scenario_kind kind = SCENARIO_SINGLES_DAY;
	uint32_t requests = 0;
	uint32_t skus = 0;
	uint32_t seed = 1;
	int option;

	*load = (struct peer_load){.depth = 64, .batch = 1};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			load->socket = optarg;
			break;
		case 'f':
			load->script = optarg;
			break;
		case 'n':
			requests = number("--requests", optarg);
			break;
		case 'd':
			load->depth = number("--depth", optarg);
			break;
		case 'b':
			load->batch = number("--batch", optarg);
			break;
		case 'k':
			skus = number("--skus", optarg);
			break;
		case 'l':
			load->limit = number("--limit", optarg);
			break;
		case 'r':
			seed = number("--seed", optarg);
			break;
		case 'S':
			if (scenario_kind_of(optarg, &kind) && kind <= SCENARIO_SINGLES_DAY)
				break;
			peer_load_fail("--scenario: drop or singles-day");
		default:
			peer_load_fail(
				"usage: LOAD --socket PATH [--script FILE] [--scenario NAME] "
				"[--requests N] [--depth N] [--batch N] [--skus N] [--limit N] "
				"[--seed N]");
		}
	}
	if (load->socket == NULL || load->depth == 0 || load->batch == 0)
		peer_load_fail("--socket PATH is missing, or --depth or --batch is 0");
	if (!scenario_open(&load->scenario, kind, seed, requests, skus))
		peer_load_fail("no memory for the scenario");
	load->scenario.quantity_max = 1;
	load->order_of = calloc(load->scenario.distinct_cnt, sizeof(*load->order_of));
	if (load->order_of == NULL)
		peer_load_fail("no memory for the answers");
}

void peer_load_request(const struct peer_load *load, uint32_t n, struct client_request *out)
{
	scenario_request(&load->scenario, n, out);
}

void peer_load_accept(struct peer_load *load, uint64_t order, uint64_t units)
{
	struct client_request request;
	uint64_t *before;

	peer_load_request(load, (uint32_t)(load->accepted++ + load->refused), &request);
	before = &load->order_of[request.user];
	if (*before == 0) {
		*before = order;
		load->orders++;
		load->units += units;
	}
	load->wrong += order == 0 || *before != order || units != request.quantity;
}

void peer_load_refuse(struct peer_load *load, bool sold_out)
{
	load->refused++;
	load->wrong += load->scenario.kind != SCENARIO_DROP || !sold_out;
}

uint32_t peer_load_stock(const struct peer_load *load, uint64_t sku)
{
	(void)sku;
	return load->scenario.kind == SCENARIO_DROP ? DROP_STOCK : DEEP_STOCK;
}

uint32_t peer_load_limit(const struct peer_load *load)
{
	return load->scenario.kind == SCENARIO_DROP ? DROP_LIMIT : load->limit;
}

static double quantile_us(const struct peer_load *load, double share)
{
	return (double)histogram_quantile(&load->latency_ns, share) / 1000;
}

int peer_load_end(struct peer_load *load, uint64_t end_ns, uint64_t sold, uint64_t orders,
		  bool oversold)
{
	const double seconds = (double)(end_ns - load->begin_ns) / 1e9;
	const uint64_t answered = load->accepted + load->refused;
	const bool drop = load->scenario.kind == SCENARIO_DROP;
	const uint64_t demand = load->scenario.distinct_cnt;
	/* All of them, or of a drop all that there is; twice asked is once sold. */
	const uint64_t wanted = drop && demand > DROP_STOCK ? DROP_STOCK : demand;
	const bool good = !oversold && load->wrong == 0 && answered == load->scenario.send_cnt &&
			  sold == load->units && orders == load->orders && orders == wanted;

	printf("{\"answered\":%" PRIu64 ",\"orders\":%" PRIu64 ",\"units\":%" PRIu64
	       ",\"wrong\":%" PRIu64 ",\"good\":%s,\"depth\":%u,\"batch\":%u,\"seconds\":%.6f,"
	       "\"requests_per_s\":%.1f,\"orders_per_s\":%.1f,\"latency_us\":{\"p50\":%.1f,"
	       "\"p90\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}}\n",
	       answered, orders, sold, load->wrong, good ? "true" : "false", load->depth,
	       load->batch, seconds, (double)answered / seconds, (double)orders / seconds,
	       quantile_us(load, 0.5), quantile_us(load, 0.9), quantile_us(load, 0.99),
	       quantile_us(load, 0.999), (double)load->latency_ns.max / 1000);
	scenario_close(&load->scenario);
	free(load->order_of);
	return good ? 0 : 1;
}
