#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/downstream/nats_stream.h"

static const char *subject[] = {"doorbuster.lane.000"};
static const char *others[] = {"doorbuster.lane.*"};
static const char *two[] = {"doorbuster.lane.000", "x"};
static jsStreamSource source;

/* A stream that somebody else made: a setting that drops a block without a word, or never
 * acknowledges one, is named. */
Test(nats_stream, names_why_a_stream_cannot_be_relied_on)
{
	static const struct {
		jsStreamConfig config;
		const char *what; /* a part of it; NULL: it keeps all */
	} cases[] = {
		{{.Discard = js_DiscardOld}, NULL},
		{{.MaxMsgs = -1, .MaxBytes = -1, .MaxMsgsPerSubject = -1, .MaxMsgSize = -1}, NULL},
		{{.MaxMsgs = 5, .MaxBytes = 5, .Discard = js_DiscardNew}, NULL},
		{{.MaxMsgSize = 66560}, NULL},
		{{.Storage = js_MemoryStorage}, "forgets what it acknowledged (storage=memory)"},
		{{.Retention = js_WorkQueuePolicy}, "(a retention other than limits)"},
		{{.MaxAge = 1, .Discard = js_DiscardNew}, "(max_age)"},
		{{.MaxMsgsPerSubject = 1, .Discard = js_DiscardNew}, "(max_msgs_per_subject)"},
		{{.MaxMsgs = 5}, "(max_msgs with discard=old)"},
		{{.MaxBytes = 5}, "(max_bytes with discard=old)"},
		{{.NoAck = true}, "acknowledges nothing (no_ack)"},
		{{.Sealed = true}, "is sealed"},
		{{.MaxMsgSize = 66559}, "max_msg_size"},
		{{.Mirror = &source}, "is a mirror"},
		{{.SourcesLen = 1}, "(sources)"},
		{{.Subjects = others}, "takes other subjects"},
		{{.Subjects = two, .SubjectsLen = 2}, "takes other subjects"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		jsStreamConfig config = cases[i].config;
		const char *what;

		if (config.Subjects == NULL)
			config.Subjects = subject;
		if (config.SubjectsLen == 0)
			config.SubjectsLen = 1;
		what = nats_stream_wrong(&config, subject[0]);
		cr_expect(eq(int, what == NULL, cases[i].what == NULL), "case %zu", i);
		cr_expect(what == NULL || cases[i].what == NULL ||
				  strstr(what, cases[i].what) != NULL,
			  "case %zu: %s", i, what);
	}
}
