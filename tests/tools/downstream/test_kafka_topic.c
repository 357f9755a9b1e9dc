#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/downstream/kafka_topic.h"

/* A topic keeps what it has, or is refused by the setting that loses it. */
Test(kafka_topic, names_what_makes_a_topic_forget)
{
	static const struct {
		const char *key;
		const char *value;
		const char *what; /* a part of it; NULL: it keeps all */
	} cases[] = {
		{"cleanup.policy", "delete", NULL},
		{"cleanup.policy", "compact", "Set cleanup.policy=delete"},
		{"cleanup.policy", "compact,delete", "is compacted"},
		{"retention.ms", "-1", NULL},
		{"retention.ms", "604800000", "Set retention.ms=-1"},
		{"retention.bytes", "-1", NULL},
		{"retention.bytes", "1073741824", "Set retention.bytes=-1"},
		{"delete.retention.ms", "86400000", NULL},
		{"min.insync.replicas", "2", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *what = kafka_topic_forgets(cases[i].key, cases[i].value);

		cr_expect(eq(int, what == NULL, cases[i].what == NULL), "case %zu", i);
		cr_expect(what == NULL || cases[i].what == NULL ||
				  strstr(what, cases[i].what) != NULL,
			  "case %zu: %s", i, what);
	}
}
