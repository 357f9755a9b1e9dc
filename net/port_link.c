/*
 * port_link: whether an AF_XDP port is still connected with the world: the interface is there, up,
 * with carrier, and has our XDP program. Asks the kernel by the interface's number, as its name may
 * belong to another by now.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "net/port_kinds.h"

static enum port_link gone(const struct port *port)
{
	const unsigned now = if_nametoindex(port->options.spec.where);

	return now != 0 && now != (unsigned)port->xdp.ifindex ? PORT_LINK_REPLACED : PORT_LINK_GONE;
}

/* Of the flags, IFF_RUNNING follows the carrier up to a second later; most drivers say it at once.
 */
static bool has_carrier(int fd, const char *name, bool running)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq request = {.ifr_data = (void *)&link};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &request) == 0 ? link.data != 0 : running;
}

enum port_link port_xdp_link(const struct port *port, uint16_t queue, bool thorough)
{
	struct ifreq request = {.ifr_ifindex = port->xdp.ifindex};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;
	bool ours = true;
	bool carrier = true;
	bool up = true;
	int rc = 0;

	(void)queue;
	/* Who can't ask does not know better. */
	if (fd < 0)
		return PORT_LINK_UP;
	if (ioctl(fd, SIOCGIFNAME, &request) != 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		rc = -errno;
	if (rc == 0) {
		up = (request.ifr_flags & IFF_UP) != 0;
		carrier = has_carrier(fd, request.ifr_name, (request.ifr_flags & IFF_RUNNING) != 0);
	}
	close(fd);
	if (rc == -ENODEV || rc == -ENXIO)
		return gone(port);
	if (rc != 0)
		return PORT_LINK_UP;
	if (!up)
		return PORT_LINK_DOWN;
	if (thorough && port_xdp_attached(port->xdp.ifindex, &id, &ours, name) == 0 && !ours)
		return PORT_LINK_NO_PROGRAM;
	return carrier ? PORT_LINK_UP : PORT_LINK_NO_CARRIER;
}
