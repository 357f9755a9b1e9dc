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
#include "tools/replay/copies.h"
#include "tools/replay/unwrap.h"

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
	bool stays_outside;                            /* of tunnels */
	struct copies *copies;                         /* NULL: each copy is given */
	struct captured joined; /* the last datagram of a packet that holds more, if it does */
	struct reader_counts counts;
	char damage[DAMAGE_BYTES]; /* "": none */
	uint8_t room[LINK_FRAME_BYTES_MAX];
};

static int refuse_link(int link_type, const char *path, struct error *error)
{
	const char *name = pcap_datalink_val_to_description(link_type);

	return error_say(
		error, -EPROTONOSUPPORT,
		"%s: captured on a link of type %d (%s); Ethernet, Linux cooked, raw IP, BSD "
		"loopback, NFLOG, PKTAP, PPP, Cisco HDLC, ERF, MPLS and DSA can be replayed; where "
		"Ethernet follows a header of N bytes, editcap -C N -T ether takes it off",
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

/* Looks into the tags, labels and tunnels of a frame. As captured_find. */
static bool look_inside(struct reader *reader, const uint8_t *frame, uint32_t bytes, bool cut,
			struct captured *out, enum drop *drop, enum skip *skip)
{
	struct unwrapped inside;
	const enum skip why = unwrap(frame, bytes, reader->base_port, &inside);

	for (unsigned i = 0; i < ENCAPSULATION_CNT; i++)
		reader->counts.encapsulated[i] += inside.seen >> i & 1;
	if (why != SKIP_CNT) {
		/* Without a tunnel, what was said of the frame itself is as true. */
		if (why != SKIP_TUNNEL_SHORT || inside.seen != 0)
			*skip = why == SKIP_TUNNEL_SHORT && cut ? SKIP_SNAPLEN_CUT : why;
		return false;
	}
	cut = cut || inside.cut;
	if (inside.seen != 0) {
		link_put_ether(inside.ethertype, inside.network, inside.bytes, reader->room,
			       &bytes);
		if (captured_find(reader->room, bytes, cut, reader->base_port, out, drop, skip))
			return true;
	}
	/* What was cut off another's packet is not missing. */
	if (*skip == SKIP_SNAPLEN_CUT && inside.foreign != DROP_NONE) {
		*skip = SKIP_CNT;
		*drop = inside.foreign;
	}
	return false;
}

/* Up to two VLAN tags need no look inside, but are counted all the same. */
static void count_tags(struct reader_counts *counts, const uint8_t *frame, uint32_t bytes)
{
	const uint8_t *type = frame + ETHER_HEADER_BYTES - 2;

	if (bytes >= ETHER_HEADER_BYTES &&
	    ((type[0] == 0x81 && type[1] == 0x00) || (type[0] == 0x88 && type[1] == 0xa8)))
		counts->encapsulated[ENCAPSULATION_VLAN]++;
}

static bool find(struct reader *reader, const struct packet *packet, const uint8_t *frame,
		 uint32_t bytes, struct captured *out, enum drop *drop, enum skip *skip)
{
	if (captured_find(frame, bytes, packet->cut, reader->base_port, out, drop, skip)) {
		count_tags(&reader->counts, frame, bytes);
		out->point = link_point(packet->link_type, packet->bytes, packet->kept);
		return true;
	}
	return !reader->stays_outside &&
	       look_inside(reader, frame, bytes, packet->cut, out, drop, skip);
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
	*out = (struct captured){0};
	if (!find(reader, packet, frame, bytes, out, &drop, &skip)) {
		if (skip != SKIP_CNT)
			counts->skips[skip]++;
		else
			counts->drops[drop]++;
		if (out->other_port != 0 &&
		    (counts->other_port == 0 || out->other_port < counts->other_port))
			counts->other_port = out->other_port;
		return false;
	}
	out->at_ns = packet->at_ns;
	out->packet = reader->counts.packets;
	if (packet->timeless)
		find_instant(reader, out);
	if (out->rest_bytes > 0) {
		counts->joined_packets++;
		counts->joined_datagrams++;
	}
	reader->joined = *out;
	return true;
}

/* The next datagram of the last packet, which holds more. True if it is for the caller. */
static bool look_at_rest(struct reader *reader, struct captured *out)
{
	if (!captured_rest(&reader->joined)) {
		reader->joined.rest_bytes = 0;
		reader->counts.skips[SKIP_JOINED_REST]++;
		return false;
	}
	reader->counts.joined_datagrams++;
	*out = reader->joined;
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

void reader_no_decapsulation(struct reader *reader)
{
	reader->stays_outside = true;
}

int reader_find_copies(struct reader *reader, uint64_t window_ns)
{
	reader->copies = copies_open(window_ns);
	return reader->copies != NULL ? 0 : -ENOMEM;
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

/* The next datagram: 1 and *out; 0: something was passed over; -1 at the end. */
static int next_datagram(struct reader *reader, struct captured *out)
{
	struct packet packet = {0};
	int rc;

	if (reader->joined.rest_bytes > 0)
		return look_at_rest(reader, out);
	rc = capture_set_next(reader->set, &packet);
	if (rc < 0)
		take_damage(reader);
	if (rc != 1)
		return -1;
	reader->counts.packets++;
	return look_at(reader, &packet, out);
}

/* Whether it is for the caller; else it is counted. */
static bool is_wanted(struct reader *reader, const struct captured *captured)
{
	struct reader_counts *counts = &reader->counts;
	enum drop drop;

	if (reader->copies != NULL && copies_is_one(reader->copies, captured)) {
		counts->skips[SKIP_COPY]++;
		return false;
	}
	drop = verify(reader->verify[captured->kind], captured);
	if (drop != DROP_NONE) {
		counts->drops[drop]++;
		return false;
	}
	if (counts->request_datagrams + counts->reply_datagrams == 0)
		counts->first_ns = captured->at_ns;
	count(counts, captured);
	if (captured->at_ns > counts->last_ns)
		counts->last_ns = captured->at_ns;
	return true;
}

enum reader_step reader_step(struct reader *reader, struct captured *out)
{
	for (unsigned i = 0; i < STEP_PACKETS; i++) {
		const int rc = next_datagram(reader, out);

		if (rc < 0)
			return READER_END;
		if (rc == 1 && is_wanted(reader, out))
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
	copies_close(reader->copies);
	free(reader);
}
