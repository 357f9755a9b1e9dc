#include "tools/replay/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "engine/base/check.h"
#include "net/tag.h"
#include "tools/replay/capture_set.h"

enum {
	DAMAGE_BYTES = 2 * PCAP_ERRBUF_SIZE,
	STEP_PACKETS = 1024,
};

struct reader {
	struct capture_set *set;
	uint16_t base_port;
	uint64_t furthest_ns;                          /* instant, so far */
	bool (*over)(void);                            /* NULL: never asked */
	const struct key_ring *verify[CAPTURED_KINDS]; /* NULL: tags are not checked */
	struct reader_counts counts;
	char damage[DAMAGE_BYTES]; /* "": none */
	uint8_t room[LINK_FRAME_BYTES_MAX];
};

static int refuse_link(int link_type, const char *path, struct error *error)
{
	const char *name = pcap_datalink_val_to_description(link_type);

	return error_say(
		error, -EPROTONOSUPPORT,
		"%s: captured on a link of type %d (%s); Ethernet, Linux cooked, raw IP and BSD "
		"loopback can be replayed",
		path, link_type, name != NULL ? name : "unknown");
}

int reader_open_source(struct reader **out, const struct capture_source *source, uint16_t base_port,
		       struct error *error)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int link_type = -1;
	int rc;

	if (reader == NULL)
		return error_say(error, -ENOMEM, "%s: no memory to read it", source->paths[0]);
	reader->base_port = base_port;
	rc = capture_set_open(&reader->set, source, error);
	if (rc == 0)
		link_type = capture_set_link_type(reader->set);
	if (link_type >= 0 && !link_known(link_type))
		rc = refuse_link(link_type, source->paths[0], error);
	if (rc != 0) {
		reader_close(reader);
		return rc;
	}
	*out = reader;
	return 0;
}

int reader_open(struct reader **out, const char *path, uint16_t base_port, struct error *error)
{
	const struct capture_source source = {.paths = &path, .cnt = 1};

	return reader_open_source(out, &source, base_port, error);
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
		counts->jump_path = capture_set_where(reader->set, &counts->jump_in_path);
	}
	reader->furthest_ns = at_ns;
}

/* The file keeps no instant of a packet: then its datagram's date stands for it. What has no date
 * stands at the instant before; without any that is the epoch, as good as another where there is no
 * clock. */
static void find_instant(struct reader *reader, struct captured *captured)
{
	uint64_t date_ns = 0;

	if (wire_is_dated(captured->datagram))
		date_ns = wire_date_of(captured->datagram).issued_at_ns;
	captured->at_ns = date_ns > reader->furthest_ns ? date_ns : reader->furthest_ns;
	look_at_clock(reader, captured->at_ns);
	reader->counts.timeless++;
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
	if (skip == SKIP_CNT && !packet->has_instant && !packet->timeless)
		skip = SKIP_INSTANT;
	if (packet->beyond_gap)
		skip = SKIP_MAX_GAP;
	if (skip != SKIP_CNT) {
		counts->skips[skip]++;
		return false;
	}
	if (packet->has_instant)
		look_at_clock(reader, packet->at_ns);
	if (!captured_find(frame, bytes, packet->cut, reader->base_port, out, &drop, &skip)) {
		if (skip != SKIP_CNT)
			counts->skips[skip]++;
		else
			counts->drops[drop]++;
		return false;
	}
	out->at_ns = packet->at_ns;
	out->packet = reader->counts.packets;
	if (packet->timeless)
		find_instant(reader, out);
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

static void take_damage(struct reader *reader)
{
	/* Ended by us in the middle of a packet: that is not damage. */
	if ((reader->over != NULL && reader->over()) || reader->damage[0] != '\0')
		return;
	snprintf(reader->damage, sizeof(reader->damage), "%s", capture_set_damage(reader->set));
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
	struct packet packet = {0};

	for (unsigned i = 0; i < STEP_PACKETS; i++) {
		const int rc = capture_set_next(reader->set, &packet);

		if (rc < 0)
			take_damage(reader);
		if (rc != 1)
			return READER_END;
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
	capture_set_end_when(reader->set, over);
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

void reader_notes(const struct reader *reader, struct capture_notes *notes)
{
	capture_set_notes(reader->set, notes);
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
	return &reader->counts;
}

void reader_progress(const struct reader *reader, uint64_t *done_bytes, uint64_t *total_bytes)
{
	capture_set_progress(reader->set, done_bytes, total_bytes);
}

void reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	capture_set_close(reader->set);
	free(reader);
}
