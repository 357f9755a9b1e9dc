#include "net/udp_hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/filter.h>

#include "engine/base/predecessor.h"
#include "net/socket_owner.h"

enum {
	/* sd_listen_fds(3): SD_LISTEN_FDS_START. */
	PASSED_FIRST = 3,
	/* A port a shard, at a few addresses: a unit with more is not ours. */
	PASSED_MAX = 4096,
};

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* Makes the socket drop everything, also for others that hold it. */
static int drop_all(int fd)
{
	static struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	static const struct sock_fprog program = {.len = 1, .filter = nothing};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		return -errno;
	return 0;
}

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, level, option, &value, &bytes) == 0 ? value : -1;
}

static bool name_of(int fd, union address *out)
{
	socklen_t bytes = sizeof(*out);

	*out = (union address){0};
	return get_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP &&
	       getsockname(fd, &out->any, &bytes) == 0 &&
	       (out->any.sa_family == AF_INET || out->any.sa_family == AF_INET6);
}

static uint16_t port_of(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->ipv4.sin_port
						       : address->ipv6.sin6_port);
}

void udp_passed_adopt(struct udp_passed *passed)
{
	const char *pid = getenv("LISTEN_PID");
	const char *cnt = getenv("LISTEN_FDS");
	static const int no = 0;

	*passed = (struct udp_passed){.first = PASSED_FIRST};
	if (pid != NULL && cnt != NULL && strtol(pid, NULL, 10) == getpid()) {
		const unsigned long told = strtoul(cnt, NULL, 10);

		passed->cnt = (unsigned)(told < PASSED_MAX ? told : PASSED_MAX);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (unsigned i = 0; i < passed->cnt; i++) {
		const int fd = passed->first + (int)i;
		union address address;
		char byte;

		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		if (!name_of(fd, &address))
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &no, sizeof(no));
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &no, sizeof(no));
		(void)drop_all(fd);
		/* What arrived before that. */
		while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
			;
	}
}

uint16_t udp_passed_port(const struct udp_passed *passed, unsigned i)
{
	union address address;

	return name_of(passed->first + (int)i, &address) ? port_of(&address) : 0;
}

/* Whether a passed socket keeps others from the port in this family. Its address may be narrower
 * than ours: that is the operator's choice. */
static bool is_passed(const struct udp_passed *passed, int family, uint16_t port)
{
	for (unsigned i = 0; i < passed->cnt; i++) {
		const int fd = passed->first + (int)i;
		union address address;

		if (!name_of(fd, &address) || port_of(&address) != port)
			continue;
		if (address.any.sa_family == family ||
		    (address.any.sa_family == AF_INET6 &&
		     get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0))
			return true;
	}
	return false;
}

/* Calls visit with each UDP socket of this network namespace until it returns true. */
typedef bool visit_fn(void *context, uint16_t port, uid_t uid, uint64_t inode);
static bool visit_sockets(visit_fn *visit, void *context)
{
	static const char *const tables[] = {"/proc/self/net/udp", "/proc/self/net/udp6"};
	bool found = false;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !found; i++) {
		FILE *file = fopen(tables[i], "re");
		char line[512];

		while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
			uint64_t inode;
			unsigned port;
			unsigned uid;

			/* sl local:port remote:port st tx:rx tr:when retransmits uid timeout inode
			 */
			if (sscanf(line, " %*d: %*[0-9A-F]:%x %*s %*x %*s %*s %*x %u %*u %" SCNu64,
				   &port, &uid, &inode) == 3)
				found = visit(context, (uint16_t)port, (uid_t)uid, inode);
		}
		if (file != NULL)
			fclose(file);
	}
	return found;
}

/* The program that has a port. */
struct holder {
	uint16_t port;
	bool foreign_only; /* neither root nor we */
	uid_t uid;
	struct socket_owner owner; /* pid 0: unknown */
};

/* Sockets of this process itself hold the port at its other addresses. */
static bool is_holder(void *context, uint16_t port, uid_t uid, uint64_t inode)
{
	struct holder *holder = context;
	const bool foreign = uid != 0 && uid != geteuid();

	if (port != holder->port || (holder->foreign_only && !foreign))
		return false;
	holder->uid = uid;
	holder->owner = (struct socket_owner){0};
	return !socket_owner_find(inode, &holder->owner) || holder->owner.pid != getpid();
}

/* Writes `a program of user 7 (dnsmasq, PID 31)`, or as much of it as is known. */
static void name_holder(uint16_t port, char *out, size_t out_bytes)
{
	struct holder holder = {.port = port, .foreign_only = true};
	const bool foreign = visit_sockets(is_holder, &holder);
	size_t used;

	holder.foreign_only = false;
	if (foreign)
		used = (size_t)snprintf(out, out_bytes, "a program of user %u", holder.uid);
	else
		used = (size_t)snprintf(out, out_bytes, "another program");
	/* If no other user has the port, our own user or root has it. */
	if ((foreign || visit_sockets(is_holder, &holder)) && holder.owner.pid > 0 &&
	    used < out_bytes)
		snprintf(out + used, out_bytes - used, " (%s, PID %d)", holder.owner.name,
			 holder.owner.pid);
}

static int bind_once(const struct sockaddr *address, const char *interface, uint16_t port)
{
	const bool ipv6 = address->sa_family == AF_INET6;
	const int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static const int yes = 1;
	union address at = {0};
	int rc;

	if (fd < 0)
		return -errno;
	memcpy(&at, address, ipv6 ? sizeof(at.ipv6) : sizeof(at.ipv4));
	if (ipv6)
		at.ipv6.sin6_port = htons(port);
	else
		at.ipv4.sin_port = htons(port);
	rc = drop_all(fd);
	/* On this interface only: another user's engine may have the same port on another
	 * interface. An address may still be tentative. */
	if (rc == 0 &&
	    (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) !=
		     0 ||
	     (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) != 0) ||
	     setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_FREEBIND : IP_FREEBIND,
			&yes, sizeof(yes)) != 0 ||
	     bind(fd, &at.any, ipv6 ? sizeof(at.ipv6) : sizeof(at.ipv4)) != 0))
		rc = -errno;
	if (rc != 0)
		close(fd);
	/* On success it stays open until the process ends. */
	return rc;
}

static int refuse(const struct sockaddr *address, const char *interface, uint16_t port, int rc,
		  struct error *error)
{
	char who[128];

	if (rc == -EMFILE) {
		return error_say(
			error, rc,
			"UDP port %u: %s: raise `ulimit -n`, every port is held by a socket", port,
			strerror(-rc));
	}
	if (rc != -EADDRINUSE) {
		return error_say(error, rc, "UDP port %u can't be held on %s over IPv%c: %s", port,
				 interface, address->sa_family == AF_INET ? '4' : '6',
				 strerror(-rc));
	}
	name_holder(port, who, sizeof(who));
	return error_say(
		error, rc,
		"UDP port %u is taken on %s by %s: stop that one (`ss -lunp sport = :%u` names "
		"it), or choose another --base-port",
		port, interface, who, port);
}

int udp_hold(const struct udp_passed *passed, const struct sockaddr *address, const char *interface,
	     uint16_t port, struct error *error)
{
	struct holder sharer = {.port = port, .foreign_only = true};
	unsigned tries = 0;
	int rc;

	do {
		rc = bind_once(address, interface, port);
	} while (rc == -EADDRINUSE && !is_passed(passed, address->sa_family, port) &&
		 predecessor_is_ending(&tries));
	if (rc == -EADDRINUSE && is_passed(passed, address->sa_family, port)) {
		/* Others could share it until we adopted it. */
		if (!visit_sockets(is_holder, &sharer))
			return 0;
		return error_say(
			error, rc,
			"UDP port %u was passed and is shared by a program of user %u, which would "
			"get its datagrams: stop that one (`ss -lunp sport = :%u` names it)",
			port, sharer.uid, port);
	}
	/* A port that needs a privilege is not open to other users either; but a program that had
	 * the privilege may have it. */
	sharer.foreign_only = false;
	if (rc == -EACCES)
		return visit_sockets(is_holder, &sharer)
			       ? refuse(address, interface, port, -EADDRINUSE, error)
			       : 0;
	/* A kernel, or an interface, without IPv6. */
	if (address->sa_family == AF_INET6 && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL))
		return 0;
	return rc == 0 ? 0 : refuse(address, interface, port, rc, error);
}

void udp_hold_expect(unsigned cnt)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	limit.rlim_cur += cnt;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
