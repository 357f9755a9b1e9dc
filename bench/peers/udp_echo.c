/*
 * udp_echo: sends every datagram back to where it came from, over a kernel socket, as many a system
 * call as there are. What the kernel's UDP costs by itself.
 *
 *   udp_echo PORT     serves 127.0.0.1:PORT until SIGTERM; prints `ready` first
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	BURST_CNT = 64,
	DATAGRAM_BYTES_MAX = 2048,
	SOCKET_BUFFER_BYTES = 8 << 20,
};

static int open_socket(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int bytes = SOCKET_BUFFER_BYTES;
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
	return fd;
}

static void serve(int fd)
{
	static uint8_t bytes[BURST_CNT][DATAGRAM_BYTES_MAX];
	struct sockaddr_in from[BURST_CNT];
	struct mmsghdr messages[BURST_CNT];
	struct iovec parts[BURST_CNT];

	for (;;) {
		int cnt;
		int sent = 0;

		for (unsigned i = 0; i < BURST_CNT; i++) {
			parts[i] =
				(struct iovec){.iov_base = bytes[i], .iov_len = DATAGRAM_BYTES_MAX};
			messages[i] = (struct mmsghdr){
				.msg_hdr = {.msg_name = &from[i],
					    .msg_namelen = sizeof(from[i]),
					    .msg_iov = &parts[i],
					    .msg_iovlen = 1},
			};
		}
		/* Busy: it has a core of its own, as the others have. */
		cnt = recvmmsg(fd, messages, BURST_CNT, MSG_DONTWAIT, NULL);
		for (int i = 0; i < cnt; i++)
			parts[i].iov_len = messages[i].msg_len;
		while (sent < cnt) {
			const int more =
				sendmmsg(fd, messages + sent, (unsigned)(cnt - sent), MSG_DONTWAIT);

			if (more <= 0)
				break;
			sent += more;
		}
	}
}

int main(int argc, char **argv)
{
	const long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	int fd;

	if (port < 1 || port > UINT16_MAX) {
		fprintf(stderr, "usage: udp_echo PORT\n");
		return 2;
	}
	fd = open_socket((uint16_t)port);
	if (fd < 0) {
		fprintf(stderr, "udp_echo: 127.0.0.1:%ld: %s\n", port, strerror(errno));
		return 2;
	}
	puts("ready");
	fflush(stdout);
	serve(fd);
}
