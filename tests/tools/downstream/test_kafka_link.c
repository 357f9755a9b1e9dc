#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tools/downstream/kafka_link.h"

static char topic[KAFKA_TOPIC_BYTES];
static struct error error;

static rd_kafka_conf_t *conf_of(const struct downstream_setting *list, unsigned cnt)
{
	return kafka_conf("kafka://k1:1,k2:2", list, cnt, false, topic, &error);
}

static void expect_value(rd_kafka_conf_t *conf, const char *key, const char *want)
{
	char got[128] = "";
	size_t bytes = sizeof(got);

	cr_assert(eq(int, rd_kafka_conf_get(conf, key, got, &bytes), RD_KAFKA_CONF_OK));
	cr_assert(eq(str, got, (char *)want), "%s", key);
}

/* All but the topic is librdkafka's, and reaches it. */
Test(kafka_link, gives_settings_to_librdkafka)
{
	static const struct downstream_setting list[] = {
		{"security.protocol", "sasl_ssl"},
		{"sasl.mechanisms", "SCRAM-SHA-512"},
		{"sasl.username", "shop"},
		{"ssl.ca.location", "/etc/ca.pem"},
		{"topic", "sale"},
	};
	rd_kafka_conf_t *conf = conf_of(list, sizeof(list) / sizeof(list[0]));

	cr_assert(conf != NULL, "%s", error.text);
	expect_value(conf, "bootstrap.servers", "k1:1,k2:2");
	expect_value(conf, "security.protocol", "sasl_ssl");
	expect_value(conf, "sasl.mechanisms", "SCRAM-SHA-512");
	expect_value(conf, "sasl.username", "shop");
	expect_value(conf, "ssl.ca.location", "/etc/ca.pem");
	cr_assert(eq(str, topic, "sale"));
	rd_kafka_conf_destroy(conf);
}

Test(kafka_link, names_a_setting_that_is_refused)
{
	static const struct downstream_setting bad[] = {
		{"no.such", "1"}, {"security.protocol", "tsl"}, {"enable.idempotence", "maybe"}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert(conf_of(&bad[i], 1) == NULL);
		cr_assert(strstr(error.text, bad[i].key) != NULL, "%s", error.text);
	}
}

/* A new partition begins with offset 0; one that retention has emptied goes on where it was. */
Test(kafka_link, tells_an_emptied_partition_from_a_new_one)
{
	cr_assert(all(not(kafka_emptied(0, 0)), not(kafka_emptied(0, 7)), not(kafka_emptied(3, 7)),
		      kafka_emptied(7, 7)));
}
