/*
 * metrics: what the last report measured, for Prometheus. The thread that answers sees a copy, made
 * once a second, never what the relay works on.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "tools/relay/relay.h"

struct seen {
	struct relay_status status;
	uint64_t link_cnt;
	bool up;
};

struct relay_metrics {
	struct http_server *http;
	pthread_mutex_t lock;
	uint16_t lane_cnt;
	uint64_t budget_bytes;
	bool alarmed;
	struct seen lanes[SHARDS_MAX];
};

static const struct {
	const char *name;
	enum metrics_type type;
	const char *help;
	size_t offset; /* in struct relay_status */
} rows[] = {
	{"doorbuster_relay_lane_lsn", METRICS_GAUGE, "Last LSN that downstream has.",
	 offsetof(struct relay_status, lsn)},
	{"doorbuster_relay_lane_safe_lsn", METRICS_GAUGE,
	 "Last LSN that downstream has had for so long that prune counts on it.",
	 offsetof(struct relay_status, safe_lsn)},
	{"doorbuster_relay_lane_records_total", METRICS_COUNTER,
	 "Records acknowledged since the start.", offsetof(struct relay_status, record_cnt)},
	{"doorbuster_relay_lane_blocks_total", METRICS_COUNTER,
	 "Blocks acknowledged since the start.", offsetof(struct relay_status, block_cnt)},
	{"doorbuster_relay_lane_bytes_total", METRICS_COUNTER,
	 "Bytes of blocks acknowledged since the start.", offsetof(struct relay_status, bytes)},
	{"doorbuster_relay_lane_behind_records", METRICS_GAUGE,
	 "Records of the lane that downstream does not have.",
	 offsetof(struct relay_status, behind_records)},
	{"doorbuster_relay_lane_behind_bytes", METRICS_GAUGE,
	 "Bytes of the lane that downstream does not have.",
	 offsetof(struct relay_status, behind_bytes)},
	{"doorbuster_relay_lane_kept_bytes", METRICS_GAUGE,
	 "Bytes of the lane that stay on the disk for downstream, also until what it has is safe.",
	 offsetof(struct relay_status, kept_bytes)},
};

static void lane_label(uint16_t lane, char text[8], struct metrics_label labels[2])
{
	snprintf(text, 8, "%u", lane);
	labels[0] = (struct metrics_label){"lane", text};
	labels[1] = (struct metrics_label){0};
}

static void add_lanes(const struct relay_metrics *metrics, struct metrics_text *text)
{
	struct metrics_label labels[2];
	char lane[8];

	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		metrics_text_family(text, rows[row].name, rows[row].type, rows[row].help);
		for (uint16_t i = 0; i < metrics->lane_cnt; i++) {
			uint64_t value;

			memcpy(&value,
			       (const uint8_t *)&metrics->lanes[i].status + rows[row].offset,
			       sizeof(value));
			lane_label(i, lane, labels);
			metrics_text_u64(text, labels, value);
		}
	}
	metrics_text_family(text, "doorbuster_relay_lane_behind_seconds", METRICS_GAUGE,
			    "Age of the oldest record that downstream does not have.");
	for (uint16_t i = 0; i < metrics->lane_cnt; i++) {
		lane_label(i, lane, labels);
		metrics_text_f64(text, labels, metrics->lanes[i].status.behind_s);
	}
	metrics_text_family(text, "doorbuster_relay_lane_up", METRICS_GAUGE,
			    "1 while the downstream of the lane can be reached.");
	for (uint16_t i = 0; i < metrics->lane_cnt; i++) {
		lane_label(i, lane, labels);
		metrics_text_u64(text, labels, metrics->lanes[i].up);
	}
	metrics_text_family(text, "doorbuster_relay_lane_links_total", METRICS_COUNTER,
			    "Times that the downstream of the lane was opened.");
	for (uint16_t i = 0; i < metrics->lane_cnt; i++) {
		lane_label(i, lane, labels);
		metrics_text_u64(text, labels, metrics->lanes[i].link_cnt);
	}
}

static void add_metrics(void *context, struct metrics_text *text)
{
	struct relay_metrics *metrics = context;

	pthread_mutex_lock(&metrics->lock);
	add_lanes(metrics, text);
	metrics_text_family(text, "doorbuster_relay_budget_bytes", METRICS_GAUGE,
			    "Bytes of the lanes that may wait on the disk for downstream.");
	metrics_text_u64(text, NULL, metrics->budget_bytes);
	metrics_text_family(text, "doorbuster_relay_alarm", METRICS_GAUGE,
			    "1 while more than half of the budget is used.");
	metrics_text_u64(text, NULL, metrics->alarmed);
	pthread_mutex_unlock(&metrics->lock);
}

static bool add_health(void *context, struct metrics_text *text)
{
	struct relay_metrics *metrics = context;
	bool good = true;

	pthread_mutex_lock(&metrics->lock);
	for (uint16_t i = 0; i < metrics->lane_cnt; i++) {
		if (!metrics->lanes[i].up)
			metrics_text_add(text, "lane %u: downstream is away\n", i);
		good = good && metrics->lanes[i].up;
	}
	if (metrics->alarmed)
		metrics_text_add(text, "more than half of the disk budget is used\n");
	good = good && !metrics->alarmed;
	if (good)
		metrics_text_add(text, "ok\n");
	pthread_mutex_unlock(&metrics->lock);
	return good;
}

int relay_metrics_open(struct relay *relay)
{
	struct relay_metrics *metrics = calloc(1, sizeof(*metrics));
	const struct http_server_source source = {
		.context = metrics, .metrics = add_metrics, .health = add_health};
	int fd;
	int rc;

	if (metrics == NULL)
		return error_say(&relay->error, -ENOMEM, "no memory");
	pthread_mutex_init(&metrics->lock, NULL);
	metrics->lane_cnt = relay->lane_cnt;
	relay->metrics = metrics;
	fd = http_server_bind(relay->options.metrics, &relay->error);
	if (fd < 0)
		return fd;
	rc = http_server_open(&metrics->http, fd, &source, &relay->error);
	if (rc == 0)
		fprintf(stderr, "metrics at http://%s/metrics\n", relay->options.metrics);
	return rc;
}

void relay_metrics_update(struct relay *relay)
{
	struct relay_metrics *metrics = relay->metrics;

	if (metrics == NULL)
		return;
	pthread_mutex_lock(&metrics->lock);
	for (uint16_t i = 0; i < relay->lane_cnt; i++)
		metrics->lanes[i] = (struct seen){
			.status = relay->lanes[i].status,
			.link_cnt = relay->lanes[i].link_cnt,
			.up = relay->lanes[i].up,
		};
	metrics->budget_bytes = relay->position.budget_bytes;
	metrics->alarmed = relay->alarmed;
	pthread_mutex_unlock(&metrics->lock);
}

void relay_metrics_close(struct relay *relay)
{
	if (relay->metrics == NULL)
		return;
	http_server_close(relay->metrics->http);
	free(relay->metrics);
}
