/*
 * port_reopen: gives a queue of an AF_XDP port a new socket, with the buffers it has. The device,
 * its XDP program, its other queues and buffers that are held stay as they are. The device is not
 * closed: DPDK 22.11's driver leaves sockets open when it does that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mempool.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"

enum {
	/* The kernel frees an interface's queue some time after its socket was closed. */
	TRIES_MAX = 50,
	TRY_AGAIN_MS = 20,
};

static const char DRIVER_LOG[] = "pmd.net.af_xdp";

static void sleep_ms(unsigned ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000L};

	nanosleep(&pause, NULL);
}

static int reopen_queue(struct port *port, uint16_t i, const struct port_holders *holders,
			uint32_t *lost_cnt, struct error *error)
{
	struct rte_mempool *pool = port_queue_pool(i);
	/* A queue that did not open the last time is tried only once, because the lanes wait. */
	const unsigned tries_max = (port->closed_queues >> i & 1) != 0 ? 1 : TRIES_MAX;
	int rc = port_xdp_close_socket(i);

	for (unsigned tries = 1; rc == 0; tries++) {
		uint32_t lost_now = 0;

		rc = port_pool_sweep(pool, holders, &lost_now);
		if (tries == 1)
			*lost_cnt += lost_now;
		if (rc == 0)
			rc = port_set_up_rx(port, i, error);
		if (rc == 0 || rc == -EFAULT || tries == tries_max)
			return rc;
		sleep_ms(TRY_AGAIN_MS);
		rc = 0;
	}
	return error_say(error, rc, "its old socket can't be closed: %s", strerror(-rc));
}

int port_reopen(struct port *port, uint64_t queues, const struct port_holders *holders,
		uint32_t *lost_cnt, struct error *error)
{
	const uint16_t port_id = port->queues[0].port_id;
	const int log_level = rte_log_get_level(rte_log_register(DRIVER_LOG));
	int rc = 0;
	int start_rc;

	*lost_cnt = 0;
	error_clear(error);
	/* The driver's lines about a try that comes too early would alarm for nothing. */
	rte_log_set_level_pattern(DRIVER_LOG, RTE_LOG_EMERG);
	(void)rte_eth_dev_stop(port_id);
	for (uint16_t i = 0; i < port->options.queue_cnt; i++) {
		if ((queues >> i & 1) == 0)
			continue;

		const int queue_rc = reopen_queue(port, i, holders, lost_cnt, error);

		port->closed_queues &= ~(UINT64_C(1) << i);
		if (queue_rc != 0) {
			port->closed_queues |= UINT64_C(1) << i;
			rc = queue_rc;
		}
	}
	start_rc = rte_eth_dev_start(port_id);
	if (rc == 0 && start_rc != 0)
		error_set(error, "the device does not start again: %s", strerror(-start_rc));
	rte_log_set_level_pattern(DRIVER_LOG, (uint32_t)log_level);
	return rc != 0 ? rc : start_rc;
}
