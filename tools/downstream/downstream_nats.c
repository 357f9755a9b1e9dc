/*
 * nats://, tls://: NATS JetStream. A stream a lane, a message a block (or, with --format json, a
 * record), and with each the sequence that the stream must have. So the stream itself refuses a
 * second writer, a gap, and a message that was sent twice.
 *
 * Rests on nothing else: what a server remembers for a while only (ids of messages, for the window
 * of de-duplication) differs between the nodes of a cluster, and a follower that refuses what its
 * leader took has it never, in silence. So messages bear no Nats-Msg-Id and name none.
 *
 * Guarantees: acknowledged means that the stream has the block at the sequence that follows the one
 * before it. When a message is refused, the one in its place is looked up. If this relay wrote it,
 * just now or before a crash, all is right, and we ask anew where the stream ends. If another relay
 * or program did, the error names it and is final. JetStream acknowledges before it syncs:
 * DOWNSTREAM.md has what that can lose.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/rfc3339.h"
#include "tools/common/cli.h"
#include "tools/common/record_print.h"
#include "tools/downstream/nats_link.h"
#include "tools/downstream/nats_stream.h"

enum {
	/* Messages in flight: with JSON there are many a block. */
	MESSAGES_MAX = 4096,
	TEXT_BYTES = 96,
};
static_assert((int)MESSAGES_MAX >= 2 * (int)BLOCK_RECORDS_MAX, "a block's records fit");

static const char needs[] =
	"to publish to $JS.API.STREAM.INFO.*, $JS.API.STREAM.CREATE.* (unless the streams are "
	"there), $JS.API.STREAM.MSG.GET.* and STREAM.lane.*";

static const uint64_t ACK_WAIT_NS = (uint64_t)DOWNSTREAM_WAIT_MS * 1000000;

struct nats_target {
	struct downstream_target base;
	struct nats_settings settings;
};

struct nats_downstream {
	struct downstream base;
	struct nats_link link;
	char stream[NATS_NAME_BYTES];
	char subject[NATS_NAME_BYTES];
	natsInbox *inbox;
	natsSubscription *acks; /* inbox.N acknowledges message N */
	uint64_t base_seq;      /* of the stream, before message 0 */
	uint64_t skip_lsn;      /* JSON: the stream has records up to here of the block to come */
	bool alone;             /* the first block after none was in flight is not acknowledged */

	/* Messages: sent, and acknowledged without a gap. The ring says which are acknowledged. */
	uint64_t message_end;
	uint64_t message_acked;
	bool acked[MESSAGES_MAX];
	/* Blocks: the message after the last one of each. */
	uint64_t block_end;
	uint64_t block_acked;
	uint64_t ends[DOWNSTREAM_IN_FLIGHT_MAX];
	uint64_t progress_ns; /* when something was last acknowledged, or nothing was in flight */
	struct print print;
};

static struct nats_downstream *of(struct downstream *downstream)
{
	return (struct nats_downstream *)downstream;
}

static const struct nats_settings *settings_of(const struct nats_downstream *nats)
{
	return &((const struct nats_target *)nats->base.target)->settings;
}

static bool is_json(const struct nats_downstream *nats)
{
	return nats->base.target->options.format == FORMAT_JSON;
}

static int target_open(struct downstream_target **out, const struct downstream_options *options,
		       struct error *error)
{
	struct nats_target *target = calloc(1, sizeof(*target));
	int rc;

	if (target == NULL)
		return error_say(error, -ENOMEM, "no memory");
	rc = nats_settings_parse(&target->settings, options->to, options->format == FORMAT_JSON,
				 options->settings, options->setting_cnt, error);
	if (rc != 0)
		free(target);
	else
		*out = &target->base;
	return rc;
}

static void target_close(struct downstream_target *target)
{
	free(target);
}

static void close_nats(struct downstream *downstream)
{
	struct nats_downstream *nats = of(downstream);

	/* The reader is closed first: nats.c 3.4 aborts if a message comes for what is being
	 * destroyed. */
	natsConnection_Close(nats->link.connection);
	natsSubscription_Destroy(nats->acks);
	natsInbox_Destroy(nats->inbox);
	nats_link_close(&nats->link);
	free(nats);
}

static int say_away(const struct nats_downstream *nats, natsStatus status, struct error *error)
{
	return nats_link_failed(&nats->link, nats->stream, status, 0, error);
}

static int open_nats(struct downstream **out, struct downstream_target *target, uint16_t lane,
		     struct error *error)
{
	struct nats_downstream *nats = calloc(1, sizeof(*nats));
	char wild[NATS_NAME_BYTES];
	natsStatus status;
	int rc;

	if (nats == NULL)
		return error_say(error, -ENOMEM, "no memory for lane %u", lane);
	nats->base.target = target;
	nats->base.lane = lane;
	nats_stream_name(settings_of(nats), lane, nats->stream);
	nats_subject(settings_of(nats), lane, nats->subject);
	rc = nats_link_open(&nats->link, settings_of(nats), "doorbuster relay", needs, error);
	if (rc != 0) {
		free(nats);
		return rc;
	}
	status = natsInbox_Create(&nats->inbox);
	if (status == NATS_OK) {
		snprintf(wild, sizeof(wild), "%s.*", (const char *)nats->inbox);
		status = natsConnection_SubscribeSync(&nats->acks, nats->link.connection, wild);
	}
	if (status != NATS_OK) {
		rc = say_away(nats, status, error);
		close_nats(&nats->base);
		return rc;
	}
	*out = &nats->base;
	return 0;
}

/* Always -EPROTO. */
static int say_foreign(const struct nats_downstream *nats, uint64_t seq, const char *what,
		       struct error *error)
{
	return error_say(error, -EPROTO,
			 "stream %s: message %" PRIu64 " is %s; nobody but one relay may "
			 "write to it: begin a new one with --set stream=NAME",
			 nats->stream, seq, what);
}

/* What the last message of the stream is. */
static int read_last(struct nats_downstream *nats, uint64_t seq, struct lane_mark *last, bool *part,
		     struct error *error)
{
	const uint64_t journal_id = nats->base.target->options.journal->journal_id;
	const char *id = NULL;
	natsMsg *message = NULL;
	struct frame frame;
	jsErrCode code = 0;
	uint64_t lsn = 0;
	const char *wrong = NULL;
	natsStatus status = js_GetMsg(&message, nats->link.js, nats->stream, seq, NULL, &code);

	if (status != NATS_OK)
		return say_away(nats, status, error);
	if (!nats_message_block(message, &frame, last))
		wrong = "no message of a relay";
	else if (frame.journal_id != journal_id)
		wrong = "of another journal";
	else if (frame.lane != nats->base.lane)
		wrong = "of another lane";
	else if (!is_json(nats))
		wrong = frame_block_wrong(&frame, journal_id, nats->base.lane,
					  natsMsg_GetData(message),
					  (uint64_t)natsMsg_GetDataLength(message));
	else if ((natsMsgHeader_Get(message, nats_header_id, &id) != NATS_OK &&
		  natsMsgHeader_Get(message, "Nats-Msg-Id", &id) != NATS_OK) ||
		 sscanf(id, "%*u:%" SCNu64, &lsn) != 1 || lsn >= last->next_lsn)
		wrong = "a message with a wrong id";
	nats->skip_lsn = lsn;
	*part = lsn > 0 && lsn + 1 < last->next_lsn;
	if (wrong != NULL)
		(void)say_foreign(nats, seq, wrong, error);
	natsMsg_Destroy(message);
	return wrong == NULL ? 0 : -EPROTO;
}

static int end_nats(struct downstream *downstream, struct lane_mark *last, bool *part,
		    struct error *error)
{
	struct nats_downstream *nats = of(downstream);
	char made[RFC3339_BYTES];
	jsStreamInfo *info;
	int rc;

	CHECK(nats->message_acked == nats->message_end);
	rc = nats_stream_open(&info, &nats->link, settings_of(nats), downstream->lane,
			      !downstream->met, error);
	if (rc != 0)
		return rc;
	nats->base_seq = info->State.LastSeq - nats->message_end;
	nats->progress_ns = clock_now_ns();
	rfc3339_format((uint64_t)info->Created, made);
	snprintf(downstream->who, sizeof(downstream->who), "made-%s", made);
	if (info->State.Msgs > 0)
		rc = read_last(nats, info->State.LastSeq, last, part, error);
	jsStreamInfo_Destroy(info);
	return rc;
}

/* The headers of the next message. */
static natsStatus set_headers(struct nats_downstream *nats, natsMsg *message,
			      const struct lane_block *block, uint64_t lsn)
{
	const struct downstream_options *options = &nats->base.target->options;
	const struct lane_mark mark = lane_mark_of(block);
	const uint64_t seq = nats->base_seq + nats->message_end;
	char relay[DOWNSTREAM_RELAY_BYTES];
	char text[FRAME_TEXT_BYTES];
	char id[TEXT_BYTES];
	struct frame frame;
	natsStatus status;

	/* A closing block has no record: its place distinguishes it from the block with its LSN. */
	if (block->header->record_cnt > 0)
		snprintf(id, sizeof(id), "%u:%" PRIu64, nats->base.lane, lsn);
	else
		snprintf(id, sizeof(id), "%u:%" PRIu64 ":%" PRIu64 ".%" PRIu64, nats->base.lane,
			 lsn, block->place.segment, block->place.offset);
	status = natsMsgHeader_Set(message, nats_header_id, id);
	snprintf(text, sizeof(text), "%" PRIu64, seq);
	/* The server takes 0 as "any", but not for the last of a subject. */
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message,
					   seq > 0 ? "Nats-Expected-Last-Sequence"
						   : "Nats-Expected-Last-Subject-Sequence",
					   text);
	frame_fill(&frame, options->journal->journal_id, nats->base.lane, block);
	frame_to_text(&frame, text);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message, nats_header_block, text);
	snprintf(text, sizeof(text), "%" PRIu64 " %016" PRIx64, mark.next_lsn, mark.checksum);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message, nats_header_mark, text);
	downstream_relay_text(options, relay);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message, nats_header_relay, relay);
	return status;
}

static natsStatus send_message(struct nats_downstream *nats, const struct lane_block *block,
			       uint64_t lsn, const void *data, size_t bytes)
{
	char reply[NATS_NAME_BYTES];
	natsMsg *message = NULL;
	natsStatus status;

	snprintf(reply, sizeof(reply), "%s.%" PRIu64, (const char *)nats->inbox, nats->message_end);
	status = natsMsg_Create(&message, nats->subject, reply, data, (int)bytes);
	if (status == NATS_OK)
		status = set_headers(nats, message, block, lsn);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(nats->link.connection, message);
	natsMsg_Destroy(message);
	if (status == NATS_OK)
		nats->acked[nats->message_end++ % MESSAGES_MAX] = false;
	return status;
}

static natsStatus send_records(struct nats_downstream *nats, const struct lane_block *block)
{
	const struct record *records = block_records(block->header);
	natsStatus status = NATS_OK;

	for (uint32_t i = 0; status == NATS_OK && i < block->header->record_cnt; i++) {
		const uint64_t lsn = block->header->first_lsn + i;

		if (lsn <= nats->skip_lsn)
			continue;
		nats->print.used = 0;
		print_record_json(&nats->print, nats->base.lane, lsn, &records[i]);
		/* Without the newline. */
		status = send_message(nats, block, lsn, nats->print.bytes, nats->print.used - 1);
	}
	return status;
}

static int publish_nats(struct downstream *downstream, const struct lane_block *block,
			struct error *error)
{
	struct nats_downstream *nats = of(downstream);
	natsStatus status;

	if (nats->block_end - nats->block_acked >= settings_of(nats)->in_flight ||
	    nats->message_end - nats->message_acked + BLOCK_RECORDS_MAX > MESSAGES_MAX)
		return -EAGAIN;
	/* Where another's message takes the place of a block in flight, the block after it fits by
	 * its sequence. So none follows until the first has shown that the place is ours. */
	if (nats->alone && nats->block_end != nats->block_acked)
		return -EAGAIN;
	if (nats->message_end == nats->message_acked) {
		nats->progress_ns = clock_now_ns();
		nats->alone = true;
	}
	if (is_json(nats))
		status = send_records(nats, block);
	else
		status = send_message(nats, block, block->header->first_lsn, block->header,
				      block->header->block_bytes);
	if (status != NATS_OK)
		return say_away(nats, status, error);
	nats->ends[nats->block_end++ % DOWNSTREAM_IN_FLIGHT_MAX] = nats->message_end;
	return 0;
}

/*
 * A message was refused, or the stream had it already: finds out who wrote what is in its place.
 * -ENOTCONN: we, now or before a crash, or nobody: ask anew. -EBUSY, -EPROTO: others.
 */
static int look_up(struct nats_downstream *nats, uint64_t seq, const char *why, struct error *error)
{
	const struct downstream_options *options = &nats->base.target->options;
	char us[DOWNSTREAM_RELAY_BYTES];
	const char *text = NULL;
	natsMsg *message = NULL;
	jsErrCode code = 0;
	natsStatus status = js_GetMsg(&message, nats->link.js, nats->stream, seq, NULL, &code);
	int rc = -ENOTCONN;

	if (status != NATS_OK)
		return error_say(error, rc, "stream %s: %s", nats->stream, why);
	downstream_relay_text(options, us);
	if (natsMsgHeader_Get(message, nats_header_relay, &text) != NATS_OK)
		text = "";
	switch (downstream_relay_check(options, text)) {
	case 0:
		(void)error_say(error, rc, "stream %s: %s", nats->stream, why);
		break;
	case -EBUSY:
		rc = error_say(error, -EBUSY,
			       "stream %s refused a block (%s): message %" PRIu64
			       " was written by another relay (%s; this is %s), maybe on a "
			       "copy of this data directory: one relay a lane, stop one of "
			       "them",
			       nats->stream, why, seq, text, us);
		break;
	default:
		rc = say_foreign(nats, seq, "no message of a relay", error);
	}
	natsMsg_Destroy(message);
	return rc;
}

/* What an acknowledgement says. 1: of this message; 0: not one of ours; or an error. */
static int read_ack(struct nats_downstream *nats, natsMsg *message, uint64_t number,
		    struct error *error)
{
	const uint64_t seq = nats->base_seq + number + 1;
	json_error_t json_error;
	json_t *ack = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
				 0, &json_error);
	const json_t *refusal = json_object_get(ack, "error");
	char why[TEXT_BYTES] = "no answer of JetStream";
	int rc = 1;

	if (refusal != NULL)
		snprintf(why, sizeof(why), "%s",
			 json_string_value(json_object_get(refusal, "description")) != NULL
				 ? json_string_value(json_object_get(refusal, "description"))
				 : "refused");
	else if (json_is_true(json_object_get(ack, "duplicate")))
		snprintf(why, sizeof(why), "it has it already");
	if (ack == NULL || natsMsg_IsNoResponders(message))
		rc = error_say(error, -ENOTCONN, "stream %s: %s", nats->stream, why);
	else if (refusal != NULL || json_is_true(json_object_get(ack, "duplicate")) ||
		 json_integer_value(json_object_get(ack, "seq")) != (json_int_t)seq)
		rc = look_up(nats, seq, why, error);
	json_decref(ack);
	return rc;
}

static int take_acks(struct nats_downstream *nats, struct error *error)
{
	natsMsg *message = NULL;
	natsStatus status;

	while ((status = natsSubscription_NextMsg(&message, nats->acks, 0)) == NATS_OK) {
		const char *dot = strrchr(natsMsg_GetSubject(message), '.');
		uint64_t number = UINT64_MAX;
		int rc = 0;

		if (cli_parse_u64(dot + 1, UINT64_MAX, &number) && number >= nats->message_acked &&
		    number < nats->message_end)
			rc = read_ack(nats, message, number, error);
		natsMsg_Destroy(message);
		if (rc < 0)
			return rc;
		if (rc == 1)
			nats->acked[number % MESSAGES_MAX] = true;
	}
	return status == NATS_TIMEOUT ? 0 : say_away(nats, status, error);
}

static int reap_nats(struct downstream *downstream, struct error *error)
{
	struct nats_downstream *nats = of(downstream);
	const uint64_t before = nats->message_acked;
	int cnt = 0;
	const int rc = take_acks(nats, error);

	if (rc != 0)
		return rc;
	while (nats->message_acked < nats->message_end &&
	       nats->acked[nats->message_acked % MESSAGES_MAX])
		nats->message_acked++;
	for (; nats->block_acked < nats->block_end &&
	       nats->ends[nats->block_acked % DOWNSTREAM_IN_FLIGHT_MAX] <= nats->message_acked;
	     nats->block_acked++)
		cnt++;
	if (cnt > 0)
		nats->alone = false;
	if (nats->message_acked != before)
		nats->progress_ns = clock_now_ns();
	if (nats->message_acked != nats->message_end &&
	    clock_now_ns() > nats->progress_ns + ACK_WAIT_NS)
		return say_away(nats, NATS_TIMEOUT, error);
	return cnt;
}

const struct downstream_kind downstream_nats_kind = {
	.scheme = "nats://",
	.also = "tls://",
	.settle_s = 300,
	.target_open = target_open,
	.target_close = target_close,
	.open = open_nats,
	.end = end_nats,
	.publish = publish_nats,
	.reap = reap_nats,
	.close = close_nats,
};
