/*
 * kafka://: the topic that a relay fills, a consumer a partition, assigned and never balanced. The
 * cursor's `extra` is the offset of the last message.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "tools/downstream/kafka_link.h"
#include "tools/downstream/source.h"

/* How often a partition is asked where it ends, once all its messages were given. */
static const uint64_t ASK_NS = 250000000;

struct kafka_lane {
	rd_kafka_t *consumer;
	rd_kafka_message_t *message; /* given last */
	int64_t next;                /* offset */
	int64_t end;                 /* the partition had this many when it was asked last */
	uint64_t asked_ns;
};

struct kafka_source {
	struct source base;
	struct consumer_options options;
	char topic[KAFKA_TOPIC_BYTES];
	struct kafka_lane lanes[SHARDS_MAX];
};

static struct kafka_source *of(struct source *source)
{
	return (struct kafka_source *)source;
}

static void close_kafka(struct source *base)
{
	struct kafka_source *source = of(base);

	for (unsigned i = 0; i < SHARDS_MAX; i++) {
		if (source->lanes[i].message != NULL)
			rd_kafka_message_destroy(source->lanes[i].message);
		if (source->lanes[i].consumer != NULL)
			rd_kafka_destroy(source->lanes[i].consumer);
	}
	free(source);
}

static rd_kafka_t *open_consumer(struct kafka_source *source, struct error *error)
{
	const struct consumer_options *options = &source->options;
	rd_kafka_conf_t *conf = kafka_conf(options->from, options->settings, options->setting_cnt,
					   false, source->topic, error);
	char why[128];

	if (conf == NULL)
		return NULL;
	(void)rd_kafka_conf_set(conf, "group.id", "doorbuster-consume", why, sizeof(why));
	(void)rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof(why));
	return kafka_client(RD_KAFKA_CONSUMER, conf, error);
}

/* How many partitions the topic has, or -errno with a line. */
static int partitions_of(struct kafka_source *source, rd_kafka_t *client, struct error *error)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(client, source->topic, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	const rd_kafka_resp_err_t code =
		rd_kafka_metadata(client, 0, topic, &metadata, DOWNSTREAM_WAIT_MS);
	int cnt = -ENOTCONN;

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1)
		cnt = metadata->topics[0].partition_cnt;
	if (metadata != NULL)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);
	return cnt > 0 ? cnt
		       : error_say(error, -ENOTCONN, "topic %s: %s", source->topic,
				   rd_kafka_err2str(code));
}

/* The offset of a partition's first message, and the one after its last. */
static int ask_offsets(const struct kafka_source *source, rd_kafka_t *client, int partition,
		       int64_t *low, int64_t *high, struct error *error)
{
	return rd_kafka_query_watermark_offsets(client, source->topic, partition, low, high,
						DOWNSTREAM_WAIT_MS) == 0
		       ? 0
		       : error_say(error, -ENOTCONN, "topic %s: partition %d is out of reach",
				   source->topic, partition);
}

/* Finds the lanes, which are the partitions up to the last that has something, and the journal's
 * id. */
static int find_lanes(struct kafka_source *source, struct error *error)
{
	rd_kafka_t *client = open_consumer(source, error);
	int cnt = client == NULL ? -EINVAL : partitions_of(source, client, error);
	int rc = cnt < 0 ? cnt : 0;

	for (int i = 0; rc == 0 && i < cnt && i < SHARDS_MAX; i++) {
		int64_t low = 0;
		int64_t high = 0;
		rd_kafka_message_t *message = NULL;
		struct lane_mark mark;
		struct frame frame;

		rc = ask_offsets(source, client, i, &low, &high, error);
		if (rc != 0 || high == low)
			continue;
		message = kafka_message_at(client, source->topic, i, high - 1, error);
		if (message == NULL)
			rc = -ENOTCONN;
		else if (!kafka_message_block(message, &frame, &mark))
			rc = error_say(error, -EPROTO,
				       "topic %s: message %" PRId64
				       " of partition %d is no message of a relay",
				       source->topic, high - 1, i);
		else
			source->base.journal_id = frame.journal_id;
		if (message != NULL)
			rd_kafka_message_destroy(message);
		source->base.lanes = (uint16_t)(i + 1);
	}
	if (client != NULL)
		rd_kafka_destroy(client);
	if (rc == 0 && source->base.lanes == 0)
		rc = error_say(error, -ENOTCONN,
			       "there is nothing in topic %s: let a relay fill it, or name "
			       "another with --set topic=NAME",
			       source->topic);
	return rc;
}

/* A partition counts as a lane when it has something. */
static int grow_kafka(struct source *base, struct error *error)
{
	struct kafka_source *source = of(base);
	rd_kafka_t *client = source->lanes[0].consumer;
	const int cnt = partitions_of(source, client, error);
	int rc = cnt < 0 ? cnt : 0;

	for (int i = base->lanes; rc == 0 && i < cnt && i < SHARDS_MAX; i++) {
		int64_t low = 0;
		int64_t high = 0;

		rc = ask_offsets(source, client, i, &low, &high, error);
		if (rc == 0 && high > low)
			base->lanes = (uint16_t)(i + 1);
	}
	return rc;
}

static int open_kafka(struct source **out, const struct consumer_options *options,
		      struct error *error)
{
	struct kafka_source *source = calloc(1, sizeof(*source));
	int rc;

	if (source == NULL)
		return error_say(error, -ENOMEM, "no memory");
	source->options = *options;
	rc = find_lanes(source, error);
	if (rc != 0)
		close_kafka(&source->base);
	else
		*out = &source->base;
	return rc;
}

static int ask_end(struct kafka_source *source, uint16_t number, int64_t *low, struct error *error)
{
	struct kafka_lane *lane = &source->lanes[number];
	const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
		lane->consumer, source->topic, number, low, &lane->end, DOWNSTREAM_WAIT_MS);

	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		       ? 0
		       : error_say(error, -ENOTCONN, "topic %s: %s", source->topic,
				   rd_kafka_err2str(code));
}

static int seek_kafka(struct source *base, uint16_t number, const struct cursor_lane *behind,
		      struct error *error)
{
	struct kafka_source *source = of(base);
	struct kafka_lane *lane = &source->lanes[number];
	rd_kafka_topic_partition_list_t *list;
	int64_t low = 0;
	int rc;

	lane->consumer = open_consumer(source, error);
	if (lane->consumer == NULL)
		return -EINVAL;
	rc = ask_end(source, number, &low, error);
	if (rc != 0)
		return rc;
	/* Begins at the cursor's last message, to check that it is still the same. */
	lane->next = behind->mark.next_lsn > 0 && (int64_t)behind->extra < lane->end &&
				     (int64_t)behind->extra >= low
			     ? (int64_t)behind->extra
			     : low;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, source->topic, number)->offset = lane->next;
	if (rd_kafka_assign(lane->consumer, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		rc = error_say(error, -ENOTCONN, "topic %s: cannot be read", source->topic);
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

static rd_kafka_message_t *poll_message(struct kafka_lane *lane, int wait_ms)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(lane->consumer, wait_ms);

	if (message != NULL && message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_message_destroy(message);
		message = NULL;
	}
	return message;
}

/* The message that follows, if it is here. If the partition is known to have it, it waits for it.
 */
static int next_message(struct kafka_source *source, uint16_t number, struct error *error)
{
	struct kafka_lane *lane = &source->lanes[number];
	int64_t low = 0;
	int rc = 0;

	lane->message = poll_message(lane, 0);
	if (lane->message != NULL)
		return 0;
	if (lane->next >= lane->end && clock_now_ns() >= lane->asked_ns + ASK_NS) {
		rc = ask_end(source, number, &low, error);
		lane->asked_ns = clock_now_ns();
	}
	if (rc != 0 || lane->next >= lane->end)
		return rc;
	for (int tries = 0; lane->message == NULL && tries < 10; tries++)
		lane->message = poll_message(lane, DOWNSTREAM_WAIT_MS / 10);
	return lane->message != NULL
		       ? 0
		       : error_say(error, -ENOTCONN,
				   "topic %s: message %" PRId64 " of partition %u did not come",
				   source->topic, lane->next, number);
}

static int next_kafka(struct source *base, uint16_t number, struct source_block *block,
		      struct error *error)
{
	struct kafka_source *source = of(base);
	struct kafka_lane *lane = &source->lanes[number];
	struct lane_mark mark;
	int rc;

	if (lane->message != NULL)
		rd_kafka_message_destroy(lane->message);
	lane->message = NULL;
	rc = next_message(source, number, error);
	if (rc != 0 || lane->message == NULL)
		return rc;
	lane->next = lane->message->offset + 1;
	if (!kafka_message_block(lane->message, &block->frame, &mark))
		block->frame = (struct frame){0};
	block->block = lane->message->payload;
	block->bytes = lane->message->len;
	block->extra = (uint64_t)lane->message->offset;
	return 1;
}

const struct source_kind source_kafka_kind = {
	.scheme = "kafka://",
	.open = open_kafka,
	.seek = seek_kafka,
	.grow = grow_kafka,
	.next = next_kafka,
	.close = close_kafka,
};
