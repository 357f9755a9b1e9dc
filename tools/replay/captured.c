#include "tools/replay/captured.h"

#include <string.h>

#include "engine/base/limits.h"

enum {
	IPV4_ID_OFFSET = 4,
};

const char *skip_name(enum skip skip)
{
	static const char *const names[] = {
#define SKIP(name, text) #name,
#include "tools/replay/skip.def"
#undef SKIP
	};

	return (unsigned)skip < SKIP_CNT ? names[skip] : "unknown";
}

const char *skip_text(enum skip skip)
{
	static const char *const texts[] = {
#define SKIP(name, text) text,
#include "tools/replay/skip.def"
#undef SKIP
	};

	return (unsigned)skip < SKIP_CNT ? texts[skip] : "unknown";
}

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_ours(uint16_t port, uint16_t base_port)
{
	return port >= base_port && port - base_port < SHARDS_MAX;
}

/* The bytes of the datagram that begins there, by its own header; 0: none of this kind does. A
 * reply has the header of a request but for its kind. */
static uint32_t first_bytes(const uint8_t *at, uint32_t left, enum captured_kind kind)
{
	struct wire_header header;
	uint32_t bytes;

	if (left < WIRE_DATAGRAM_BYTES_MIN)
		return 0;
	memcpy(&header, at, sizeof(header));
	if (header.kind != (kind == CAPTURED_REPLY ? WIRE_KIND_REPLY : WIRE_KIND_REQUEST))
		return 0;
	header.kind = WIRE_KIND_REQUEST;
	bytes = wire_bytes(at);
	return bytes <= left && decode_datagram((const uint8_t *)&header, bytes) == DROP_NONE
		       ? bytes
		       : 0;
}

/*
 * One datagram, or the first of several: a sender that hands its kernel many at once (UDP GSO), and
 * a receiver that takes many at once (GRO), have one packet with all of them in a capture. A single
 * one with other bytes after it is none: the engine refused it.
 */
static bool take_first(struct captured *captured)
{
	const uint32_t bytes = captured->bytes;
	const uint32_t first = first_bytes(captured->datagram, bytes, captured->kind);

	if (first == 0 || (first < bytes && first_bytes(captured->datagram + first, bytes - first,
							captured->kind) == 0))
		return false;
	captured->bytes = first;
	captured->rest_bytes = bytes - first;
	return true;
}

bool captured_rest(struct captured *captured)
{
	captured->datagram += captured->bytes;
	captured->bytes = first_bytes(captured->datagram, captured->rest_bytes, captured->kind);
	captured->rest_bytes -= captured->bytes;
	captured->ip_id = 0;
	return captured->bytes != 0;
}

bool captured_find(const uint8_t *frame, uint32_t bytes, bool cut, uint16_t base_port,
		   struct captured *out, enum drop *drop, enum skip *skip)
{
	struct frame_view view;
	uint16_t src_port;

	*skip = SKIP_CNT;
	*drop = decode_frame(frame, bytes, 1, UINT16_MAX, &view);
	if (*drop == DROP_FRAME_TRUNCATED && cut)
		*skip = SKIP_SNAPLEN_CUT;
	if (*drop != DROP_NONE)
		return false;
	src_port = read_be16(frame + view.l4_offset);
	*out = (struct captured){
		.datagram = frame + view.payload_offset,
		.bytes = view.payload_bytes,
		.kind = CAPTURED_REPLY,
		.shard = (uint16_t)(src_port - base_port),
		.ip_id = view.ip_version == 4 ? read_be16(frame + view.l3_offset + IPV4_ID_OFFSET)
					      : 0,
	};
	if (is_ours(src_port, base_port) && take_first(out))
		return true;
	if (is_ours(view.dst_port, base_port)) {
		out->kind = CAPTURED_REQUEST;
		out->shard = (uint16_t)(view.dst_port - base_port);
		*drop = take_first(out) ? DROP_NONE : decode_datagram(out->datagram, out->bytes);
		return *drop == DROP_NONE;
	}
	if (is_ours(src_port, base_port))
		*skip = SKIP_REPLY_MALFORMED;
	else
		*drop = DROP_NOT_OUR_PORT;
	if (*drop == DROP_NOT_OUR_PORT &&
	    first_bytes(out->datagram, out->bytes, CAPTURED_REQUEST) != 0)
		out->other_port = view.dst_port;
	return false;
}
