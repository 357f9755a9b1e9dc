/*
 * kafka_topic: looks at how long the brokers keep a topic before anything is sent there: a topic
 * that is compacted, or that retention cuts, is refused by name.
 */
#ifndef DB_TOOLS_DOWNSTREAM_KAFKA_TOPIC_H
#define DB_TOOLS_DOWNSTREAM_KAFKA_TOPIC_H

#include <stddef.h>

#include <librdkafka/rdkafka.h>

#include "engine/base/error.h"

/*
 * Asks the brokers (DescribeConfigs), which takes up to DOWNSTREAM_WAIT_MS. 0: it keeps all;
 * -EPROTO with a line: it doesn't; -EAGAIN with a line: they don't say, because they are too old,
 * or because this user may not ask (DESCRIBE_CONFIGS).
 */
int kafka_topic_check(rd_kafka_t *client, const char *topic, struct error *error);

/* What a setting of a topic makes it lose, as a static text; NULL: nothing. */
const char *kafka_topic_forgets(const char *key, const char *value);

#endif
