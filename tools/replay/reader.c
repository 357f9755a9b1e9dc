#include "tools/replay/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "engine/check.h"
#include "tools/replay/stream.h"

enum {
	DAMAGE_BYTES = 2 * PCAP_ERRBUF_SIZE,
};

static const uint64_t NS_PER_S = 1000000000;

struct reader {
	struct stream *stream;
	pcap_t *pcap; /* has the stream's file */
	int link_type;
	uint16_t base_port;
	uint64_t before_ns; /* instant of the packet before */
	struct reader_counts counts;
	char damage[DAMAGE_BYTES]; /* "": none */
	uint8_t room[LINK_FRAME_BYTES_MAX];
};

static int refuse_link(const struct reader *reader, const char *path, char *error,
		       size_t error_bytes)
{
	const char *name = pcap_datalink_val_to_description(reader->link_type);

	snprintf(error, error_bytes,
		 "%s: captured on a link of type %d (%s); Ethernet, Linux cooked, raw IP and BSD "
		 "loopback can be replayed",
		 path, reader->link_type, name != NULL ? name : "unknown");
	return -EPROTONOSUPPORT;
}

int reader_open(struct reader **out, const char *path, uint16_t base_port, char *error,
		size_t error_bytes)
{
	char why[PCAP_ERRBUF_SIZE];
	struct reader *reader = calloc(1, sizeof(*reader));
	int rc = -ENOMEM;

	if (reader == NULL)
		snprintf(error, error_bytes, "%s: no memory to read it", path);
	else
		rc = stream_open(&reader->stream, path, error, error_bytes);
	if (rc != 0) {
		reader_close(reader);
		return rc;
	}
	reader->base_port = base_port;
	reader->pcap = pcap_fopen_offline_with_tstamp_precision(stream_file(reader->stream),
								PCAP_TSTAMP_PRECISION_NANO, why);
	if (reader->pcap == NULL) {
		const char *damage = stream_damage(reader->stream);

		fclose(stream_file(reader->stream));
		snprintf(error, error_bytes,
			 "%s: %s; pcap and pcapng can be read, also in gzip or "
			 "zstd",
			 path, damage != NULL ? damage : why);
		rc = -EBADMSG;
	} else {
		reader->link_type = pcap_datalink(reader->pcap);
		if (!link_known(reader->link_type))
			rc = refuse_link(reader, path, error, error_bytes);
	}
	if (rc != 0) {
		reader_close(reader);
		return rc;
	}
	*out = reader;
	return 0;
}

static bool instant_of(const struct pcap_pkthdr *header, uint64_t *at_ns)
{
	const int64_t seconds = header->ts.tv_sec;
	const int64_t ns = header->ts.tv_usec; /* nanoseconds: so it was opened */

	if (seconds < 0 || (uint64_t)seconds >= UINT64_MAX / NS_PER_S || ns < 0 ||
	    (uint64_t)ns >= NS_PER_S)
		return false;
	*at_ns = (uint64_t)seconds * NS_PER_S + (uint64_t)ns;
	return true;
}

/* One packet: true if it is for the caller, else it is counted. */
static bool look_at(struct reader *reader, const struct pcap_pkthdr *header, const uint8_t *packet,
		    struct captured *out)
{
	struct reader_counts *counts = &reader->counts;
	const bool cut = header->caplen < header->len;
	enum drop drop = DROP_NONE;
	const uint8_t *frame;
	uint32_t bytes;
	uint64_t at_ns = 0;
	enum skip skip =
		link_frame(reader->link_type, packet, header->caplen, reader->room, &frame, &bytes);

	if (skip == SKIP_LINK_HEADER && cut)
		skip = SKIP_SNAPLEN_CUT;
	if (skip == SKIP_CNT && !instant_of(header, &at_ns))
		skip = SKIP_INSTANT;
	if (skip != SKIP_CNT) {
		counts->skips[skip]++;
		return false;
	}
	counts->went_back += at_ns < reader->before_ns;
	reader->before_ns = at_ns;
	if (!captured_find(frame, bytes, cut, reader->base_port, out, &drop, &skip)) {
		if (skip != SKIP_CNT)
			counts->skips[skip]++;
		else
			counts->drops[drop]++;
		return false;
	}
	out->at_ns = at_ns;
	return true;
}

static uint8_t entries_of(const struct captured *captured)
{
	return ((const struct wire_header *)captured->datagram)->count;
}

static void count(struct reader_counts *counts, const struct captured *captured)
{
	if (captured->kind == CAPTURED_REQUEST) {
		counts->request_datagrams++;
		counts->requests += entries_of(captured);
	} else {
		counts->reply_datagrams++;
		counts->replies += entries_of(captured);
	}
}

bool reader_next(struct reader *reader, struct captured *out)
{
	struct reader_counts *counts = &reader->counts;
	struct pcap_pkthdr *header;
	const uint8_t *packet;
	int rc;

	while ((rc = pcap_next_ex(reader->pcap, &header, &packet)) == 1) {
		counts->packets++;
		if (!look_at(reader, header, packet, out))
			continue;
		count(counts, out);
		if (counts->first_ns == 0)
			counts->first_ns = out->at_ns;
		if (out->at_ns > counts->last_ns)
			counts->last_ns = out->at_ns;
		return true;
	}

	const char *damage = stream_damage(reader->stream);

	if (damage == NULL && rc == PCAP_ERROR)
		damage = pcap_geterr(reader->pcap);
	if (damage != NULL && reader->damage[0] == '\0')
		snprintf(reader->damage, sizeof(reader->damage),
			 "ends behind packet %" PRIu64 ": %s", counts->packets, damage);
	return false;
}

void reader_refuse(struct reader *reader, const struct reader_counts *refused)
{
	struct reader_counts *counts = &reader->counts;

	counts->request_datagrams -= refused->request_datagrams;
	counts->requests -= refused->requests;
	for (unsigned i = 0; i < DROP_CNT; i++)
		counts->drops[i] += refused->drops[i];
	for (unsigned i = 0; i < SKIP_CNT; i++)
		counts->skips[i] += refused->skips[i];
}

const char *reader_damage(const struct reader *reader)
{
	return reader->damage[0] != '\0' ? reader->damage : NULL;
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
	return &reader->counts;
}

void reader_progress(const struct reader *reader, uint64_t *done_bytes, uint64_t *total_bytes)
{
	stream_progress(reader->stream, done_bytes, total_bytes);
}

void reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	if (reader->pcap != NULL)
		pcap_close(reader->pcap); /* closes the stream's file */
	stream_close(reader->stream);
	free(reader);
}
