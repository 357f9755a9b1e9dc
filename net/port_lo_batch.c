/*
 * port_lo_batch: whether lo hands UDP_SEGMENT batches on uncut. An XDP program then sees a batch as
 * one packet. Of other interfaces nothing can be said here: whether a batch is cut decides the
 * interface that sends it.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/port_kinds.h"

/* The name that ethtool -k shows, and the kernel's bound for the number of features. */
#define FEATURE "tx-udp-segmentation"
enum {
	FEATURES_MAX = 1024,
};

static bool ask(int fd, void *command)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_data = command};

	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

/* How many features this kernel knows; 0: it does not say. */
static uint32_t feature_cnt(int fd)
{
	union {
		struct ethtool_sset_info info;
		uint32_t words[sizeof(struct ethtool_sset_info) / 4 + 1];
	} set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1U << ETH_SS_FEATURES}};

	if (!ask(fd, &set) || set.info.sset_mask == 0)
		return 0;
	return set.info.data[0] <= FEATURES_MAX ? set.info.data[0] : 0;
}

/* The number of the feature; cnt: this kernel has none of that name. */
static uint32_t feature_idx(int fd, uint32_t cnt)
{
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + (size_t)cnt * ETH_GSTRING_LEN);
	uint32_t idx = cnt;

	if (names == NULL)
		return cnt;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = cnt;
	if (ask(fd, names)) {
		idx = 0;
		while (idx < cnt &&
		       strncmp((const char *)names->data + (size_t)idx * ETH_GSTRING_LEN, FEATURE,
			       ETH_GSTRING_LEN) != 0)
			idx++;
	}
	free(names);
	return idx;
}

static bool is_active(int fd, uint32_t idx, uint32_t cnt)
{
	const uint32_t blocks = (cnt + 31) / 32;
	struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));
	bool active = false;

	if (features == NULL)
		return false;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	if (ask(fd, features) && features->size > idx / 32)
		active = (features->features[idx / 32].active >> idx % 32 & 1) != 0;
	free(features);
	return active;
}

bool port_hands_batches_on(const struct port_spec *spec)
{
	bool active = false;
	uint32_t cnt;
	int fd;

	if (spec->kind != PORT_LO)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	cnt = feature_cnt(fd);
	if (cnt > 0) {
		const uint32_t idx = feature_idx(fd, cnt);

		active = idx < cnt && is_active(fd, idx, cnt);
	}
	close(fd);
	return active;
}
