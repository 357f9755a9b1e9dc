#include "tools/replay/capture_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "tools/replay/pcapng.h"
#include "tools/replay/stream.h"

static const uint64_t NS_PER_S = 1000000000;

struct capture_file {
	struct stream *stream;
	pcap_t *pcap; /* has the stream's file; NULL: it is pcapng */
	struct pcapng *pcapng;
	const char *damage; /* NULL: none */
};

/* Opens a pcap or a pcapng, by the first byte. */
static int open_packets(struct capture_file *file, const char *path, struct error *error)
{
	FILE *stream = stream_file(file->stream);
	char pcap_why[PCAP_ERRBUF_SIZE];
	const char *why = pcap_why;
	const int first = getc(stream);

	if (first != EOF)
		(void)ungetc(first, stream);
	if (first == PCAPNG_FIRST_BYTE)
		file->pcapng = pcapng_open(stream, &why);
	else
		file->pcap = pcap_fopen_offline_with_tstamp_precision(
			stream, PCAP_TSTAMP_PRECISION_NANO, pcap_why);
	if (file->pcap != NULL || file->pcapng != NULL)
		return 0;
	if (stream_damage(file->stream) != NULL)
		why = stream_damage(file->stream);
	fclose(stream);
	return error_say(error, -EBADMSG,
			 "%s: %s; pcap and pcapng can be read, also in gzip or zstd", path, why);
}

int capture_file_open(struct capture_file **out, const char *path, struct error *error)
{
	struct capture_file *file = calloc(1, sizeof(*file));
	int rc;

	if (file == NULL)
		return error_say(error, -ENOMEM, "%s: no memory to read it", path);
	rc = stream_open(&file->stream, path, error);
	if (rc == 0)
		rc = open_packets(file, path, error);
	if (rc != 0) {
		capture_file_close(file);
		return rc;
	}
	*out = file;
	return 0;
}

int capture_file_link_type(const struct capture_file *file)
{
	return file->pcap != NULL ? pcap_datalink(file->pcap) : -1;
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
				       .at_ns = found.at_ns};
	return rc;
}

static int next_of_pcap(struct capture_file *file, struct packet *out)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	const int rc = pcap_next_ex(file->pcap, &header, &bytes);

	if (rc == PCAP_ERROR)
		file->damage = pcap_geterr(file->pcap);
	if (rc != 1)
		return rc == PCAP_ERROR ? -1 : 0;
	*out = (struct packet){.bytes = bytes,
			       .kept = header->caplen,
			       .link_type = pcap_datalink(file->pcap),
			       .cut = header->caplen < header->len};
	out->has_instant = instant_of(header, &out->at_ns);
	return 1;
}

int capture_file_next(struct capture_file *file, struct packet *out)
{
	const int rc = file->pcapng != NULL ? next_of_pcapng(file, out) : next_of_pcap(file, out);

	/* If the compressed bytes are damaged, that is why those inside end. */
	if (rc != 1 && stream_damage(file->stream) != NULL) {
		file->damage = stream_damage(file->stream);
		return -1;
	}
	return rc;
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
	if (file->pcap != NULL)
		pcap_close(file->pcap); /* closes the stream's file */
	if (file->pcapng != NULL)
		fclose(stream_file(file->stream));
	pcapng_close(file->pcapng);
	stream_close(file->stream);
	free(file);
}
