/*
 * nats://, tls://: the streams that a relay fills, a consumer of its own a lane, kept in order by
 * the client. The cursor's `extra` is the sequence of the last message.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "tools/downstream/nats_link.h"
#include "tools/downstream/source.h"

enum {
	/* How long a message that the stream has may take. */
	MESSAGE_MS = DOWNSTREAM_WAIT_MS,
};

/* How often a stream is asked where it ends, once all its messages were given. */
static const uint64_t ASK_NS = 250000000;

struct nats_lane {
	natsSubscription *messages;
	natsMsg *message; /* given last */
	uint64_t seq;     /* of it */
	uint64_t end_seq; /* the stream had this many when it was asked last */
	uint64_t asked_ns;
};

struct nats_source {
	struct source base;
	struct nats_settings settings;
	struct nats_link link;
	struct nats_lane lanes[SHARDS_MAX];
};

static struct nats_source *of(struct source *source)
{
	return (struct nats_source *)source;
}

static void close_lane(struct nats_lane *lane)
{
	natsMsg_Destroy(lane->message);
	natsSubscription_Destroy(lane->messages);
	*lane = (struct nats_lane){0};
}

static void close_nats(struct source *base)
{
	struct nats_source *source = of(base);

	/* The reader is closed first: nats.c 3.4 aborts if a message comes for what is being
	 * destroyed. */
	natsConnection_Close(source->link.connection);
	for (unsigned i = 0; i < SHARDS_MAX; i++)
		close_lane(&source->lanes[i]);
	nats_link_close(&source->link);
	free(source);
}

static const char needs[] = "to publish to $JS.API.STREAM.INFO.*, $JS.API.STREAM.MSG.GET.*, "
			    "$JS.API.CONSUMER.CREATE.>, $JS.API.CONSUMER.DELETE.> and $JS.FC.>";

static int say_away(const struct nats_source *source, const char *stream, natsStatus status,
		    struct error *error)
{
	return nats_link_failed(&source->link, stream, status, 0, error);
}

/* The state of a lane's stream. 0, -ENOENT, or an error with a line. */
static int stream_state(struct nats_source *source, uint16_t lane, jsStreamState *state,
			struct error *error)
{
	char stream[NATS_NAME_BYTES];
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;
	natsStatus status;

	*state = (jsStreamState){0};
	nats_stream_name(&source->settings, lane, stream);
	status = js_GetStreamInfo(&info, source->link.js, stream, NULL, &code);
	if (status == NATS_NOT_FOUND)
		return -ENOENT;
	if (status != NATS_OK)
		return nats_link_failed(&source->link, stream, status, code, error);
	*state = info->State;
	jsStreamInfo_Destroy(info);
	return 0;
}

/* Which journal it is, from the first message of a stream; 0: it is empty. */
static int journal_of(struct nats_source *source, uint16_t lane, const jsStreamState *state,
		      struct error *error)
{
	char stream[NATS_NAME_BYTES];
	natsMsg *message = NULL;
	struct lane_mark mark;
	struct frame frame;
	jsErrCode code = 0;
	natsStatus status;
	bool ours;

	if (state->Msgs == 0)
		return 0;
	nats_stream_name(&source->settings, lane, stream);
	status = js_GetMsg(&message, source->link.js, stream, state->FirstSeq, NULL, &code);
	if (status != NATS_OK)
		return say_away(source, stream, status, error);
	ours = nats_message_block(message, &frame, &mark);
	natsMsg_Destroy(message);
	if (!ours)
		return error_say(error, -EPROTO,
				 "stream %s: message %" PRIu64 " is no message of a relay", stream,
				 state->FirstSeq);
	source->base.journal_id = frame.journal_id;
	return 0;
}

/* Counts further: the relay makes its streams one after another, each when it begins with a lane.
 */
static int grow_nats(struct source *base, struct error *error)
{
	struct nats_source *source = of(base);
	jsStreamState state;
	int rc = 0;

	while (rc == 0 && base->lanes < SHARDS_MAX) {
		rc = stream_state(source, base->lanes, &state, error);
		if (rc == 0 && base->journal_id == 0)
			rc = journal_of(source, base->lanes, &state, error);
		if (rc == 0)
			base->lanes++;
	}
	return rc == -ENOENT ? 0 : rc;
}

static int find_lanes(struct nats_source *source, struct error *error)
{
	const int rc = grow_nats(&source->base, error);

	if (rc != 0 || (source->base.lanes > 0 && source->base.journal_id != 0))
		return rc;
	return error_say(error, -ENOTCONN,
			 "%s: %s %s-lane-000: let a relay fill it, or name another with "
			 "--set stream=NAME",
			 source->settings.shown,
			 source->base.lanes == 0 ? "there is no stream"
						 : "there is nothing in stream",
			 source->settings.stream);
}

static int open_nats(struct source **out, const struct consumer_options *options,
		     struct error *error)
{
	struct nats_source *source = calloc(1, sizeof(*source));
	int rc;

	if (source == NULL)
		return error_say(error, -ENOMEM, "no memory");
	rc = nats_settings_parse(&source->settings, options->from, false, options->settings,
				 options->setting_cnt, error);
	if (rc == 0)
		rc = nats_link_open(&source->link, &source->settings, "doorbuster consume", needs,
				    error);
	if (rc == 0)
		rc = find_lanes(source, error);
	if (rc != 0)
		close_nats(&source->base);
	else
		*out = &source->base;
	return rc;
}

static int seek_nats(struct source *base, uint16_t number, const struct cursor_lane *behind,
		     struct error *error)
{
	struct nats_source *source = of(base);
	struct nats_lane *lane = &source->lanes[number];
	char stream[NATS_NAME_BYTES];
	char subject[NATS_NAME_BYTES];
	jsSubOptions options;
	jsStreamState state;
	jsErrCode code = 0;
	natsStatus status;
	int rc = stream_state(source, number, &state, error);

	nats_stream_name(&source->settings, number, stream);
	if (rc != 0)
		return rc == -ENOENT ? say_away(source, stream, NATS_NOT_FOUND, error) : rc;
	close_lane(lane);
	nats_subject(&source->settings, number, subject);
	jsSubOptions_Init(&options);
	options.Stream = stream;
	options.Ordered = true;
	options.Config.DeliverPolicy = js_DeliverAll;
	/* Begins at the cursor's last message, to check that it is still the same; if the stream is
	 * shorter, at its beginning. */
	if (behind->extra > 0 && behind->extra <= state.LastSeq &&
	    behind->extra >= state.FirstSeq) {
		options.Config.DeliverPolicy = js_DeliverByStartSequence;
		options.Config.OptStartSeq = behind->extra;
	}
	status = js_SubscribeSync(&lane->messages, source->link.js, subject, NULL, &options, &code);
	lane->seq = options.Config.OptStartSeq > 0 ? options.Config.OptStartSeq - 1 : 0;
	lane->end_seq = state.LastSeq;
	return status == NATS_OK ? 0 : say_away(source, stream, status, error);
}

/* A message of the lane. If the stream is known to have more, it waits for it. */
static natsStatus next_message(struct nats_source *source, uint16_t number, struct error *error)
{
	struct nats_lane *lane = &source->lanes[number];
	natsStatus status = natsSubscription_NextMsg(&lane->message, lane->messages, 0);
	jsStreamState state;

	if (status != NATS_TIMEOUT)
		return status;
	if (lane->seq >= lane->end_seq && clock_now_ns() >= lane->asked_ns + ASK_NS) {
		const int rc = stream_state(source, number, &state, error);

		if (rc != 0)
			return NATS_ERR;
		lane->end_seq = state.LastSeq;
		lane->asked_ns = clock_now_ns();
	}
	if (lane->seq >= lane->end_seq)
		return NATS_TIMEOUT;
	status = natsSubscription_NextMsg(&lane->message, lane->messages, MESSAGE_MS);
	return status == NATS_TIMEOUT ? NATS_ERR : status;
}

static int next_nats(struct source *base, uint16_t number, struct source_block *block,
		     struct error *error)
{
	struct nats_source *source = of(base);
	struct nats_lane *lane = &source->lanes[number];
	jsMsgMetaData *meta = NULL;
	struct lane_mark mark;
	natsStatus status;
	bool ours;

	natsMsg_Destroy(lane->message);
	lane->message = NULL;
	error_clear(error);
	status = next_message(source, number, error);
	if (status == NATS_TIMEOUT)
		return 0;
	if (status == NATS_OK)
		status = natsMsg_GetMetaData(&meta, lane->message);
	if (status != NATS_OK)
		return error_is_set(error)
			       ? -ENOTCONN
			       : say_away(source, source->settings.stream, status, error);
	lane->seq = meta->Sequence.Stream;
	jsMsgMetaData_Destroy(meta);
	ours = nats_message_block(lane->message, &block->frame, &mark);
	if (!ours)
		block->frame = (struct frame){0};
	block->block = (const struct block_header *)natsMsg_GetData(lane->message);
	block->bytes = (uint64_t)natsMsg_GetDataLength(lane->message);
	block->extra = lane->seq;
	return 1;
}

const struct source_kind source_nats_kind = {
	.scheme = "nats://",
	.also = "tls://",
	.open = open_nats,
	.seek = seek_nats,
	.grow = grow_nats,
	.next = next_nats,
	.close = close_nats,
};
