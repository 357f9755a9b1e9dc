/*
 * kafka://: Kafka, through librdkafka's idempotent producer. A topic with a partition a lane, a
 * message a block.
 *
 * Guarantees: acknowledged means that the partition has the block (acks=all) at the offset after
 * the one before it. One request is out at a time, and after one that fails none is sent: the
 * partition has no gap. A producer that fails, also fatally (a sequence that the broker refuses),
 * is closed: a new one continues after the partition's end. Blocks in flight then may arrive twice:
 * our consumer ignores the second, by LSN and checksum. Kafka can't refuse a second relay as
 * JetStream does. A block that arrives at another offset than expected is looked up: another relay
 * is an error that names it and is final, but noticed only afterwards.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/error.h"
#include "tools/downstream/kafka_link.h"
#include "tools/downstream/kafka_topic.h"

enum {
	/* Enough for the request that is out and for the next one. */
	IN_FLIGHT = 64,
	CLOSE_MS = 100,
};

struct kafka_target {
	struct downstream_target base;
	char topic[KAFKA_TOPIC_BYTES];
};

struct kafka_downstream {
	struct downstream base;
	rd_kafka_t *producer;
	rd_kafka_t *consumer;       /* to read what the partition has */
	int64_t base_offset;        /* of block 0 */
	uint64_t end;               /* blocks given to the producer */
	uint64_t acked;             /* of those, without a gap */
	int64_t offsets[IN_FLIGHT]; /* of those acknowledged */
	uint64_t checksums[IN_FLIGHT];
	bool looked; /* at the topic's configuration */
	bool failed;
	char why[256];
};

/* For a block in flight, and for one that the broker says it had already, at an unknown offset. */
static const int64_t OFFSET_NONE = -1;
static const int64_t OFFSET_UNTOLD = -2;

static struct kafka_downstream *of(struct downstream *downstream)
{
	return (struct kafka_downstream *)downstream;
}

static const char *topic_of(const struct kafka_downstream *kafka)
{
	return ((const struct kafka_target *)kafka->base.target)->topic;
}

static rd_kafka_conf_t *conf_of(const struct downstream_options *options,
				char topic[KAFKA_TOPIC_BYTES], struct error *error)
{
	return kafka_conf(options->to, options->settings, options->setting_cnt, false, topic,
			  error);
}

static int target_open(struct downstream_target **out, const struct downstream_options *options,
		       struct error *error)
{
	struct kafka_target *target = calloc(1, sizeof(*target));
	rd_kafka_conf_t *conf;

	if (target == NULL)
		return error_say(error, -ENOMEM, "no memory");
	conf = conf_of(options, target->topic, error);
	if (conf == NULL) {
		free(target);
		return -EINVAL;
	}
	rd_kafka_conf_destroy(conf);
	*out = &target->base;
	return 0;
}

static void target_close(struct downstream_target *target)
{
	free(target);
}

static void close_kafka(struct downstream *downstream)
{
	struct kafka_downstream *kafka = of(downstream);

	if (kafka->producer != NULL) {
		rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(kafka->producer, CLOSE_MS);
		rd_kafka_destroy(kafka->producer);
	}
	if (kafka->consumer != NULL)
		rd_kafka_destroy(kafka->consumer);
	free(kafka);
}

/* Called on our thread, by rd_kafka_poll. */
static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
	struct kafka_downstream *kafka = context;
	const uint64_t number = (uint64_t)(uintptr_t)message->_private;

	(void)producer;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		kafka->offsets[number % IN_FLIGHT] =
			message->offset >= 0 ? message->offset : OFFSET_UNTOLD;
		return;
	}
	if (!kafka->failed)
		snprintf(kafka->why, sizeof(kafka->why), "%s", rd_kafka_err2str(message->err));
	kafka->failed = true;
}

/* These win over the user's settings. Without the last two a batch may be stored although the one
 * before it was refused, because a new epoch begins to count anew. */
static const struct downstream_setting ours[] = {
	{"enable.idempotence", "true"},
	{"linger.ms", "1"},
	{"enable.gapless.guarantee", "true"},
	{"max.in.flight.requests.per.connection", "1"},
};

static int open_clients(struct kafka_downstream *kafka, struct error *error)
{
	const struct downstream_options *options = &kafka->base.target->options;
	char topic[KAFKA_TOPIC_BYTES];
	char why[256];
	rd_kafka_conf_t *conf = conf_of(options, topic, error);

	if (conf == NULL)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (rd_kafka_conf_set(conf, ours[i].key, ours[i].value, why, sizeof(why)) ==
		    RD_KAFKA_CONF_OK)
			continue;
		rd_kafka_conf_destroy(conf);
		return error_say(error, -EINVAL, "Kafka settings: %s", why);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set_opaque(conf, kafka);
	kafka->producer = kafka_client(RD_KAFKA_PRODUCER, conf, error);
	if (kafka->producer == NULL)
		return -EINVAL;
	conf = conf_of(options, topic, error);
	if (conf == NULL)
		return -EINVAL;
	(void)rd_kafka_conf_set(conf, "group.id", "doorbuster-relay", why, sizeof(why));
	(void)rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof(why));
	kafka->consumer = kafka_client(RD_KAFKA_CONSUMER, conf, error);
	return kafka->consumer != NULL ? 0 : -EINVAL;
}

static int open_kafka(struct downstream **out, struct downstream_target *target, uint16_t lane,
		      struct error *error)
{
	struct kafka_downstream *kafka = calloc(1, sizeof(*kafka));
	int rc;

	if (kafka == NULL)
		return error_say(error, -ENOMEM, "no memory for lane %u", lane);
	kafka->base.target = target;
	kafka->base.lane = lane;
	rc = open_clients(kafka, error);
	if (rc != 0)
		close_kafka(&kafka->base);
	else
		*out = &kafka->base;
	return rc;
}

/* Always -EPROTO. */
static int say_foreign(const struct kafka_downstream *kafka, int64_t offset, const char *what,
		       struct error *error)
{
	return error_say(error, -EPROTO,
			 "topic %s: message %" PRId64 " of partition %u is %s; nobody but one "
			 "relay may write to it: begin a new one with --set topic=NAME",
			 topic_of(kafka), offset, kafka->base.lane, what);
}

static int read_last(struct kafka_downstream *kafka, int64_t offset, struct lane_mark *last,
		     struct error *error)
{
	const uint64_t journal_id = kafka->base.target->options.journal->journal_id;
	const char *wrong = "no message of a relay";
	struct frame frame;
	rd_kafka_message_t *message =
		kafka_message_at(kafka->consumer, topic_of(kafka), kafka->base.lane, offset, error);

	if (message == NULL)
		return -ENOTCONN;
	if (kafka_message_block(message, &frame, last))
		wrong = frame_block_wrong(&frame, journal_id, kafka->base.lane, message->payload,
					  message->len);
	rd_kafka_message_destroy(message);
	return wrong == NULL ? 0 : say_foreign(kafka, offset, wrong, error);
}

/* Which cluster it is, and, asked once for all lanes, whether the topic keeps all. */
static int look_at_topic(struct kafka_downstream *kafka, struct error *error)
{
	char *cluster = rd_kafka_clusterid(kafka->consumer, DOWNSTREAM_WAIT_MS);
	struct error note;
	int rc = 0;

	if (cluster != NULL)
		snprintf(kafka->base.who, sizeof(kafka->base.who), "cluster-%s", cluster);
	if (cluster != NULL)
		rd_kafka_mem_free(kafka->consumer, cluster);
	if (kafka->base.lane == 0 && !kafka->looked)
		rc = kafka_topic_check(kafka->consumer, topic_of(kafka), &note);
	kafka->looked = true;
	if (rc == -EAGAIN)
		kafka->base.note = note;
	return rc == -EPROTO ? error_say(error, rc, "%s", note.text) : 0;
}

static int end_kafka(struct downstream *downstream, struct lane_mark *last, bool *part,
		     struct error *error)
{
	struct kafka_downstream *kafka = of(downstream);
	int64_t low = 0;
	int64_t high = 0;
	const rd_kafka_resp_err_t code =
		rd_kafka_query_watermark_offsets(kafka->consumer, topic_of(kafka), downstream->lane,
						 &low, &high, DOWNSTREAM_WAIT_MS);

	int rc;

	(void)part;
	if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
		return error_say(error, -EPROTO,
				 "topic %s has no partition %u: make it with a partition a lane",
				 topic_of(kafka), downstream->lane);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_say(error, -ENOTCONN, "topic %s: %s", topic_of(kafka),
				 rd_kafka_err2str(code));
	if (kafka_emptied(low, high))
		return error_say(error, -EPROTO,
				 "topic %s: partition %u was emptied (its next offset is "
				 "%" PRId64 "): keep all with retention.ms=-1, and begin a new "
				 "one with --set topic=NAME",
				 topic_of(kafka), downstream->lane, high);
	rc = look_at_topic(kafka, error);
	if (rc != 0)
		return rc;
	kafka->base_offset = high - (int64_t)kafka->end;
	return high > low ? read_last(kafka, high - 1, last, error) : 0;
}

static int publish_kafka(struct downstream *downstream, const struct lane_block *block,
			 struct error *error)
{
	struct kafka_downstream *kafka = of(downstream);
	const struct downstream_options *options = &downstream->target->options;
	const struct lane_mark mark = lane_mark_of(block);
	char id[FRAME_TEXT_BYTES];
	char place[FRAME_TEXT_BYTES];
	char behind[FRAME_TEXT_BYTES];
	char relay[DOWNSTREAM_RELAY_BYTES];
	struct frame frame;
	rd_kafka_resp_err_t code;

	if (kafka->end - kafka->acked >= IN_FLIGHT)
		return -EAGAIN;
	frame_fill(&frame, options->journal->journal_id, downstream->lane, block);
	frame_to_text(&frame, place);
	snprintf(id, sizeof(id), "%u:%" PRIu64, downstream->lane, block->header->first_lsn);
	snprintf(behind, sizeof(behind), "%" PRIu64 " %016" PRIx64, mark.next_lsn, mark.checksum);
	downstream_relay_text(options, relay);
	kafka->offsets[kafka->end % IN_FLIGHT] = OFFSET_NONE;
	kafka->checksums[kafka->end % IN_FLIGHT] = mark.checksum;
	code = rd_kafka_producev(
		kafka->producer, RD_KAFKA_V_TOPIC(topic_of(kafka)),
		RD_KAFKA_V_PARTITION(downstream->lane), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(id, strlen(id)),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)block->header, block->header->block_bytes),
		RD_KAFKA_V_HEADER(kafka_header_block, place, -1),
		RD_KAFKA_V_HEADER(kafka_header_mark, behind, -1),
		RD_KAFKA_V_HEADER(kafka_header_relay, relay, -1),
		RD_KAFKA_V_OPAQUE((void *)(uintptr_t)kafka->end), RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return -EAGAIN;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_say(error, -ENOTCONN, "topic %s: %s", topic_of(kafka),
				 rd_kafka_err2str(code));
	kafka->end++;
	return 0;
}

/* A block arrived at another offset than the next: finds out who wrote what is there. */
static int look_up(struct kafka_downstream *kafka, int64_t offset, struct error *error)
{
	const struct downstream_options *options = &kafka->base.target->options;
	rd_kafka_message_t *message =
		kafka_message_at(kafka->consumer, topic_of(kafka), kafka->base.lane, offset, error);
	char text[FRAME_TEXT_BYTES];
	char us[DOWNSTREAM_RELAY_BYTES];
	int rc = -ENOTCONN;

	if (message == NULL)
		return rc;
	downstream_relay_text(options, us);
	if (!kafka_header(message, kafka_header_relay, text, sizeof(text)))
		text[0] = '\0';
	switch (downstream_relay_check(options, text)) {
	case 0:
		(void)error_say(error, rc,
				"topic %s: message %" PRId64 " came from an earlier life",
				topic_of(kafka), offset);
		break;
	case -EBUSY:
		rc = error_say(error, -EBUSY,
			       "topic %s: message %" PRId64
			       " of partition %u was written by another relay (%s; this is "
			       "%s), maybe on a copy of this data directory: one relay a "
			       "lane, stop one of them",
			       topic_of(kafka), offset, kafka->base.lane, text, us);
		break;
	default:
		rc = say_foreign(kafka, offset, "no message of a relay", error);
	}
	rd_kafka_message_destroy(message);
	return rc;
}

/*
 * The broker says that it had a block already (a sequence that came twice), but not where. The
 * block must be in its place: else there is a gap that can't be filled any more.
 */
static int check_there(struct kafka_downstream *kafka, int64_t offset, uint64_t checksum,
		       struct error *error)
{
	struct lane_mark mark;
	int rc = read_last(kafka, offset, &mark, error);

	if (rc == 0 && mark.checksum != checksum)
		rc = say_foreign(kafka, offset,
				 "another block than the one that the broker says it has there",
				 error);
	return rc;
}

static int reap_kafka(struct downstream *downstream, struct error *error)
{
	struct kafka_downstream *kafka = of(downstream);
	int cnt = 0;

	rd_kafka_poll(kafka->producer, 0);
	if (rd_kafka_fatal_error(kafka->producer, kafka->why, sizeof(kafka->why)) !=
	    RD_KAFKA_RESP_ERR_NO_ERROR)
		kafka->failed = true;
	while (kafka->acked < kafka->end &&
	       kafka->offsets[kafka->acked % IN_FLIGHT] != OFFSET_NONE) {
		const int64_t want = kafka->base_offset + (int64_t)kafka->acked;
		const int64_t got = kafka->offsets[kafka->acked % IN_FLIGHT];
		int rc = 0;

		if (got == OFFSET_UNTOLD)
			rc = check_there(kafka, want, kafka->checksums[kafka->acked % IN_FLIGHT],
					 error);
		if (rc != 0)
			return rc;
		if (got != OFFSET_UNTOLD && got != want)
			return look_up(kafka, want, error);
		kafka->acked++;
		cnt++;
	}
	if (kafka->failed && cnt == 0)
		return error_say(error, -ENOTCONN, "topic %s: %s", topic_of(kafka), kafka->why);
	return cnt;
}

const struct downstream_kind downstream_kafka_kind = {
	.scheme = "kafka://",
	.settle_s = 300,
	.target_open = target_open,
	.target_close = target_close,
	.open = open_kafka,
	.end = end_kafka,
	.publish = publish_kafka,
	.reap = reap_kafka,
	.close = close_kafka,
};
