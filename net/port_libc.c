/*
 * port_libc: functions that replace libc's for DPDK's memif driver (port.h says which). Two more,
 * for the AF_XDP driver, are in port_xdp_socket.c with what they note.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "net/port.h"

static void (*peer_left)(void);

void port_on_peer_left(void (*wait)(void))
{
	peer_left = wait;
}

/*
 * Replaces libc's, for DPDK 22.11's memif driver. When a peer leaves, the driver's interrupt thread
 * marks the device as disconnected and unmaps the rings at once, while a burst that began before
 * may still read them. Between the two it calls this, which waits until no such burst is left:
 * exactly, if the program said how, else for a time in which a burst should have ended. The
 * descriptors of the rings' interrupts, which it closes before, are not used here.
 */
int munmap(void *address, size_t bytes)
{
	static const struct timespec long_for_a_burst = {.tv_nsec = 50000000};

	if (rte_thread_is_intr() != 0) {
		if (peer_left != NULL)
			peer_left();
		else
			nanosleep(&long_for_a_burst, NULL);
	}
	return (int)syscall(SYS_munmap, address, bytes);
}

/*
 * Replaces libc's, for the same driver. When it can't greet a peer that left at once, its listener
 * frees the connection and closes its descriptor, but leaves both registered. The next connection
 * with that descriptor runs the freed one's callback too, or epoll refuses it and DPDK panics. So
 * this reports success: the driver then reads the end of the connection, as of any peer that
 * leaves, and cleans up in order.
 */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	const bool is_driver = rte_thread_is_intr() != 0;
	ssize_t rc;

	rc = syscall(SYS_sendmsg, fd, message, is_driver ? flags | MSG_NOSIGNAL : flags);
	if (rc >= 0 || !is_driver || (errno != EPIPE && errno != ECONNRESET))
		return rc;
	rc = 0;
	for (size_t i = 0; i < message->msg_iovlen; i++)
		rc += (ssize_t)message->msg_iov[i].iov_len;
	return rc;
}
