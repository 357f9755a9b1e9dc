/*
 * port_xdp_maps: how the control thread gives the attached XDP program its ports and addresses, and
 * reads what it dropped. Cold.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"

/* As in xdp_take.bpf.c. */
static const char PORTS_MAP_NAME[] = "taken_ports";
static const char IPV4_MAP_NAME[] = "own_ipv4";
static const char IPV6_MAP_NAME[] = "own_ipv6";
static const char OVERSIZED_MAP_NAME[] = "oversized";
static const char UNSERVED_MAP_NAME[] = "unserved";
static const char SOCKETS_MAP_NAME[] = "xsks_map";

struct taken_ports {
	uint32_t first;
	uint32_t cnt;
	uint32_t any_address;
};

enum {
	BPF_MAPS_MAX = 16,
};

/* The map of this name that the attached program uses, as a descriptor. */
static int map_of_program(int ifindex, const char *map_name)
{
	uint32_t map_ids[BPF_MAPS_MAX];
	struct bpf_prog_info program = {
		.nr_map_ids = BPF_MAPS_MAX,
		.map_ids = (uintptr_t)map_ids,
	};
	uint32_t bytes = sizeof(program);
	uint32_t id = 0;
	int rc = bpf_xdp_query_id(ifindex, 0, &id);
	int fd;

	if (rc != 0 || id == 0)
		return rc != 0 ? rc : -ENOENT;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	rc = bpf_obj_get_info_by_fd(fd, &program, &bytes);
	close(fd);
	for (uint32_t i = 0; rc == 0 && i < program.nr_map_ids; i++) {
		struct bpf_map_info map = {0};

		bytes = sizeof(map);
		fd = bpf_map_get_fd_by_id(map_ids[i]);
		if (fd < 0)
			return -errno;
		if (bpf_obj_get_info_by_fd(fd, &map, &bytes) == 0 &&
		    strcmp(map.name, map_name) == 0)
			return fd;
		close(fd);
	}
	return rc != 0 ? rc : -ENOENT;
}

/* Tries to put a socket into each place of the map: a place that has one already refuses it. */
static bool has_socket(int map_fd, int socket_fd)
{
	uint32_t *previous = NULL;
	uint32_t queue;

	while (bpf_map_get_next_key(map_fd, previous, &queue) == 0) {
		if (bpf_map_update_elem(map_fd, &queue, &socket_fd, BPF_NOEXIST) == -EEXIST)
			return true;
		(void)bpf_map_delete_elem(map_fd, &queue);
		previous = &queue;
	}
	return false;
}

bool port_xdp_is_served(int ifindex)
{
	const int map_fd = map_of_program(ifindex, SOCKETS_MAP_NAME);
	const int socket_fd = map_fd >= 0 ? socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0) : -1;
	const bool served = socket_fd >= 0 && has_socket(map_fd, socket_fd);

	if (socket_fd >= 0)
		close(socket_fd);
	if (map_fd >= 0)
		close(map_fd);
	return served;
}

int port_xdp_addresses(const char *interface, port_xdp_address_fn *visit, void *context,
		       struct error *error)
{
	struct ifaddrs *all = NULL;
	unsigned cnt = 0;
	int rc = getifaddrs(&all) == 0 ? 0 : -errno;

	for (const struct ifaddrs *one = all; rc == 0 && one != NULL; one = one->ifa_next) {
		const struct sockaddr *address = one->ifa_addr;

		if (address == NULL || strcmp(one->ifa_name, interface) != 0 ||
		    (address->sa_family != AF_INET && address->sa_family != AF_INET6))
			continue;
		cnt++;
		rc = visit != NULL ? visit(context, address) : 0;
	}
	freeifaddrs(all);
	if (rc == 0 && cnt == 0)
		rc = -EADDRNOTAVAIL;
	if (rc == -EADDRNOTAVAIL)
		error_set(
			error,
			"%s has no IP address to answer at; `ip address add A/LENGTH dev %s` first",
			interface, interface);
	else if (rc != 0)
		error_set(error, "%s: cannot take its addresses: %s", interface, strerror(-rc));
	return rc;
}

struct address_maps {
	int ipv4_fd;
	int ipv6_fd;
};

static int add_address(void *context, const struct sockaddr *address)
{
	const struct address_maps *maps = context;
	const uint8_t present = 1;

	if (address->sa_family == AF_INET)
		return bpf_map_update_elem(maps->ipv4_fd,
					   &((const struct sockaddr_in *)address)->sin_addr,
					   &present, BPF_ANY);
	return bpf_map_update_elem(maps->ipv6_fd,
				   &((const struct sockaddr_in6 *)address)->sin6_addr, &present,
				   BPF_ANY);
}

static int take_addresses(const struct port *port, struct error *error)
{
	struct address_maps maps = {
		.ipv4_fd = map_of_program(port->xdp.ifindex, IPV4_MAP_NAME),
		.ipv6_fd = map_of_program(port->xdp.ifindex, IPV6_MAP_NAME),
	};
	const int rc = port_xdp_addresses(port->options.spec.where, add_address, &maps, error);

	if (maps.ipv4_fd >= 0)
		close(maps.ipv4_fd);
	if (maps.ipv6_fd >= 0)
		close(maps.ipv6_fd);
	return rc;
}

int port_xdp_take(const struct port *port, bool take, struct error *error)
{
	const struct port_options *options = &port->options;
	const bool lo = options->spec.kind == PORT_LO;
	const struct taken_ports ports = {
		.first = options->udp_port_first,
		.cnt = take ? options->udp_port_cnt : 0,
		.any_address = lo,
	};
	const uint32_t key = 0;
	int fd;
	int rc = 0;

	if (take && !lo)
		rc = take_addresses(port, error);
	if (rc != 0)
		return rc;
	fd = map_of_program(port->xdp.ifindex, PORTS_MAP_NAME);
	rc = fd < 0 ? fd : bpf_map_update_elem(fd, &key, &ports, BPF_ANY);
	if (fd >= 0)
		close(fd);
	if (rc != 0)
		error_set(error,
			  "%s: cannot give its XDP program our UDP ports: %s; is it still "
			  "attached?",
			  options->spec.where, strerror(-rc));
	return rc;
}

static uint64_t counter(const struct port *port, const char *map_name)
{
	const uint32_t key = 0;
	const int fd = map_of_program(port->xdp.ifindex, map_name);
	uint64_t cnt = 0;

	if (fd < 0)
		return 0;
	if (bpf_map_lookup_elem(fd, &key, &cnt) != 0)
		cnt = 0;
	close(fd);
	return cnt;
}

uint64_t port_xdp_oversized(const struct port *port)
{
	return counter(port, OVERSIZED_MAP_NAME);
}

uint64_t port_xdp_unserved(const struct port *port)
{
	return counter(port, UNSERVED_MAP_NAME);
}
