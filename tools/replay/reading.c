#include "tools/replay/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "tools/common/cli.h"

#define TAKE_OFF                                                                                   \
	"headers of N bytes before Ethernet or IP come off with editcap -C N (-T sets the link)"
#define OTHER_PORT "--base-port N names the UDP port of the engine's shard 0"
#define SENDS_IT   "the engine drops these, too"

/* What helps, where something does; and whether requests of ours may be among these packets. */
struct remedy {
	const char *text;
	bool lost;
};

static const struct remedy skip_remedies[SKIP_CNT] = {
	[SKIP_SNAPLEN_CUT] = {"capture whole packets (tcpdump -s 0)", true},
	[SKIP_LINK_TYPE] = {TAKE_OFF, true},
	[SKIP_LINK_HEADER] = {TAKE_OFF, false},
	[SKIP_LINK_PROTOCOL] = {TAKE_OFF, false},
	[SKIP_INSTANT] = {"the file may name the wrong unit of time: --nanoseconds", true},
	[SKIP_MAX_GAP] = {"a larger --max-gap, if no clock was wrong", true},
	[SKIP_REPLY_MALFORMED] = {OTHER_PORT, false},
	[SKIP_SHARD] = {"--shards N: as many as the engine had", false},
	[SKIP_COPY] = {"--keep-copies gives each of them", false},
	[SKIP_JOINED_REST] = {"the sender's own packets are damaged", true},
	[SKIP_TUNNEL_SHORT] = {TAKE_OFF, false},
	[SKIP_TUNNEL_MALFORMED] = {TAKE_OFF, false},
	[SKIP_TUNNEL_FRAGMENT] = {"capture before the tunnel, or raise the MTU of its path", true},
	[SKIP_TUNNEL_PROTOCOL] = {TAKE_OFF, false},
	[SKIP_TOO_DEEP] = {TAKE_OFF, true},
};

static const struct remedy drop_remedies[DROP_CNT] = {
	[DROP_FRAME_TRUNCATED] = {"capture whole packets (tcpdump -s 0)", false},
	[DROP_NOT_IP] = {TAKE_OFF, false},
	[DROP_IP_MALFORMED] = {TAKE_OFF, false},
	[DROP_IP_OPTIONS] = {SENDS_IT, false},
	[DROP_FRAGMENT] = {SENDS_IT, false},
	[DROP_NOT_UDP] = {"requests are UDP: is this the engine's traffic?", false},
	[DROP_NOT_OUR_PORT] = {OTHER_PORT, false},
	[DROP_UDP_MALFORMED] = {SENDS_IT, false},
	[DROP_TOO_SHORT] = {OTHER_PORT, false},
	[DROP_TOO_LONG] = {OTHER_PORT, false},
	[DROP_BAD_MAGIC] = {OTHER_PORT, false},
	[DROP_BAD_VERSION] = {OTHER_PORT, false},
	[DROP_BAD_KIND] = {OTHER_PORT, false},
	[DROP_BATCHED] = {"ethtool -K IFACE tx-udp-segmentation off, where they are sent", true},
	[DROP_BAD_COUNT] = {SENDS_IT, false},
	[DROP_BAD_FLAGS] = {SENDS_IT, false},
	[DROP_UNKNOWN_KEY] = {"the key file must have the keys that signed the capture", false},
	[DROP_BAD_TAG] = {"a key of the key file has the right id, but other bytes", false},
};

int reading_begin(struct reader *reader, const struct replay_options *options, struct error *error)
{
	if (options->no_decapsulation)
		reader_no_decapsulation(reader);
	if (options->copy_window_ns == UINT64_MAX ||
	    reader_find_copies(reader, options->copy_window_ns) == 0)
		return 0;
	error_set(error, "no memory to find copies");
	return -ENOMEM;
}

uint64_t reading_lost_cnt(const struct reader_counts *counts)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < SKIP_CNT; i++)
		lost += skip_remedies[i].lost ? counts->skips[i] : 0;
	for (unsigned i = 0; i < DROP_CNT; i++)
		lost += drop_remedies[i].lost ? counts->drops[i] : 0;
	return lost;
}

/* The reason of the most packets, of all or of the lost ones; copies have an original. */
struct most {
	uint64_t cnt;
	const char *name;
	const char *text;
	const char *remedy;
};

static struct most most_of(const struct reader_counts *counts, bool lost)
{
	struct most most = {0};

	for (enum skip i = 0; i < SKIP_CNT; i++) {
		if (counts->skips[i] > most.cnt && i != SKIP_COPY &&
		    (!lost || skip_remedies[i].lost))
			most = (struct most){counts->skips[i], skip_name(i), skip_text(i),
					     skip_remedies[i].text};
	}
	for (enum drop i = 0; i < DROP_CNT; i++) {
		if (counts->drops[i] > most.cnt && (!lost || drop_remedies[i].lost))
			most = (struct most){counts->drops[i], drop_name(i), drop_text(i),
					     drop_remedies[i].text};
	}
	return most;
}

void reading_why(const struct reader_counts *counts, const char *damage,
		 char why[READING_WHY_BYTES])
{
	const struct most most = most_of(counts, false);
	char port[64];

	if (most.cnt == 0) {
		snprintf(why, READING_WHY_BYTES, "%s%s", damage != NULL ? "it " : "",
			 damage != NULL ? damage
			 : counts->reply_datagrams > 0
				 ? "it has replies only; capture what the engine receives, too"
				 : "it has no packets");
		return;
	}
	snprintf(port, sizeof(port), "--base-port %u: requests to that port are in it",
		 counts->other_port);
	snprintf(why, READING_WHY_BYTES,
		 "most of its %" PRIu64 " packets, %" PRIu64 ", were skipped as %s (%s)%s%s",
		 counts->packets, most.cnt, most.name, most.text, most.remedy != NULL ? "; " : "",
		 counts->other_port != 0 && most.remedy == drop_remedies[DROP_NOT_OUR_PORT].text
			 ? port
		 : most.remedy != NULL ? most.remedy
				       : "");
}

bool reading_is_whole(const struct reader_counts *counts, const char *capture)
{
	const uint64_t lost = reading_lost_cnt(counts);
	const struct most most = most_of(counts, true);

	return lost == 0 ||
	       cli_wrong("%s: --strict: %" PRIu64 " packets could not be read and may have held "
			 "requests, most of them %s (%s); %s",
			 capture, lost, most.name, most.text, most.remedy);
}
