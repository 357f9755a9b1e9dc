/*
 * A Kafka cluster of librdkafka's own, over TCP on loopback: prints its addresses, then takes
 * lines: down N, up N, produce-errors CODE..., and answers each with ok. Ends with its input.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum {
	BROKERS = 3,
	PRODUCE = 0, /* ApiKey */
	ERRORS_MAX = 16,
};

static int inject(rd_kafka_mock_cluster_t *cluster, char *codes)
{
	rd_kafka_resp_err_t errors[ERRORS_MAX];
	size_t cnt = 0;
	char *save = NULL;

	for (char *at = strtok_r(codes, " \n", &save); at != NULL && cnt < ERRORS_MAX;
	     at = strtok_r(NULL, " \n", &save))
		errors[cnt++] = (rd_kafka_resp_err_t)strtol(at, NULL, 10);
	rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, cnt, errors);
	return 0;
}

int main(void)
{
	char why[256];
	char line[256];
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, why, sizeof(why));
	rd_kafka_mock_cluster_t *cluster =
		client == NULL ? NULL : rd_kafka_mock_cluster_new(client, BROKERS);

	if (cluster == NULL)
		return 1;
	rd_kafka_mock_topic_create(cluster, "doorbuster", 2, BROKERS);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strncmp(line, "down ", 5) == 0)
			rd_kafka_mock_broker_set_down(cluster, (int32_t)strtol(line + 5, NULL, 10));
		else if (strncmp(line, "up ", 3) == 0)
			rd_kafka_mock_broker_set_up(cluster, (int32_t)strtol(line + 3, NULL, 10));
		else if (strncmp(line, "produce-errors ", 15) == 0)
			inject(cluster, line + 15);
		printf("ok\n");
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}
