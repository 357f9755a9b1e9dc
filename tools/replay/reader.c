#include "tools/replay/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "engine/base/check.h"
#include "net/tag.h"
#include "tools/replay/pcapng.h"
#include "tools/replay/stream.h"

enum {
	DAMAGE_BYTES = 2 * PCAP_ERRBUF_SIZE,
	STEP_PACKETS = 1024,
};

static const uint64_t NS_PER_S = 1000000000;

struct reader {
	struct stream *stream;
	pcap_t *pcap; /* has the stream's file; NULL: it is pcapng */
	struct pcapng *pcapng;
	int link_type; /* of a pcap */
	uint16_t base_port;
	uint64_t furthest_ns;                          /* instant, so far */
	bool (*over)(void);                            /* NULL: never asked */
	const struct key_ring *verify[CAPTURED_KINDS]; /* NULL: tags are not checked */
	struct reader_counts counts;
	char damage[DAMAGE_BYTES]; /* "": none */
	uint8_t room[LINK_FRAME_BYTES_MAX];
};

static int refuse_link(const struct reader *reader, const char *path, struct error *error)
{
	const char *name = pcap_datalink_val_to_description(reader->link_type);

	return error_say(
		error, -EPROTONOSUPPORT,
		"%s: captured on a link of type %d (%s); Ethernet, Linux cooked, raw IP and BSD "
		"loopback can be replayed",
		path, reader->link_type, name != NULL ? name : "unknown");
}

/* A packet, whatever file it is of. */
struct packet {
	const uint8_t *bytes;
	uint32_t kept;
	int link_type;
	bool cut;
	bool has_instant;
	uint64_t at_ns;
};

/* Opens a pcap or a pcapng, by the first byte. */
static int open_packets(struct reader *reader, const char *path, struct error *error)
{
	FILE *file = stream_file(reader->stream);
	char pcap_why[PCAP_ERRBUF_SIZE];
	const char *why = pcap_why;
	const int first = getc(file);

	if (first != EOF)
		(void)ungetc(first, file);
	if (first == PCAPNG_FIRST_BYTE)
		reader->pcapng = pcapng_open(file, &why);
	else
		reader->pcap = pcap_fopen_offline_with_tstamp_precision(
			file, PCAP_TSTAMP_PRECISION_NANO, pcap_why);
	if (reader->pcap != NULL) {
		reader->link_type = pcap_datalink(reader->pcap);
		return link_known(reader->link_type) ? 0 : refuse_link(reader, path, error);
	}
	if (reader->pcapng != NULL)
		return 0;
	if (stream_damage(reader->stream) != NULL)
		why = stream_damage(reader->stream);
	fclose(file);
	return error_say(error, -EBADMSG,
			 "%s: %s; pcap and pcapng can be read, also in gzip or zstd", path, why);
}

int reader_open(struct reader **out, const char *path, uint16_t base_port, struct error *error)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int rc = -ENOMEM;

	if (reader == NULL)
		error_set(error, "%s: no memory to read it", path);
	else
		rc = stream_open(&reader->stream, path, error);
	if (rc == 0) {
		reader->base_port = base_port;
		rc = open_packets(reader, path, error);
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
	/* A pcap has 32 unsigned bits, which libpcap reads as signed: after 2038 that is wrong. */
	const int64_t seconds = header->ts.tv_sec >= INT32_MIN && header->ts.tv_sec < 0
					? (int64_t)(uint32_t)header->ts.tv_sec
					: header->ts.tv_sec;
	const int64_t ns = header->ts.tv_usec; /* nanoseconds: so it was opened */

	if (seconds < 0 || (uint64_t)seconds >= UINT64_MAX / NS_PER_S || ns < 0 ||
	    (uint64_t)ns >= NS_PER_S)
		return false;
	*at_ns = (uint64_t)seconds * NS_PER_S + (uint64_t)ns;
	return true;
}

/* The next one: 1, 0 at the end, -1 with *damage. */
static int next_packet(struct reader *reader, struct packet *out, const char **damage)
{
	struct pcapng_packet found;
	struct pcap_pkthdr *header;
	int rc;

	if (reader->pcapng != NULL) {
		rc = pcapng_next(reader->pcapng, &found);
		if (rc < 0)
			*damage = pcapng_damage(reader->pcapng);
		if (rc == 1)
			*out = (struct packet){.bytes = found.bytes,
					       .kept = found.kept,
					       .link_type = found.link_type,
					       .cut = found.kept < found.sent,
					       .has_instant = found.has_instant,
					       .at_ns = found.at_ns};
		return rc;
	}
	rc = pcap_next_ex(reader->pcap, &header, &out->bytes);
	if (rc == PCAP_ERROR)
		*damage = pcap_geterr(reader->pcap);
	if (rc != 1)
		return rc == PCAP_ERROR ? -1 : 0;
	out->kept = header->caplen;
	out->link_type = reader->link_type;
	out->cut = header->caplen < header->len;
	out->has_instant = instant_of(header, &out->at_ns);
	return 1;
}

/* Notes of packets with an instant which go back in time, and the biggest jump. */
static void look_at_clock(struct reader *reader, uint64_t at_ns)
{
	struct reader_counts *counts = &reader->counts;

	if (at_ns < reader->furthest_ns) {
		counts->went_back++;
		return;
	}
	if (reader->furthest_ns != 0 && at_ns - reader->furthest_ns > counts->jump_ns) {
		counts->jump_ns = at_ns - reader->furthest_ns;
		counts->jump_packet = counts->packets;
	}
	reader->furthest_ns = at_ns;
}

/* One packet: true if it is for the caller, else it is counted. */
static bool look_at(struct reader *reader, const struct packet *packet, struct captured *out)
{
	struct reader_counts *counts = &reader->counts;
	enum drop drop = DROP_NONE;
	enum skip skip = SKIP_LINK_TYPE;
	const uint8_t *frame = NULL;
	uint32_t bytes = 0;

	if (link_known(packet->link_type))
		skip = link_frame(packet->link_type, packet->bytes, packet->kept, reader->room,
				  &frame, &bytes);
	if (skip == SKIP_LINK_HEADER && packet->cut)
		skip = SKIP_SNAPLEN_CUT;
	if (skip == SKIP_CNT && !packet->has_instant)
		skip = SKIP_INSTANT;
	if (skip != SKIP_CNT) {
		counts->skips[skip]++;
		return false;
	}
	look_at_clock(reader, packet->at_ns);
	if (!captured_find(frame, bytes, packet->cut, reader->base_port, out, &drop, &skip)) {
		if (skip != SKIP_CNT)
			counts->skips[skip]++;
		else
			counts->drops[drop]++;
		return false;
	}
	out->at_ns = packet->at_ns;
	return true;
}

static void count(struct reader_counts *counts, const struct captured *captured)
{
	if (captured->kind == CAPTURED_REQUEST) {
		counts->request_datagrams++;
		counts->requests += wire_count(captured->datagram);
	} else {
		counts->reply_datagrams++;
		counts->replies += wire_count(captured->datagram);
	}
}

static void take_damage(struct reader *reader, const char *damage)
{
	/* If the compressed bytes are damaged, that is why those inside end. */
	if (stream_damage(reader->stream) != NULL)
		damage = stream_damage(reader->stream);
	/* Ended by us in the middle of a packet: that is not damage. */
	if (reader->over != NULL && reader->over())
		damage = NULL;
	if (damage != NULL && reader->damage[0] == '\0')
		snprintf(reader->damage, sizeof(reader->damage),
			 "ends after packet %" PRIu64 ": %s", reader->counts.packets, damage);
}

void reader_verify(struct reader *reader, const struct key_ring *keys, bool requests, bool replies)
{
	reader->verify[CAPTURED_REQUEST] = requests ? keys : NULL;
	reader->verify[CAPTURED_REPLY] = replies ? keys : NULL;
}

static enum drop verify(const struct key_ring *keys, const struct captured *captured)
{
	const struct wire_header *header = (const struct wire_header *)captured->datagram;
	const struct key *key;

	if (keys == NULL)
		return DROP_NONE;
	key = keys_find(keys, header->key_id);
	if (key == NULL)
		return DROP_UNKNOWN_KEY;
	return tag_verify(captured->datagram, captured->bytes, key->bytes) ? DROP_NONE
									   : DROP_BAD_TAG;
}

enum reader_step reader_step(struct reader *reader, struct captured *out)
{
	struct reader_counts *counts = &reader->counts;
	const char *damage = NULL;
	struct packet packet = {0};

	for (unsigned i = 0; i < STEP_PACKETS; i++) {
		if (next_packet(reader, &packet, &damage) != 1) {
			take_damage(reader, damage);
			return READER_END;
		}
		counts->packets++;
		if (!look_at(reader, &packet, out))
			continue;

		const enum drop drop = verify(reader->verify[out->kind], out);

		if (drop != DROP_NONE) {
			counts->drops[drop]++;
			continue;
		}
		if (counts->request_datagrams + counts->reply_datagrams == 0)
			counts->first_ns = out->at_ns;
		count(counts, out);
		if (out->at_ns > counts->last_ns)
			counts->last_ns = out->at_ns;
		return READER_FOUND;
	}
	return READER_NOT_YET;
}

bool reader_next(struct reader *reader, struct captured *out)
{
	enum reader_step step;

	do
		step = reader_step(reader, out);
	while (step == READER_NOT_YET && (reader->over == NULL || !reader->over()));
	return step == READER_FOUND;
}

void reader_end_when(struct reader *reader, bool (*over)(void))
{
	reader->over = over;
	stream_end_when(reader->stream, over);
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
	if (reader->pcapng != NULL)
		fclose(stream_file(reader->stream));
	pcapng_close(reader->pcapng);
	stream_close(reader->stream);
	free(reader);
}
