/*
 * port_xdp_check: whether an AF_XDP port can run here, before anything is changed: privileges, and
 * what the interface must be like so that every request reaches a worker as it was on the wire.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"

/* tests/e2e/test_privileges.sh proves that these suffice, and that each is needed. */
static const struct {
	unsigned capability;
	const char *name;
} needed[] = {
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"}, /* attaching the program, lo's sysctls */
	{CAP_NET_RAW, "CAP_NET_RAW"},     /* AF_XDP sockets */
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, /* BPF objects by their id; contains CAP_BPF */
	{CAP_IPC_LOCK, "CAP_IPC_LOCK"},   /* packet buffers beyond `ulimit -l` */
};

static uint64_t effective_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t caps = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	}
	fclose(file);
	return caps;
}

static int check_privileges(const char *interface, struct error *error)
{
	const uint64_t caps = effective_capabilities();
	int fd;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if ((caps >> needed[i].capability & 1) != 0)
			continue;
		return error_say(
			error, -EPERM,
			"AF_XDP on %s needs %s; run as root, or use --port memif:SOCKET, which "
			"needs no privileges",
			interface, needed[i].name);
	}
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		const int rc = -errno;

		return error_say(
			error, rc,
			"AF_XDP on %s: %s; this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): "
			"use --port memif:SOCKET",
			interface, strerror(-rc));
	}
	close(fd);
	return 0;
}

/* RX queues of an interface. */
static unsigned queues_of(const char *interface)
{
	char path[sizeof("/sys/class/net//queues") + 108];
	const struct dirent *entry;
	unsigned cnt = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", interface);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		cnt += strncmp(entry->d_name, "rx-", 3) == 0;
	closedir(dir);
	return cnt;
}

/* Every queue needs a worker: the kernel spreads incoming frames over all queues. */
static int check_queues(const struct port_options *options, struct error *error)
{
	const char *interface = options->spec.where;
	const char *flag = options->client ? "--queues" : "--cores";
	const unsigned queues = queues_of(interface);

	if (options->queue_cnt == queues)
		return 0;
	if (options->spec.kind == PORT_LO)
		error_set(error,
			  "%s has %u receive queue(s) for %u workers; name fewer %s, or use --port "
			  "memif:SOCKET",
			  interface, queues, options->queue_cnt, flag);
	else
		error_set(
			error,
			"%s has %u receive queue(s) for %u worker(s), and each needs one: `ethtool "
			"-L %s combined %u` (or rx %u), or as many %s as queues",
			interface, queues, options->queue_cnt, interface, options->queue_cnt,
			options->queue_cnt, flag);
	return -EINVAL;
}

/* If the interface removes VLAN tags, the XDP program does not see them, and answers lack them. */
static int check_vlan(const char *interface, struct error *error)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq request = {.ifr_data = (void *)&flags};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", interface);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request) != 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc != 0) {
		return error_say(error, rc, "%s: cannot ask for its rx-vlan-offload: %s", interface,
				 strerror(-rc));
	}
	if ((flags.data & ETH_FLAG_RXVLAN) == 0)
		return 0;
	return error_say(
		error, -EINVAL,
		"%s takes VLAN tags off before AF_XDP sees them, and requests of every VLAN would "
		"be "
		"answered untagged; turn that off with `ethtool -K %s rxvlan off`",
		interface, interface);
}

static int check_program(const char *interface, struct error *error)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;
	bool ours;
	const int rc = port_xdp_attached((int)if_nametoindex(interface), &id, &ours, name);

	if (rc != 0) {
		return error_say(error, rc, "%s: cannot ask for its XDP program: %s", interface,
				 strerror(-rc));
	}
	if (id == 0 || ours)
		return 0;
	return error_say(
		error, -EBUSY,
		"%s: another XDP program ('%s') is attached; remove it with `ip link set dev %s "
		"xdp off` or name another interface",
		interface, name, interface);
}

static int check_up(const char *interface, struct error *error)
{
	struct ifreq request = {0};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : 0;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.*s", IF_NAMESIZE - 1, interface);
	if (rc == 0 && ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0 && (request.ifr_flags & IFF_UP) != 0)
		return 0;
	if (rc != 0)
		return error_say(error, rc, "interface %s: %s", interface, strerror(-rc));
	return error_say(error, -ENETDOWN, "interface %s is down; `ip link set dev %s up`",
			 interface, interface);
}

int port_xdp_check(const struct port_options *options, struct error *error)
{
	const char *interface = options->spec.where;
	const bool lo = options->spec.kind == PORT_LO;
	int rc;

	if (if_nametoindex(interface) == 0) {
		return error_say(error, -ENODEV,
				 "interface %s isn't there; `ip link` lists those that are",
				 interface);
	}
	rc = check_up(interface, error);
	if (rc == 0)
		rc = check_privileges(interface, error);
	if (rc == 0)
		rc = check_queues(options, error);
	if (rc == 0)
		rc = lo ? port_lo_check(error) : check_vlan(interface, error);
	if (rc == 0 && !lo)
		rc = port_xdp_addresses(interface, NULL, NULL, error);
	if (rc != 0)
		return rc;
	rc = port_xdp_lock(interface, false, error);
	if (rc != 0)
		return rc;
	return check_program(interface, error);
}
