#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tools/downstream/downstream.h"

static struct error error;

TestSuite(downstream);

Test(downstream, shows_an_address_without_its_passwords)
{
	static const struct {
		const char *address;
		const char *shown;
	} cases[] = {
		{"nats://127.0.0.1:4222", "nats://127.0.0.1:4222"},
		{"nats://shop:secret@n1:4222", "nats://n1:4222"},
		{"tls://shop:s@c:r@n1", "tls://n1"},
		{"nats://a:secret@n1,nats://b:secret@n2:4222,n3", "nats://n1,nats://n2:4222,n3"},
		{"nats://a:secret@n1,b:secret@n2", "nats://n1,n2"},
		{"kafka://k1:9092,k2:9092", "kafka://k1:9092,k2:9092"},
		{"file:/srv/a@b", "file:/srv/a@b"},
		{"-", "-"},
		{"", ""},
	};
	char shown[DOWNSTREAM_ADDRESS_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		downstream_address(cases[i].address, shown, sizeof(shown));
		cr_expect(eq(str, shown, (char *)cases[i].shown), "%s", cases[i].address);
	}
}

/* Whatever its length, nothing is written behind the end. */
Test(downstream, cuts_an_address_that_is_too_long)
{
	char shown[16];

	for (size_t room = 1; room <= sizeof(shown); room++) {
		memset(shown, '#', sizeof(shown));
		downstream_address("nats://u:p@n1:4222,n2:4222,n3:4222", shown, room);
		cr_assert(lt(sz, strnlen(shown, room), room));
		for (size_t i = room; i < sizeof(shown); i++)
			cr_assert(eq(chr, shown[i], '#'));
	}
}

Test(downstream, takes_settings_and_no_more_than_there_is_room_for)
{
	struct downstream_setting settings[DOWNSTREAM_SETTINGS_MAX];
	char texts[DOWNSTREAM_SETTINGS_MAX + 1][16];
	char empty[] = "key=";
	char bare[] = "key";
	char keyless[] = "=value";
	unsigned cnt = 0;

	cr_assert(not(downstream_parse_setting(bare, settings, &cnt)));
	cr_assert(not(downstream_parse_setting(keyless, settings, &cnt)));
	cr_assert(downstream_parse_setting(empty, settings, &cnt));
	cr_assert(all(eq(str, (char *)settings[0].key, "key"),
		      eq(str, (char *)settings[0].value, ""), eq(u32, cnt, 1)));
	cnt = 0;
	for (unsigned i = 0; i <= DOWNSTREAM_SETTINGS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "k%u=a=%u", i, i);
		cr_assert(eq(int, downstream_parse_setting(texts[i], settings, &cnt),
			     i < DOWNSTREAM_SETTINGS_MAX));
	}
	cr_assert(all(eq(str, (char *)settings[63].key, "k63"),
		      eq(str, (char *)settings[63].value, "a=63")));
}

/* A target of every kind, and what no kind takes; nothing of it needs a broker. */
Test(downstream, finds_the_kind_of_a_target)
{
	static const struct {
		const char *to;
		const char *key;
		const char *value;
		const char *line; /* NULL: it is taken */
		enum downstream_format format;
	} cases[] = {
		{"-", NULL, NULL, NULL, FORMAT_BLOCK},
		{"-", NULL, NULL, NULL, FORMAT_JSON},
		{"nats://n1", "replicas", "3", NULL, FORMAT_BLOCK},
		{"tls://n1", NULL, NULL, NULL, FORMAT_JSON},
		{"kafka://k1", "topic", "sale", NULL, FORMAT_BLOCK},
		{"-", "a", "b", "--set a: - has no settings", FORMAT_BLOCK},
		{"-x", NULL, NULL, "'-x' is not a downstream", FORMAT_BLOCK},
		{"kafka://k1", NULL, NULL, "'kafka://k1' is not a downstream", FORMAT_JSON},
		{"http://u:p@n1", NULL, NULL, "'http://n1' is not a downstream", FORMAT_BLOCK},
		{"file:x", "a", "b", "--set a: a file has no settings", FORMAT_BLOCK},
		{"file:x", "a", "b", "--set a: a file has no settings", FORMAT_JSON},
		{"file:", NULL, NULL, "'file:' names no directory", FORMAT_JSON},
		{"nats://n1", "replica", "3", "--set replica: of NATS there is", FORMAT_BLOCK},
		{"kafka://k1", "acks", "many", "Kafka settings: ", FORMAT_BLOCK},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct downstream_options options = {
			.to = cases[i].to,
			.format = cases[i].format,
			.settings = {{cases[i].key, cases[i].value}},
			.setting_cnt = cases[i].key != NULL,
		};
		struct downstream_target *target = NULL;
		const int rc = downstream_target_open(&target, &options, &error);

		cr_expect(eq(int, rc, cases[i].line == NULL ? 0 : -EINVAL), "%s: %s", cases[i].to,
			  error.text);
		if (cases[i].line != NULL)
			cr_expect(eq(int, strncmp(error.text, cases[i].line, strlen(cases[i].line)),
				     0),
				  "%s: %s", cases[i].to, error.text);
		downstream_target_close(target);
	}
}

/* Ours: of this start or of one before it. A copy of the data directory has our id, and may have
 * started as often as we. */
Test(downstream, tells_its_own_messages_from_another_relays)
{
	const struct downstream_options us = {.relay_id = 0x99, .run = 3, .start = 0xa1};
	const struct downstream_options others[] = {
		{.relay_id = 0x98, .run = 3, .start = 0xa1},
		{.relay_id = 0x99, .run = 4, .start = 0xb2},
		{.relay_id = 0x99, .run = 3, .start = 0xb2},
	};
	const struct downstream_options earlier = {.relay_id = 0x99, .run = 2, .start = 0xb2};
	char text[DOWNSTREAM_RELAY_BYTES];

	downstream_relay_text(&us, text);
	cr_assert(eq(str, text, "0000000000000099 3 00000000000000a1"));
	cr_assert(eq(int, downstream_relay_check(&us, text), 0));
	downstream_relay_text(&earlier, text);
	cr_assert(eq(int, downstream_relay_check(&us, text), 0));
	cr_assert(eq(int, downstream_relay_check(&us, "0000000000000099 2"), 0));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		downstream_relay_text(&others[i], text);
		cr_expect(eq(int, downstream_relay_check(&us, text), -EBUSY), "%s", text);
	}
	cr_assert(eq(int, downstream_relay_check(&us, ""), -EPROTO));
	cr_assert(eq(int, downstream_relay_check(&us, "hello"), -EPROTO));
}
