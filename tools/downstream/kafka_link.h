/*
 * kafka_link: what relay and consumer share of Kafka: settings for librdkafka, the topic, the
 * headers of a message. A topic with a partition a lane.
 */
#ifndef DB_TOOLS_DOWNSTREAM_KAFKA_LINK_H
#define DB_TOOLS_DOWNSTREAM_KAFKA_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "engine/base/error.h"
#include "tools/downstream/downstream.h"
#include "tools/downstream/frame.h"

enum {
	KAFKA_TOPIC_BYTES = 128,
};

extern const char kafka_header_block[]; /* frame_to_text */
extern const char kafka_header_mark[];  /* next LSN and checksum of the block */
extern const char kafka_header_relay[]; /* who sent it */

/*
 * Settings for a client: kafka://HOST:PORT,..., then KEY=VALUE as librdkafka takes them, but topic,
 * which is ours. NULL with a line that names what is refused.
 */
rd_kafka_conf_t *kafka_conf(const char *address, const struct downstream_setting *list,
			    unsigned cnt, bool json, char topic[KAFKA_TOPIC_BYTES],
			    struct error *error);

/* A client. NULL with a line. The conf is used up in both cases. */
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error);

/*
 * The message of a partition at an offset, which the caller destroys. NULL with a line: it did not
 * come in time.
 */
rd_kafka_message_t *kafka_message_at(rd_kafka_t *consumer, const char *topic, int32_t partition,
				     int64_t offset, struct error *error);

/* Whether a partition had messages and lost all of them, so that it is not a new one. */
bool kafka_emptied(int64_t low, int64_t high);

/* The text of a header, as it was put in; false if it isn't there. */
bool kafka_header(const rd_kafka_message_t *message, const char *name, char *out, size_t out_bytes);

/* What a message's headers say of its block. False: it is not a relay's message. */
bool kafka_message_block(const rd_kafka_message_t *message, struct frame *frame,
			 struct lane_mark *mark);

#endif
