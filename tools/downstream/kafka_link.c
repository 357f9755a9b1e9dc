#include "tools/downstream/kafka_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char kafka_header_block[] = "doorbuster-block";
const char kafka_header_mark[] = "doorbuster-mark";
const char kafka_header_relay[] = "doorbuster-relay";

enum {
	WHY_BYTES = 256,
};

/* librdkafka logs brokers that are away; the calls report that, too. */
static void no_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client;
	(void)level;
	(void)facility;
	(void)text;
}

rd_kafka_conf_t *kafka_conf(const char *address, const struct downstream_setting *list,
			    unsigned cnt, bool json, char topic[KAFKA_TOPIC_BYTES],
			    struct error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[WHY_BYTES];
	bool good = rd_kafka_conf_set(conf, "bootstrap.servers", address + strlen("kafka://"), why,
				      sizeof(why)) == RD_KAFKA_CONF_OK;

	rd_kafka_conf_set_log_cb(conf, no_log);
	snprintf(topic, KAFKA_TOPIC_BYTES, "%s", json ? "doorbuster-json" : "doorbuster");
	for (unsigned i = 0; good && i < cnt; i++) {
		if (strcmp(list[i].key, "topic") == 0)
			snprintf(topic, KAFKA_TOPIC_BYTES, "%s", list[i].value);
		else
			good = rd_kafka_conf_set(conf, list[i].key, list[i].value, why,
						 sizeof(why)) == RD_KAFKA_CONF_OK;
	}
	if (good)
		return conf;
	(void)error_say(error, 0, "Kafka settings: %s", why);
	rd_kafka_conf_destroy(conf);
	return NULL;
}

rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error)
{
	char why[WHY_BYTES];
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));

	if (client != NULL)
		return client;
	rd_kafka_conf_destroy(conf);
	(void)error_say(error, 0, "Kafka settings: %s", why);
	return NULL;
}

rd_kafka_message_t *kafka_message_at(rd_kafka_t *consumer, const char *topic, int32_t partition,
				     int64_t offset, struct error *error)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_message_t *message = NULL;
	rd_kafka_resp_err_t code;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	code = rd_kafka_assign(consumer, list);
	rd_kafka_topic_partition_list_destroy(list);
	for (int tries = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && tries < 10; tries++) {
		message = rd_kafka_consumer_poll(consumer, DOWNSTREAM_WAIT_MS / 10);
		if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			return message;
		if (message != NULL)
			rd_kafka_message_destroy(message);
	}
	(void)error_say(error, 0, "topic %s: message %" PRId64 " of partition %d did not come",
			topic, offset, partition);
	return NULL;
}

bool kafka_header(const rd_kafka_message_t *message, const char *name, char *out, size_t out_bytes)
{
	rd_kafka_headers_t *headers = NULL;
	const void *value = NULL;
	size_t bytes = 0;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_last(headers, name, &value, &bytes) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    value == NULL || bytes >= out_bytes)
		return false;
	memcpy(out, value, bytes);
	out[bytes] = '\0';
	return true;
}

bool kafka_message_block(const rd_kafka_message_t *message, struct frame *frame,
			 struct lane_mark *mark)
{
	char text[FRAME_TEXT_BYTES];

	if (!kafka_header(message, kafka_header_block, text, sizeof(text)) ||
	    !frame_from_text(text, frame) ||
	    !kafka_header(message, kafka_header_mark, text, sizeof(text)))
		return false;
	*mark = (struct lane_mark){.place.segment = frame->segment, .place.offset = frame->offset};
	return sscanf(text, "%" SCNu64 " %16" SCNx64, &mark->next_lsn, &mark->checksum) == 2 &&
	       mark->next_lsn > 0;
}

bool kafka_emptied(int64_t low, int64_t high)
{
	return high > 0 && high == low;
}
