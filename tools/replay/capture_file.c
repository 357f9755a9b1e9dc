#include "tools/replay/capture_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "tools/replay/capture_magic.h"
#include "tools/replay/pcap_file.h"
#include "tools/replay/pcapng.h"
#include "tools/replay/stream.h"

static const uint64_t NS_PER_S = 1000000000;

/* One of the three reads packets. */
struct capture_file {
	struct stream *stream;
	struct capture_options options;
	bool classic;
	struct pcap_file pcap;
	struct pcapng *pcapng;
	pcap_t *rare; /* has a FILE of the stream */
	char rare_why[PCAP_ERRBUF_SIZE];
	const char *damage;         /* NULL: none */
	struct capture_notes notes; /* of captures before the current one */
};

static int open_rare(struct capture_file *file)
{
	FILE *stream = stream_file(file->stream);

	file->damage = file->rare_why;
	if (stream == NULL) {
		file->damage = "no memory to read it";
		return -1;
	}
	file->rare = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO,
							      file->rare_why);
	if (file->rare != NULL)
		return 0;
	fclose(stream);
	return -1;
}

/* Opens the capture that begins here, by its first bytes. 0, or -1 with damage. */
static int open_capture(struct capture_file *file)
{
	const uint8_t *bytes;
	const size_t cnt = stream_peek(file->stream, PCAP_FILE_HEADER_BYTES, &bytes);

	const enum capture_magic magic = capture_magic(bytes, cnt);

	file->classic = magic == CAPTURE_MAGIC_PCAP;
	if (file->classic) {
		if (pcap_file_open(&file->pcap, file->stream, file->options.nanoseconds))
			return 0;
		file->damage = file->pcap.damage;
		return -1;
	}
	if (magic != CAPTURE_MAGIC_PCAPNG)
		return open_rare(file);
	file->pcapng = pcapng_open(file->stream, file->options.nanoseconds, &file->damage);
	return file->pcapng != NULL ? 0 : -1;
}

static void close_capture(struct capture_file *file)
{
	pcapng_close(file->pcapng);
	file->pcapng = NULL;
	if (file->rare != NULL)
		pcap_close(file->rare);
	file->rare = NULL;
	file->classic = false;
}

int capture_file_open(struct capture_file **out, const char *path,
		      const struct capture_options *options, struct error *error)
{
	struct capture_file *file = calloc(1, sizeof(*file));
	int rc;

	if (file == NULL)
		return error_say(error, -ENOMEM, "%s: no memory to read it", path);
	file->options = *options;
	rc = stream_open(&file->stream, path, error);
	if (rc == 0 && open_capture(file) != 0) {
		const char *why = stream_damage(file->stream);

		rc = error_say(error, -EBADMSG,
			       "%s: %s; pcap and pcapng can be read, also in gzip or zstd", path,
			       why != NULL ? why : file->damage);
	}
	if (rc != 0) {
		capture_file_close(file);
		return rc;
	}
	file->damage = NULL;
	*out = file;
	return 0;
}

int capture_file_link_type(const struct capture_file *file)
{
	return file->classic        ? file->pcap.link_type
	       : file->rare != NULL ? pcap_datalink(file->rare)
				    : -1;
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

static int next_of_pcapng(struct capture_file *file, struct packet *out)
{
	struct pcapng_packet found;
	const int rc = pcapng_next(file->pcapng, &found);

	if (rc < 0)
		file->damage = pcapng_damage(file->pcapng);
	if (rc == 1)
		*out = (struct packet){.bytes = found.bytes,
				       .kept = found.kept,
				       .link_type = found.link_type,
				       .cut = found.kept < found.sent,
				       .has_instant = found.has_instant,
				       .timeless = found.timeless,
				       .at_ns = found.at_ns};
	return rc;
}

static int next_classic(struct capture_file *file, struct packet *out)
{
	struct pcap_file_packet found;
	const int rc = pcap_file_next(&file->pcap, &found);

	if (rc < 0)
		file->damage = file->pcap.damage;
	if (rc == 1)
		*out = (struct packet){.bytes = found.bytes,
				       .kept = found.kept,
				       .link_type = file->pcap.link_type,
				       .cut = found.kept < found.sent,
				       .has_instant = true,
				       .at_ns = found.at_ns};
	return rc;
}

static int next_rare(struct capture_file *file, struct packet *out)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	const int rc = pcap_next_ex(file->rare, &header, &bytes);

	if (rc == PCAP_ERROR)
		file->damage = pcap_geterr(file->rare);
	if (rc != 1)
		return rc == PCAP_ERROR ? -1 : 0;
	*out = (struct packet){.bytes = bytes,
			       .kept = header->caplen,
			       .link_type = pcap_datalink(file->rare),
			       .cut = header->caplen < header->len};
	out->has_instant = instant_of(header, &out->at_ns);
	return 1;
}

static int next_packet(struct capture_file *file, struct packet *out)
{
	return file->classic          ? next_classic(file, out)
	       : file->pcapng != NULL ? next_of_pcapng(file, out)
				      : next_rare(file, out);
}

/* Whether there is more after the capture, which then is another one. */
static bool continues(struct capture_file *file)
{
	const uint8_t *bytes;

	return file->rare == NULL && stream_peek(file->stream, 1, &bytes) > 0;
}

void capture_notes_add(struct capture_notes *sum, const struct capture_notes *more)
{
	sum->files += more->files;
	sum->damaged += more->damaged;
	sum->late += more->late;
	sum->joined += more->joined;
	sum->carried += more->carried;
	sum->read_as_ns += more->read_as_ns;
	sum->read_as_us += more->read_as_us;
	sum->lost_interface += more->lost_interface;
	sum->lost_system += more->lost_system;
	sum->lost_between += more->lost_between;
}

/* What was found in the current capture. */
static void add_current(const struct capture_file *file, struct capture_notes *notes)
{
	const struct pcap_file *pcap = &file->pcap;
	struct pcapng_lost lost = {0};
	uint64_t read_as_ns = pcap->read_as_ns;

	if (file->pcapng != NULL) {
		pcapng_lost(file->pcapng, &lost);
		read_as_ns += pcapng_read_as_ns(file->pcapng);
	}
	capture_notes_add(notes, &(struct capture_notes){
					 .carried = pcap->carried,
					 .read_as_ns = read_as_ns,
					 .read_as_us = pcap->read_as_ns > 0 ? pcap->read_as_us : 0,
					 .lost_interface = lost.interface,
					 .lost_system = lost.system,
					 .lost_between = lost.between,
				 });
}

int capture_file_next(struct capture_file *file, struct packet *out)
{
	int rc = next_packet(file, out);

	while (rc == 0 && continues(file)) {
		add_current(file, &file->notes);
		file->pcap = (struct pcap_file){0};
		close_capture(file);
		file->notes.joined++;
		rc = open_capture(file) == 0 ? next_packet(file, out) : -1;
	}
	/* If the compressed bytes are damaged, that is why those inside end. */
	if (rc != 1 && stream_damage(file->stream) != NULL) {
		file->damage = stream_damage(file->stream);
		return -1;
	}
	return rc;
}

void capture_file_add_notes(const struct capture_file *file, struct capture_notes *notes)
{
	add_current(file, notes);
	capture_notes_add(notes, &file->notes);
}

const char *capture_file_damage(const struct capture_file *file)
{
	return file->damage;
}

void capture_file_end_when(struct capture_file *file, bool (*over)(void))
{
	stream_end_when(file->stream, over);
}

void capture_file_progress(const struct capture_file *file, uint64_t *done_bytes,
			   uint64_t *total_bytes)
{
	stream_progress(file->stream, done_bytes, total_bytes);
}

void capture_file_close(struct capture_file *file)
{
	if (file == NULL)
		return;
	close_capture(file);
	stream_close(file->stream);
	free(file);
}
