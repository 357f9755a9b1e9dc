#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tests/support/temp_dir.h"
#include "tools/downstream/nats_link.h"

static struct nats_settings settings;
static struct error error;

TestSuite(nats_link, .init = (void (*)(void))temp_dir_make, .fini = temp_dir_remove);

static int parse(const char *to, const struct downstream_setting *list, unsigned cnt)
{
	return nats_settings_parse(&settings, to, false, list, cnt, &error);
}

Test(nats_link, takes_a_list_of_servers)
{
	char many[NATS_SERVERS_MAX * 2 + 16] = "nats://n";
	size_t used = strlen(many);

	cr_assert(eq(int, parse("tls://u:p@n1:1,n2:2,tls://n3", NULL, 0), 0), "%s", error.text);
	cr_assert(all(eq(int, settings.server_cnt, 3),
		      eq(str, (char *)settings.servers[0], "tls://u:p@n1:1"),
		      eq(str, (char *)settings.servers[1], "n2:2"),
		      eq(str, (char *)settings.servers[2], "tls://n3"), settings.tls,
		      eq(str, settings.shown, "tls://n1:1,n2:2,tls://n3")));
	for (unsigned i = 1; i < NATS_SERVERS_MAX; i++)
		used += (size_t)snprintf(many + used, sizeof(many) - used, ",n");
	cr_assert(eq(int, parse(many, NULL, 0), 0));
	snprintf(many + used, sizeof(many) - used, ",n");
	cr_assert(eq(int, parse(many, NULL, 0), -EINVAL));
}

Test(nats_link, has_defaults_and_names_of_a_lane)
{
	char name[NATS_NAME_BYTES];

	cr_assert(eq(int, parse("nats://n", NULL, 0), 0));
	cr_assert(all(eq(u32, settings.replicas, 1), not(settings.tls)));
	nats_stream_name(&settings, 7, name);
	cr_assert(eq(str, name, "doorbuster-lane-007"));
	nats_subject(&settings, 7, name);
	cr_assert(eq(str, name, "doorbuster.lane.007"));
	cr_assert(eq(int, nats_settings_parse(&settings, "nats://n", true, NULL, 0, &error), 0));
	cr_assert(eq(str, (char *)settings.stream, "doorbuster-json"));
}

/* What is refused is named; a file is looked at before anybody connects. */
Test(nats_link, refuses_settings_by_name)
{
	static const struct {
		struct downstream_setting list[2];
		unsigned cnt;
		const char *line; /* a part of it; NULL: taken */
	} cases[] = {
		{{{"replicas", "5"}}, 1, NULL},
		{{{"in-flight", "256"}}, 1, NULL},
		{{{"token", "t"}}, 1, NULL},
		{{{"replicas", "0"}}, 1, "--set replicas=0: replicas is 1 to 5"},
		{{{"replicas", "6"}}, 1, "--set replicas=6"},
		{{{"in-flight", "257"}}, 1, "in-flight 1 to 256"},
		{{{"in-flight", "x"}}, 1, "--set in-flight=x"},
		{{{"nosuch", "1"}}, 1, "--set nosuch: of NATS there is stream"},
		{{{"stream", "a.b"}}, 1, "--set stream=a.b: no dots"},
		{{{"tls-ca", "/none"}}, 1, "--set tls-ca=/none: No such file"},
		{{{"creds", "/none"}}, 1, "--set creds=/none: No such file"},
		{{{"tls-cert", "/dev/null"}}, 1, "tls-cert= and tls-key= go together"},
		{{{"nkey", "U"}}, 1, "go together"},
		{{{"tls-cert", "/dev/null"}, {"tls-key", "/dev/null"}}, 2, NULL},
		{{{"nkey", "U"}, {"nkey-seed", "/dev/null"}}, 2, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int rc = parse("nats://n", cases[i].list, cases[i].cnt);

		cr_expect(eq(int, rc, cases[i].line == NULL ? 0 : -EINVAL), "case %zu: %s", i,
			  error.text);
		cr_expect(cases[i].line == NULL || strstr(error.text, cases[i].line) != NULL, "%s",
			  error.text);
	}
}

/* A server that says hello, and then reads nothing any more. */
static void *stop_reading(void *context)
{
	static const char hello[] = "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"proto\":1,"
				    "\"headers\":true,\"max_payload\":1048576}\r\n";
	const int fd = accept(*(const int *)context, NULL, NULL);
	char text[1024] = "";
	size_t used = 0;

	cr_assert(eq(sz, (size_t)write(fd, hello, strlen(hello)), strlen(hello)));
	while (strstr(text, "PING\r\n") == NULL && used + 1 < sizeof(text)) {
		const ssize_t got = read(fd, text + used, sizeof(text) - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
		text[used] = '\0';
	}
	cr_assert(eq(int, (int)write(fd, "PONG\r\n", 6), 6));
	return NULL;
}

/* Without a deadline this hangs, and ends by the test's time limit. */
Test(nats_link, does_not_wait_for_ever_for_a_server_that_stops_reading, .timeout = 60)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	static char data[65536];
	struct nats_link link = {0};
	natsStatus status = NATS_OK;
	pthread_t server;
	char to[64];

	cr_assert(eq(int, bind(listener, (struct sockaddr *)&address, bytes), 0));
	cr_assert(eq(int, listen(listener, 1), 0));
	cr_assert(eq(int, getsockname(listener, (struct sockaddr *)&address, &bytes), 0));
	cr_assert(eq(int, pthread_create(&server, NULL, stop_reading, &listener), 0));
	snprintf(to, sizeof(to), "nats://127.0.0.1:%u", ntohs(address.sin_port));
	cr_assert(eq(int, parse(to, NULL, 0), 0), "%s", error.text);
	cr_assert(eq(int, nats_link_open(&link, &settings, "test", "nothing", &error), 0), "%s",
		  error.text);
	cr_assert(eq(int, pthread_join(server, NULL), 0));
	while (status == NATS_OK)
		status = natsConnection_Publish(link.connection, "a", data, sizeof(data));
	cr_assert(ne(int, (int)status, (int)NATS_OK));
	nats_link_close(&link);
	close(listener);
}
