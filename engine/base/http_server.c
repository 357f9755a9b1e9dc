#include "engine/base/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/predecessor.h"

enum {
	/* Request line and headers. A peer that sends more gets 431. */
	REQUEST_BYTES_MAX = 8192,
};

struct peer {
	int fd; /* -1: none */
	uint64_t until_ms;
};

struct http_server {
	struct http_server_source source;
	struct MHD_Daemon *daemon;
	int stop_fd;
	pthread_t thread;
	struct peer peers[HTTP_SERVER_PEERS_MAX];
};

/* Splits ADDR:PORT or [ADDR6]:PORT into host and port. */
static bool split_address(const char *address, char host[HTTP_SERVER_ADDRESS_BYTES],
			  const char **port)
{
	const char *colon = strrchr(address, ':');
	const char *begin = address;
	const char *end = colon;

	if (colon == NULL)
		return false;
	if (*begin == '[') {
		begin++;
		end--;
		if (end <= begin || *end != ']')
			return false;
	} else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
		return false;
	}
	if (end == begin || end - begin >= HTTP_SERVER_ADDRESS_BYTES)
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = colon + 1;
	return true;
}

static struct addrinfo *parse_address(const char *address)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found = NULL;
	char host[HTTP_SERVER_ADDRESS_BYTES];
	const char *port;

	if (!split_address(address, host, &port) || *port == '\0' || strlen(port) > 5 ||
	    port[strspn(port, "0123456789")] != '\0' || strtoul(port, NULL, 10) > UINT16_MAX ||
	    getaddrinfo(host, port, &hints, &found) != 0)
		return NULL;
	return found;
}

static const char *remedy(int rc)
{
	switch (rc) {
	case -EADDRINUSE:
		return "; another program listens there: choose another port";
	case -EADDRNOTAVAIL:
		return "; no interface here has this address: `ip address` lists those there are";
	case -EACCES:
	case -EPERM:
		return "; ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one";
	default:
		return "";
	}
}

/* The socket, or -errno. */
static int bind_once(const struct addrinfo *address)
{
	const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int yes = 1;
	int rc = fd;

	/* A restart must not wait for connections of the last run. Two listeners on one address are
	 * still refused: that is why this one listens at once. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, address->ai_addr, address->ai_addrlen) != 0 ||
	    listen(fd, HTTP_SERVER_PEERS_MAX) != 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc;
}

int http_server_bind(const char *address, struct error *error)
{
	struct addrinfo *found = parse_address(address);
	unsigned tries = 0;
	int rc;

	if (found == NULL) {
		return error_say(
			error, -EINVAL,
			"%s is not an address to listen on: write ADDR:PORT or [ADDR6]:PORT in "
			"numbers, like 127.0.0.1:9464",
			address);
	}
	/* A killed predecessor listens until its process is gone. */
	do {
		rc = bind_once(found);
	} while (rc == -EADDRINUSE && predecessor_is_ending(&tries));
	freeaddrinfo(found);
	if (rc >= 0)
		return rc;
	return error_say(error, rc, "cannot listen on %s: %s%s", address, strerror(-rc),
			 remedy(rc));
}

void http_server_address(int fd, char out[HTTP_SERVER_ADDRESS_BYTES])
{
	struct sockaddr_storage address = {0};
	socklen_t bytes = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "?";
	char port[6] = "?";

	if (getsockname(fd, (struct sockaddr *)&address, &bytes) == 0)
		(void)getnameinfo((struct sockaddr *)&address, bytes, host, sizeof(host), port,
				  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(out, HTTP_SERVER_ADDRESS_BYTES,
		 address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Takes over the text: MHD frees it. */
static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
				   const char *content_type, struct metrics_text *text)
{
	struct MHD_Response *response = NULL;
	enum MHD_Result result;

	if (!text->failed && text->text != NULL)
		response = MHD_create_response_from_buffer(text->bytes, text->text,
							   MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		metrics_text_free(text);
		return MHD_NO; /* hangs up: half of the metrics would look complete */
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_bytes, void **state)
{
	static const char PLAIN[] = "text/plain; charset=utf-8";
	const struct http_server *http = context;
	struct metrics_text text = {0};
	unsigned status = MHD_HTTP_OK;

	(void)version;
	(void)upload;
	(void)upload_bytes;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		metrics_text_add(&text, "only GET and HEAD\n");
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, PLAIN, &text);
	}
	if (strcmp(url, "/metrics") == 0) {
		http->source.metrics(http->source.context, &text);
		return answer_text(connection, status, METRICS_TEXT_CONTENT_TYPE, &text);
	}
	/* A process that can answer lives. To be started again helps none that is not ready. */
	if (strcmp(url, "/livez") == 0) {
		metrics_text_add(&text, "alive\n");
		return answer_text(connection, status, PLAIN, &text);
	}
	if (strcmp(url, "/healthz") == 0 || strcmp(url, "/readyz") == 0) {
		if (!http->source.health(http->source.context, &text))
			status = MHD_HTTP_SERVICE_UNAVAILABLE;
		return answer_text(connection, status, PLAIN, &text);
	}
	metrics_text_add(&text, "there is /metrics, /healthz, /readyz and /livez\n");
	return answer_text(connection, MHD_HTTP_NOT_FOUND, PLAIN, &text);
}

static int fd_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info != NULL ? info->connect_fd : -1;
}

static struct peer *peer_of(struct http_server *http, int fd)
{
	for (unsigned i = 0; i < HTTP_SERVER_PEERS_MAX; i++) {
		if (http->peers[i].fd == fd)
			return &http->peers[i];
	}
	return NULL;
}

/* Notes who is connected, and until when. MHD calls it before it closes the socket, so no entry is
 * ever stale. */
static void on_connection(void *context, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	const bool comes = code == MHD_CONNECTION_NOTIFY_STARTED;
	const int fd = fd_of(connection);
	struct peer *peer = peer_of(context, comes ? -1 : fd);

	(void)state;
	DCHECK(peer != NULL);
	if (peer == NULL)
		return;
	peer->fd = comes ? fd : -1;
	peer->until_ms = clock_now_ns() / 1000000 + HTTP_SERVER_PATIENCE_MS;
}

/* Hangs up on peers that take too long: MHD's own limit begins anew with every byte. Returns the ms
 * until the next peer's time is up, -1: none is connected. */
static int end_patience(struct http_server *http)
{
	/* What the peer has not read is dropped. */
	const struct linger now_or_never = {.l_onoff = 1};
	const uint64_t now = clock_now_ns() / 1000000;
	int wait_ms = -1;

	for (unsigned i = 0; i < HTTP_SERVER_PEERS_MAX; i++) {
		struct peer *peer = &http->peers[i];
		int left_ms;

		if (peer->fd < 0)
			continue;
		if (peer->until_ms <= now) {
			(void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now_or_never,
					 sizeof(now_or_never));
			shutdown(peer->fd, SHUT_RDWR);
			peer->until_ms = now + HTTP_SERVER_PATIENCE_MS;
		}
		left_ms = (int)(peer->until_ms - now);
		if (wait_ms < 0 || left_ms < wait_ms)
			wait_ms = left_ms;
	}
	return wait_ms;
}

static void *serve(void *context)
{
	struct http_server *http = context;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = {
		{.fd = info->epoll_fd, .events = POLLIN},
		{.fd = http->stop_fd, .events = POLLIN},
	};

	if (http->source.begin != NULL)
		http->source.begin(http->source.context);
	while (fds[1].revents == 0) {
		MHD_UNSIGNED_LONG_LONG mhd_ms = 0;
		int wait_ms = end_patience(http);

		if (MHD_get_timeout(http->daemon, &mhd_ms) == MHD_YES &&
		    (wait_ms < 0 || mhd_ms < (unsigned)wait_ms))
			wait_ms = (int)mhd_ms;
		if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
			break;
		MHD_run(http->daemon);
	}
	return NULL;
}

static struct MHD_Daemon *start_daemon(struct http_server *http, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
				MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_SERVER_PEERS_MAX,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
}

int http_server_open(struct http_server **out, int fd, const struct http_server_source *source,
		     struct error *error)
{
	struct http_server *http = calloc(1, sizeof(*http));
	int rc = -ENOMEM;

	if (http == NULL) {
		close(fd);
		goto fail;
	}
	http->source = *source;
	for (unsigned i = 0; i < HTTP_SERVER_PEERS_MAX; i++)
		http->peers[i].fd = -1;
	http->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (http->stop_fd >= 0)
		http->daemon = start_daemon(http, fd);
	if (http->daemon == NULL) {
		rc = http->stop_fd < 0 ? -errno : -EIO;
		close(fd);
		goto fail;
	}
	rc = -pthread_create(&http->thread, NULL, serve, http);
	if (rc != 0)
		goto fail;
	(void)pthread_setname_np(http->thread, "db-metrics");
	*out = http;
	return 0;
fail:
	error_set(error, "the thread that answers for metrics does not start: %s", strerror(-rc));
	if (http != NULL && http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
	if (http != NULL && http->stop_fd >= 0)
		close(http->stop_fd);
	free(http);
	return rc;
}

void http_server_close(struct http_server *http)
{
	const uint64_t one = 1;

	if (http == NULL)
		return;
	CHECK(write(http->stop_fd, &one, sizeof(one)) == sizeof(one));
	CHECK(pthread_join(http->thread, NULL) == 0);
	MHD_stop_daemon(http->daemon);
	close(http->stop_fd);
	free(http);
}
