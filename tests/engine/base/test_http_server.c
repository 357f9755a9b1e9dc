#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/base/http_server.h"

enum {
	/* More than a socket's buffers take at once. */
	BIG_BYTES = 16 << 20,
	ANSWER_BYTES = 4096,
};

struct shop {
	bool well;
	bool big;
	bool poor; /* no memory for the text */
	bool begun;
	struct http_server *http;
	struct sockaddr_in address;
};

static void shop_begin(void *context)
{
	struct shop *shop = context;

	shop->begun = true;
}

static void shop_metrics(void *context, struct metrics_text *text)
{
	const struct shop *shop = context;

	cr_assert(shop->begun);
	metrics_text_family(text, "shop_up", METRICS_GAUGE, "Up.");
	metrics_text_u64(text, NULL, 1);
	while (shop->big && text->bytes < BIG_BYTES)
		metrics_text_u64(text, NULL, 1);
	text->failed |= shop->poor;
}

static bool shop_health(void *context, struct metrics_text *text)
{
	const struct shop *shop = context;

	metrics_text_add(text, shop->well ? "well\n" : "lane 3 is ill\n");
	return shop->well;
}

static void open_shop(struct shop *shop)
{
	const struct http_server_source source = {
		.context = shop,
		.begin = shop_begin,
		.metrics = shop_metrics,
		.health = shop_health,
	};
	socklen_t bytes = sizeof(shop->address);
	struct error error = {0};
	const int fd = http_server_bind("127.0.0.1:0", &error);

	signal(SIGPIPE, SIG_IGN);
	cr_assert(ge(int, fd, 0), "%s", error.text);
	cr_assert(eq(int, getsockname(fd, (struct sockaddr *)&shop->address, &bytes), 0));
	cr_assert(eq(int, http_server_open(&shop->http, fd, &source, &error), 0), "%s", error.text);
}

static int visit(const struct shop *shop)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int,
		     connect(fd, (const struct sockaddr *)&shop->address, sizeof(shop->address)),
		     0));
	return fd;
}

/* All until the end of the stream; the first ANSWER_BYTES of it stay in answer. Returns how many
 * there were. */
static size_t read_all(int fd, char answer[ANSWER_BYTES])
{
	static char rest[65536];
	size_t sum = 0;
	ssize_t got;

	memset(answer, 0, ANSWER_BYTES);
	do {
		const bool kept = sum < ANSWER_BYTES - 1;

		got = kept ? read(fd, answer + sum, ANSWER_BYTES - 1 - sum)
			   : read(fd, rest, sizeof(rest));
		sum += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	close(fd);
	return sum;
}

/* The answer to one request. */
static const char *ask(const struct shop *shop, const char *request)
{
	static char answer[ANSWER_BYTES];
	const int fd = visit(shop);

	cr_assert(eq(long, write(fd, request, strlen(request)), (long)strlen(request)));
	read_all(fd, answer);
	return answer;
}

#define EXPECT_STATUS(answer, status)                                                              \
	cr_assert(strncmp((answer), "HTTP/1.1 " status, strlen("HTTP/1.1 " status)) == 0, "%s",    \
		  (answer))

Test(http_server, answers_metrics_health_and_nothing_else)
{
	struct shop shop = {.well = true};
	const char *answer;

	open_shop(&shop);
	answer = ask(&shop, "GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n");
	EXPECT_STATUS(answer, "200");
	cr_assert(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
		  NULL);
	cr_assert(strstr(answer, "\r\n\r\n# HELP shop_up Up.\n# TYPE shop_up gauge\nshop_up 1\n") !=
		  NULL);
	answer = ask(&shop, "GET /metrics?x=1 HTTP/1.0\r\n\r\n");
	cr_assert(strstr(answer, "\nshop_up 1\n") != NULL);
	answer = ask(&shop, "HEAD /metrics HTTP/1.1\r\nHost: shop\r\n\r\n");
	EXPECT_STATUS(answer, "200");
	cr_assert(strstr(answer, "shop_up") == NULL);

	answer = ask(&shop, "GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n");
	EXPECT_STATUS(answer, "200");
	cr_assert(strstr(answer, "\r\n\r\nwell\n") != NULL);
	shop.well = false;
	answer = ask(&shop, "GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n");
	EXPECT_STATUS(answer, "503");
	cr_assert(strstr(answer, "\r\n\r\nlane 3 is ill\n") != NULL);
	EXPECT_STATUS(ask(&shop, "GET /readyz HTTP/1.1\r\nHost: shop\r\n\r\n"), "503");
	/* As a load balancer asks: the same headers, and no body. */
	answer = ask(&shop, "HEAD /healthz HTTP/1.1\r\nHost: shop\r\n\r\n");
	EXPECT_STATUS(answer, "503");
	cr_assert(strstr(answer, "Content-Length: 14\r\n") != NULL, "%s", answer);
	cr_assert(strstr(answer, "lane 3") == NULL, "%s", answer);
	/* Who restarts what does not live must not restart what is ill. */
	EXPECT_STATUS(ask(&shop, "GET /livez HTTP/1.1\r\nHost: shop\r\n\r\n"), "200");

	EXPECT_STATUS(ask(&shop, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"), "404");
	EXPECT_STATUS(ask(&shop, "GET /metricsx HTTP/1.1\r\nHost: shop\r\n\r\n"), "404");
	answer =
		ask(&shop, "POST /metrics HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nabcd");
	EXPECT_STATUS(answer, "405");
	cr_assert(strstr(answer, "Allow: GET, HEAD\r\n") != NULL);
	http_server_close(shop.http);
}

/* A part of the metrics looks like all of them. */
Test(http_server, hangs_up_where_memory_is_short)
{
	struct shop shop = {.poor = true};

	open_shop(&shop);
	cr_assert(eq(str, (char *)ask(&shop, "GET /metrics HTTP/1.0\r\n\r\n"), ""));
	shop.poor = false;
	EXPECT_STATUS(ask(&shop, "GET /metrics HTTP/1.0\r\n\r\n"), "200");
	http_server_close(shop.http);
}

Test(http_server, garbage_gets_no_metrics_and_harms_nobody)
{
	static const char *const garbage[] = {
		"\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01",
		"GET",
		"GET /metrics\r\n\r\n",
		"GET /%zz%00 HTTP/9.9\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	};
	struct shop shop = {.well = true};
	static char big[65536];
	char answer[ANSWER_BYTES];
	int fd;

	open_shop(&shop);
	for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		fd = visit(&shop);
		cr_assert(gt(long, write(fd, garbage[i], strlen(garbage[i])), 0));
		shutdown(fd, SHUT_WR);
		read_all(fd, answer);
		cr_assert(strstr(answer, "HTTP/1.1 200") == NULL, "%s", answer);
	}
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	fd = visit(&shop);
	(void)!write(fd, big, sizeof(big));
	shutdown(fd, SHUT_WR);
	read_all(fd, answer);
	cr_assert(strstr(answer, "HTTP/1.1 200") == NULL);
	EXPECT_STATUS(ask(&shop, "GET /metrics HTTP/1.0\r\n\r\n"), "200");
	http_server_close(shop.http);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether the other side has hung up. */
static bool is_over(int fd)
{
	struct pollfd over = {.fd = fd, .events = POLLIN | POLLRDHUP};

	return poll(&over, 1, 0) == 1 && (over.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* More than there is room for: silent ones, ones that send a byte now and then, ones that don't
 * read. All are gone when their time is up, and everybody else is answered. */
Test(http_server, slow_peers_are_hung_up_on, .timeout = 60)
{
	enum {
		SLOW_CNT = HTTP_SERVER_PEERS_MAX + 8,
	};
	const struct timespec pause = {.tv_nsec = 50000000};
	struct shop shop = {.big = true};
	const long begin_ms = now_ms();
	char answer[ANSWER_BYTES];
	int fds[SLOW_CNT];
	unsigned over_cnt = 0;

	open_shop(&shop);
	for (unsigned i = 0; i < SLOW_CNT; i++) {
		fds[i] = visit(&shop);
		if (i % 3 == 0)
			cr_assert(gt(long, write(fds[i], "GET /metrics HTTP/1.0\r\n\r\n", 25), 0));
	}
	while (over_cnt < HTTP_SERVER_PEERS_MAX) {
		nanosleep(&pause, NULL);
		over_cnt = 0;
		for (unsigned i = 0; i < SLOW_CNT; i++) {
			over_cnt += is_over(fds[i]);
			if (i % 3 == 1)
				(void)!write(fds[i], "G", 1);
		}
	}
	cr_assert(ge(long, now_ms() - begin_ms, HTTP_SERVER_PATIENCE_MS - 100));

	const int patient = visit(&shop);

	cr_assert(gt(long, write(patient, "GET /metrics HTTP/1.0\r\n\r\n", 25), 0));
	cr_assert(gt(sz, read_all(patient, answer), BIG_BYTES));
	EXPECT_STATUS(answer, "200");
	for (unsigned i = 0; i < SLOW_CNT; i++)
		close(fds[i]);
	http_server_close(shop.http);
}

Test(http_server, ends_beside_peers_that_are_there)
{
	struct shop shop = {.big = true};
	char answer[ANSWER_BYTES];
	int fds[3];

	open_shop(&shop);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = visit(&shop);
	cr_assert(gt(long, write(fds[0], "GET /metrics HTTP/1.0\r\n\r\n", 25), 0));
	cr_assert(gt(long, write(fds[1], "GET /met", 8), 0));
	cr_assert(eq(long, read(fds[0], answer, 1), 1));
	http_server_close(shop.http);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

static void refuses(const char *address, int rc, const char *word)
{
	struct error error = {0};

	cr_assert(eq(int, http_server_bind(address, &error), rc), "%s: %s", address, error.text);
	cr_assert(strstr(error.text, word) != NULL, "%s: %s", address, error.text);
	cr_assert(strstr(error.text, address) != NULL, "%s: %s", address, error.text);
}

Test(http_server, refuses_addresses_that_cannot_work)
{
	static const char *const wrong[] = {
		"",
		":",
		"9464",
		"127.0.0.1",
		"127.0.0.1:",
		":9464",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1:9x",
		"127.0.0.1:123456",
		"::1:9464",
		"[::1]",
		"[::1]9464",
		"[]:9464",
		"[::1:9464",
		"localhost:9464",
		"1.2.3:x:1",
		"127.0.0.256:1",
		"111111111111111111111111111111111111111111111111111111111111111111111111:1",
	};
	char taken[HTTP_SERVER_ADDRESS_BYTES];
	struct error error;

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refuses(wrong[i], -EINVAL, "write ADDR:PORT");
	refuses("192.0.2.1:9464", -EADDRNOTAVAIL, "no interface here has this address");

	const int fd = http_server_bind("127.0.0.1:0", &error);

	http_server_address(fd, taken);
	cr_assert(strncmp(taken, "127.0.0.1:", 10) == 0);
	cr_assert(strcmp(taken, "127.0.0.1:0") != 0);
	refuses(taken, -EADDRINUSE, "choose another port");
	close(fd);
}

Test(http_server, listens_on_ipv6)
{
	char address[HTTP_SERVER_ADDRESS_BYTES];
	struct error error;
	const int fd = http_server_bind("[::1]:0", &error);

	if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
		cr_skip_test("no IPv6 here");
	cr_assert(ge(int, fd, 0));
	http_server_address(fd, address);
	cr_assert(strncmp(address, "[::1]:", 6) == 0);
	close(fd);
}
