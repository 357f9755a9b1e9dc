#include "net/port.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "net/port_kinds.h"

enum {
	/* The AF_XDP driver refuses small pools, and waiting replies hold buffers too. */
	MBUF_CNT_DEFAULT = 32767,
	/* MiB a queue, besides the EAL's own needs: a page a buffer, and what is sent. */
	MEMORY_QUEUE_MIB = 160,
	MEMORY_BASE_MIB = 64,
	DESCRIPTOR_CNT = 2048,
	POOL_NAME_BYTES = 32,
};

/* They mean something in DPDK's device arguments. */
#define DEVICE_CHARS ",[]"

/* What may follow the kind, as the user writes it. */
static const struct {
	const char *prefix;
	enum port_kind kind;
	const char *names;
} kinds[] = {
	{"af_xdp:", PORT_AF_XDP, "an interface"},
	{"memif:", PORT_MEMIF, "a socket"},
};

/* DPDK's driver refuses a socket whose path does not begin at the root. */
static int make_absolute(struct port_spec *spec, const char *text, struct error *error)
{
	char directory[PATH_MAX];
	char path[PATH_MAX + sizeof(spec->where)];
	int bytes;

	if (spec->kind != PORT_MEMIF || spec->where[0] == '/')
		return 0;
	if (getcwd(directory, sizeof(directory)) == NULL) {
		return error_say(
			error, -EINVAL,
			"--port %s: cannot find the working directory: %s; name the socket by a "
			"path from /",
			text, strerror(errno));
	}
	bytes = snprintf(path, sizeof(path), "%s/%s", directory, spec->where);
	if (bytes < 0 || (size_t)bytes >= sizeof(spec->where) ||
	    strpbrk(path, DEVICE_CHARS) != NULL) {
		return error_say(error, -EINVAL,
				 "--port %s: in this directory the socket's path has %d "
				 "characters, or a comma or "
				 "bracket; it may have %zu characters, and none of those: name "
				 "another directory",
				 text, bytes, sizeof(spec->where) - 1);
	}
	memcpy(spec->where, path, (size_t)bytes + 1);
	return 0;
}

int port_parse(const char *text, struct port_spec *out, struct error *error)
{
	*out = (struct port_spec){.kind = PORT_LO, .where = "lo"};
	if (strcmp(text, "lo") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const size_t bytes = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, bytes) != 0)
			continue;

		const size_t max = kinds[i].kind == PORT_AF_XDP ? IF_NAMESIZE : sizeof(out->where);

		if (text[bytes] == '\0' || strlen(text + bytes) >= max ||
		    strpbrk(text + bytes, DEVICE_CHARS) != NULL) {
			return error_say(
				error, -EINVAL,
				"--port %s: after %s comes %s, at most %zu characters and no "
				"comma or bracket",
				text, kinds[i].prefix, kinds[i].names, max - 1);
		}
		/* The sysctls are set for --port lo only, which is the same interface. */
		if (kinds[i].kind == PORT_AF_XDP && strcmp(text + bytes, "lo") == 0) {
			return error_say(error, -EINVAL,
					 "--port %s: the loopback interface is --port lo", text);
		}
		out->kind = kinds[i].kind;
		snprintf(out->where, sizeof(out->where), "%s", text + bytes);
		return make_absolute(out, text, error);
	}
	return error_say(error, -EINVAL, "--port %s: expected lo, af_xdp:IFACE or memif:SOCKET",
			 text);
}

int port_check(const struct port_options *options, struct error *error)
{
	return port_ops_of(options->spec.kind)->check(options, error);
}

static const struct port_ops *ops_of(const struct port *port)
{
	return port_ops_of(port->options.spec.kind);
}

static void device_name(const struct port *port, uint16_t device, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s%u", ops_of(port)->driver, device);
}

static bool add_arg(const char **argv, int *argc, int argv_max, const char *arg)
{
	if (*argc >= argv_max)
		return false;
	argv[(*argc)++] = arg;
	return true;
}

/* Hugepages if there are enough, else normal pages. The EAL uses the name for its part of the
 * directory that we made for it, also with --in-memory. */
static bool add_memory_args(struct port *port, const char **argv, int *argc, int argv_max)
{
	static char mib[16];
	const unsigned needed_mib = MEMORY_BASE_MIB + port->options.queue_cnt * MEMORY_QUEUE_MIB;

	port->hugepages = !port->options.no_huge && port_memory_huge(needed_mib);
	snprintf(mib, sizeof(mib), "%u", needed_mib);
	if (!add_arg(argv, argc, argv_max, "--file-prefix=doorbuster") ||
	    !add_arg(argv, argc, argv_max, "-m") || !add_arg(argv, argc, argv_max, mib))
		return false;
	if (port->hugepages)
		return add_arg(argv, argc, argv_max, "--in-memory") &&
		       add_arg(argv, argc, argv_max, "--single-file-segments");
	return add_arg(argv, argc, argv_max, "--no-huge");
}

int port_eal_args(struct port *port, const struct port_options *options, const char **argv,
		  int *argc, int argv_max, struct error *error)
{
	const struct port_ops *ops = port_ops_of(options->spec.kind);
	int rc;

	*port = (struct port){
		.options = *options,
		.answers_neighbours = !ops->kernel_beside,
		.reopens = ops->losses != NULL,
		.buffer_cnt = options->mbuf_cnt > 0 ? options->mbuf_cnt : MBUF_CNT_DEFAULT,
		.xdp = {.lock_fd = -1, .object_fd = -1},
		.memif_lock_fd = -1,
		.eal_dir = {.lock_fd = -1},
	};
	if (options->spec.kind != PORT_LO)
		port_xdp_put_lo_back();
	rc = ops->prepare(port, error);
	if (rc == 0)
		rc = eal_dir_make(&port->eal_dir, error);
	if (rc != 0)
		return rc;
	if (!add_arg(argv, argc, argv_max, "--no-pci") ||
	    !add_memory_args(port, argv, argc, argv_max)) {
		return error_say(error, -E2BIG, "too many EAL arguments");
	}
	return 0;
}

static void pool_name(uint16_t i, char name[POOL_NAME_BYTES])
{
	snprintf(name, POOL_NAME_BYTES, "frames_%u", i);
}

struct rte_mempool *port_queue_pool(uint16_t i)
{
	char name[POOL_NAME_BYTES];

	pool_name(i, name);
	return rte_mempool_lookup(name);
}

int port_set_up_rx(struct port *port, uint16_t i, struct error *error)
{
	const struct port_queue *queue = &port->queues[i];
	const struct port_ops *ops = ops_of(port);
	struct rte_mempool *pool = port_queue_pool(i);
	int rc;

	if (ops->rx_begin != NULL)
		ops->rx_begin();
	rc = rte_eth_rx_queue_setup(queue->port_id, queue->queue_id, DESCRIPTOR_CNT, SOCKET_ID_ANY,
				    NULL, pool);
	if (rc == 0 && ops->rx_prove != NULL)
		rc = ops->rx_prove(i, pool, error);
	return rc;
}

/* Queue pair i of the port, with a pool of its own. */
static int set_up_queue(struct port *port, uint16_t i, struct error *error)
{
	const struct port_queue *queue = &port->queues[i];
	const struct rte_mempool *pool;
	char name[POOL_NAME_BYTES];
	int rc;

	pool_name(i, name);
	pool = ops_of(port)->make_pool(name, port->buffer_cnt);
	if (pool == NULL) {
		return error_say(error, -ENOMEM,
				 "no memory for the packet buffers of queue %u (%u MiB a queue)", i,
				 (unsigned)MEMORY_QUEUE_MIB);
	}
	rc = port_set_up_rx(port, i, error);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(queue->port_id, queue->queue_id, DESCRIPTOR_CNT,
					    SOCKET_ID_ANY, NULL);
	return rc;
}

/* Makes the next ethdev. Not by --vdev, because this umask lets only the owner connect to the
 * socket that memif's driver binds, and nothing else should be made under it. */
static int make_device(struct port *port, char *name, size_t name_bytes)
{
	char args[DEVICE_ARGS_BYTES];
	mode_t mask;
	int rc;

	device_name(port, port->device_cnt, name, name_bytes);
	ops_of(port)->device(port, port->device_cnt, args);
	mask = umask(0177);
	rc = rte_eal_hotplug_add("vdev", name, args);
	umask(mask);
	if (rc == 0)
		port->device_cnt++;
	return rc;
}

/* Starts the next device, with the queue pairs from `first` on. */
static int start_device(struct port *port, uint16_t first, uint16_t queue_cnt, struct error *error)
{
	/* No offloads asked for: the tag covers more than a checksum, replies carry their own. */
	const struct rte_eth_conf conf = {0};
	uint16_t port_id;
	char name[32];
	int rc;

	rc = make_device(port, name, sizeof(name));
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(name, &port_id);
	if (rc != 0)
		return rc;
	rc = rte_eth_dev_configure(port_id, queue_cnt, queue_cnt, &conf);
	for (uint16_t i = 0; rc == 0 && i < queue_cnt; i++) {
		port->queues[first + i] = (struct port_queue){port_id, i};
		rc = set_up_queue(port, (uint16_t)(first + i), error);
	}
	return rc != 0 ? rc : rte_eth_dev_start(port_id);
}

int port_open(struct port *port, struct error *error)
{
	const struct port_ops *ops = ops_of(port);
	const uint16_t device_cnt = ops->device_per_queue ? port->options.queue_cnt : 1;
	const uint16_t queue_cnt = port->options.queue_cnt / device_cnt;
	struct rte_ether_addr mac;
	struct error why = {0};
	int rc = port_memory_keep_secret();

	for (uint16_t i = 0; i < device_cnt && rc == 0; i++)
		rc = start_device(port, (uint16_t)(i * queue_cnt), queue_cnt, &why);
	if (rc == 0)
		rc = rte_eth_macaddr_get(port->queues[0].port_id, &mac);
	if (rc != 0) {
		if (!error_is_set(&why))
			error_set(&why, "%s (DPDK's lines above say why)", strerror(-rc));
		return error_say(error, rc, "%s does not start with %u queues: %s",
				 port->options.spec.where, port->options.queue_cnt, why.text);
	}
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	port->zero_copy = ops->zero_copy != NULL && ops->zero_copy(port);
	return 0;
}

int port_take_traffic(struct port *port, bool take, struct error *error)
{
	const struct port_ops *ops = ops_of(port);

	return ops->take != NULL ? ops->take(port, take, error) : 0;
}

void port_close(struct port *port)
{
	/* The driver would unmap what is not mapped any more. */
	port->abandoned = port->closed_queues != 0;
	while (port->device_cnt > 0 && !port->abandoned) {
		char name[32];
		uint16_t port_id;

		device_name(port, --port->device_cnt, name, sizeof(name));
		if (rte_eth_dev_get_port_by_name(name, &port_id) == 0)
			(void)rte_eth_dev_stop(port_id);
		/* Closes it, and memif's driver removes its socket. */
		(void)rte_eal_hotplug_remove("vdev", name);
	}
	ops_of(port)->restore(port);
}

void port_sweep(struct port *port)
{
	eal_dir_remove(&port->eal_dir);
}

enum port_link port_link(const struct port *port, uint16_t queue, bool thorough)
{
	return ops_of(port)->link(port, queue, thorough);
}

uint64_t port_missed(const struct port *port)
{
	return ops_of(port)->missed(port);
}

uint64_t port_oversized(const struct port *port)
{
	const struct port_ops *ops = ops_of(port);

	return ops->oversized != NULL ? ops->oversized(port) : 0;
}

uint64_t port_unserved(const struct port *port)
{
	const struct port_ops *ops = ops_of(port);

	return ops->unserved != NULL ? ops->unserved(port) : 0;
}

struct port_losses port_losses(const struct port *port, uint16_t queue)
{
	const struct port_ops *ops = ops_of(port);
	struct port_losses losses = {0};

	if (ops->losses == NULL)
		return losses;
	losses = ops->losses(queue);
	if (!port->zero_copy)
		losses.starved = 0;
	return losses;
}

uint64_t port_nic_missed(const struct port *port)
{
	return port->zero_copy ? ops_of(port)->nic_missed(port) : 0;
}
