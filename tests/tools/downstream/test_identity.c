#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/downstream/identity.h"

TestSuite(identity, .init = (void (*)(void))temp_dir_make, .fini = temp_dir_remove);

static struct downstream_options options_of(const char *to, const char *key, const char *value)
{
	struct downstream_options options = {.to = to};

	if (key != NULL)
		options.settings[options.setting_cnt++] =
			(struct downstream_setting){.key = key, .value = value};
	return options;
}

/* Not by its address: another node, another order and TLS are the same downstream. */
Test(identity, is_kind_format_and_name)
{
	static const struct {
		const char *to;
		const char *key;
		const char *value;
		enum downstream_format format;
		const char *want;
	} cases[] = {
		{"nats://n1:4222", NULL, NULL, FORMAT_BLOCK, "nats doorbuster"},
		{"tls://u:p@n2,n1", "replicas", "3", FORMAT_BLOCK, "nats doorbuster"},
		{"nats://n1", "stream", "sale", FORMAT_BLOCK, "nats sale"},
		{"nats://n1", NULL, NULL, FORMAT_JSON, "nats doorbuster-json json"},
		{"nats://n1", "stream", "sale", FORMAT_JSON, "nats sale json"},
		{"kafka://k1:1,k2:2", NULL, NULL, FORMAT_BLOCK, "kafka doorbuster"},
		{"kafka://k1", "topic", "sale", FORMAT_BLOCK, "kafka sale"},
		{"file:/", NULL, NULL, FORMAT_BLOCK, "file /"},
		{"file:/none/there/copy", NULL, NULL, FORMAT_JSON, "file /none/there/copy json"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct downstream_options options =
			options_of(cases[i].to, cases[i].key, cases[i].value);
		char got[IDENTITY_BYTES];

		options.format = cases[i].format;
		identity_describe(&options, got);
		cr_expect(eq(str, got, (char *)cases[i].want), "case %zu", i);
		cr_expect(identity_matches(got, &options), "case %zu", i);
	}
}

/* A directory is one, however it is written, and before it is made. */
Test(identity, takes_a_directory_by_its_place)
{
	struct downstream_options options = options_of("file:copy", NULL, NULL);
	char before[IDENTITY_BYTES];
	char want[IDENTITY_BYTES];
	char to[IDENTITY_BYTES];

	snprintf(want, sizeof(want), "file %s", temp_path("copy"));
	cr_assert(eq(int, chdir(temp_path("")), 0));
	identity_describe(&options, before);
	cr_assert(eq(str, before, want));
	/* As a shell's completion leaves it. */
	options.to = "file:copy//";
	cr_assert(identity_matches(want, &options));
	snprintf(to, sizeof(to), "file:%s/copy/", temp_path(""));
	options.to = to;
	cr_assert(identity_matches(want, &options));
	options.to = "file:copy";
	cr_assert(eq(int, mkdir("copy", 0700), 0));
	identity_describe(&options, want);
	cr_assert(eq(str, before, want));
	snprintf(to, sizeof(to), "file:%s/./copy/", temp_path(""));
	options.to = to;
	cr_assert(identity_matches(before, &options));
	options.format = FORMAT_JSON;
	cr_assert(not(identity_matches(before, &options)));
}

/* What relays wrote until November 2026: an address. */
Test(identity, knows_what_older_relays_wrote)
{
	static const struct {
		const char *text;
		const char *to;
		const char *stream;
		bool json;
		bool same;
	} cases[] = {
		{"nats://n1:4222", "nats://n2:4222,n1:4222", NULL, false, true},
		{"nats://n1:4222", "tls://n1:4222", NULL, false, true},
		{"nats://n1:4222,n2:4222 stream=sale", "nats://n2", "sale", false, true},
		{"nats://n1 json stream=sale", "nats://n1", "sale", true, true},
		{"nats://n1 stream=sale", "nats://n1", "sale", true, false},
		{"nats://n1 stream=sale", "nats://n1", "other", false, false},
		{"nats://n1 stream=sale", "nats://n1", NULL, false, false},
		{"nats://n1 stream=doorbuster", "nats://n1", NULL, false, true},
		{"nats://n1", "kafka://n1", NULL, false, false},
		{"kafka://k1:9092", "kafka://k2:9092", NULL, false, true},
		{"file:/none/there/copy json", "file:/none/there/copy", NULL, true, true},
		{"file:/none/there/copy json", "file:/none/there/copy", NULL, false, false},
		{"file:/none/there/copy", "file:/none/there/two", NULL, false, false},
		{"", "nats://n1", NULL, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct downstream_options options = options_of(
			cases[i].to, cases[i].stream != NULL ? "stream" : NULL, cases[i].stream);

		options.format = cases[i].json ? FORMAT_JSON : FORMAT_BLOCK;
		cr_expect(eq(int, identity_matches(cases[i].text, &options), cases[i].same),
			  "case %zu", i);
	}
}
