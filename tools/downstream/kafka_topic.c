#include "tools/downstream/kafka_topic.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "tools/downstream/downstream.h"

const char *kafka_topic_forgets(const char *key, const char *value)
{
	const bool limited = strcmp(value, "-1") != 0;

	if (strcmp(key, "cleanup.policy") == 0 && strstr(value, "compact") != NULL)
		return "is compacted: of blocks with one key only the last stays. Set "
		       "cleanup.policy=delete";
	if (strcmp(key, "retention.ms") == 0 && limited)
		return "loses blocks by their age. Set retention.ms=-1";
	if (strcmp(key, "retention.bytes") == 0 && limited)
		return "loses its oldest blocks when it is large. Set retention.bytes=-1";
	return NULL;
}

static int check_resource(const rd_kafka_ConfigResource_t *resource, const char *topic,
			  struct error *error)
{
	size_t cnt = 0;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &cnt);

	if (rd_kafka_ConfigResource_error(resource) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_say(error, -EAGAIN, "%s",
				 rd_kafka_err2str(rd_kafka_ConfigResource_error(resource)));
	for (size_t i = 0; i < cnt; i++) {
		const char *key = rd_kafka_ConfigEntry_name(entries[i]);
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);
		const char *forgets = value != NULL ? kafka_topic_forgets(key, value) : NULL;

		if (forgets != NULL)
			return error_say(
				error, -EPROTO,
				"topic %s (%s=%s) %s, or name another with --set topic=NAME", topic,
				key, value, forgets);
	}
	return 0;
}

/* What the brokers answered; NULL: nothing. */
static int check_event(rd_kafka_event_t *event, const char *topic, struct error *error)
{
	const rd_kafka_DescribeConfigs_result_t *result = NULL;
	const rd_kafka_ConfigResource_t **resources = NULL;
	size_t cnt = 0;

	if (event == NULL)
		return error_say(error, -EAGAIN, "no answer");
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_say(error, -EAGAIN, "%s", rd_kafka_event_error_string(event));
	result = rd_kafka_event_DescribeConfigs_result(event);
	if (result != NULL)
		resources = rd_kafka_DescribeConfigs_result_resources(result, &cnt);
	return cnt == 1 ? check_resource(resources[0], topic, error)
			: error_say(error, -EAGAIN, "an answer without the topic");
}

int kafka_topic_check(rd_kafka_t *client, const char *topic, struct error *error)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_event_t *event;
	struct error why;
	char text[128];
	int rc;

	(void)rd_kafka_AdminOptions_set_request_timeout(options, DOWNSTREAM_WAIT_MS, text,
							sizeof(text));
	rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
	event = rd_kafka_queue_poll(queue, DOWNSTREAM_WAIT_MS);
	rc = check_event(event, topic, &why);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_AdminOptions_destroy(options);
	if (rc == -EPROTO)
		error_set(error, "%s", why.text);
	if (rc == -EAGAIN)
		error_set(error,
			  "topic %s: its retention and compaction are not checked (%s): see to it "
			  "that it has cleanup.policy=delete, retention.ms=-1 and "
			  "retention.bytes=-1",
			  topic, why.text);
	return rc;
}
