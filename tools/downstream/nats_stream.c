#include "tools/downstream/nats_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "engine/journal/format.h"

/* nats-server's numbers of errors. */
enum {
	ERROR_NAME_IN_USE = 10058,
	ERROR_SUBJECT_OVERLAP = 10065,
	ERROR_INVALID_CONFIG = 10052,
	ERROR_REPLICAS_NOT_SUPPORTED = 10074,
	ERROR_STREAMS_LIMIT = 10027,
};

/* The stream that takes a subject already; empty: the server doesn't say. */
static void find_overlap(const struct nats_link *link, const char *subject,
			 char out[NATS_NAME_BYTES])
{
	char request[NATS_NAME_BYTES + 32];
	natsMsg *reply = NULL;
	json_t *answer = NULL;
	const char *name = NULL;

	snprintf(request, sizeof(request), "{\"subject\":\"%s\"}", subject);
	if (natsConnection_RequestString(&reply, link->connection, "$JS.API.STREAM.NAMES", request,
					 DOWNSTREAM_WAIT_MS) == NATS_OK)
		answer = json_loadb(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), 0,
				    NULL);
	name = json_string_value(json_array_get(json_object_get(answer, "streams"), 0));
	snprintf(out, NATS_NAME_BYTES, "%s", name != NULL ? name : "");
	json_decref(answer);
	natsMsg_Destroy(reply);
}

/* Why a stream was not made, and what to do. */
static int say_unmade(const struct nats_link *link, const jsStreamConfig *config, natsStatus status,
		      jsErrCode code, struct error *error)
{
	char other[NATS_NAME_BYTES];

	switch ((int)code) {
	case ERROR_SUBJECT_OVERLAP:
		find_overlap(link, config->Subjects[0], other);
		return error_say(error, -EPROTO,
				 "stream %s cannot be made: %s%s takes its subject %s already, "
				 "and no two streams may: take the subject out of that one, or "
				 "name another with --set stream=NAME",
				 config->Name, other[0] != '\0' ? "stream " : "another stream",
				 other, config->Subjects[0]);
	case ERROR_INVALID_CONFIG:
	case ERROR_REPLICAS_NOT_SUPPORTED:
	case ERROR_STREAMS_LIMIT:
		return error_say(error, -EPROTO,
				 "stream %s cannot be made: %s (error %d); a new one has %" PRId64
				 " replicas (--set replicas=N)",
				 config->Name, nats_why(status), code, config->Replicas);
	case ERROR_NAME_IN_USE:
		/* Another relay made it just now: looked at with the next try. */
		return error_say(error, -ENOTCONN, "stream %s is being made by somebody else",
				 config->Name);
	default:
		break;
	}
	if (code == 0)
		return nats_link_failed(link, config->Name, status, code, error);
	return error_say(error, -ENOTCONN,
			 "stream %s cannot be made: %s (error %d); a new one has %" PRId64
			 " replicas",
			 config->Name, nats_why(status), code, config->Replicas);
}

static int make_stream(jsStreamInfo **info, const struct nats_link *link, const char *name,
		       const char *subject, uint32_t replicas, struct error *error)
{
	const char *subjects[] = {subject};
	jsStreamConfig config;
	jsErrCode code = 0;
	natsStatus status;

	jsStreamConfig_Init(&config);
	config.Name = name;
	config.Description = "committed blocks of a doorbuster lane";
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	/* It must hold also if somebody sets a limit later. */
	config.Discard = js_DiscardNew;
	config.Replicas = replicas;
	config.DenyDelete = true;
	config.DenyPurge = true;
	status = js_AddStream(info, link->js, &config, NULL, &code);
	return status == NATS_OK ? 0 : say_unmade(link, &config, status, code, error);
}

/* What makes a stream lose messages that it acknowledged; NULL: nothing does. */
static const char *forgets(const jsStreamConfig *config)
{
	if (config->Storage != js_FileStorage)
		return "forgets what it acknowledged (storage=memory)";
	if (config->Retention != js_LimitsPolicy)
		return "forgets what it acknowledged (a retention other than limits)";
	if (config->MaxAge > 0)
		return "forgets what it acknowledged (max_age)";
	/* All our messages have one subject: the oldest would be removed. */
	if (config->MaxMsgsPerSubject > 0)
		return "forgets what it acknowledged (max_msgs_per_subject)";
	/* With discard=new the stream refuses messages above its limit, and the relay waits. */
	if (config->Discard == js_DiscardNew)
		return NULL;
	if (config->MaxMsgs > 0)
		return "forgets what it acknowledged (max_msgs with discard=old)";
	return config->MaxBytes > 0 ? "forgets what it acknowledged (max_bytes with discard=old)"
				    : NULL;
}

const char *nats_stream_wrong(const jsStreamConfig *config, const char *subject)
{
	if (config->Mirror != NULL)
		return "is a mirror of another, so that nobody may write to it";
	if (config->SourcesLen > 0)
		return "also takes the messages of other streams (sources)";
	if (config->SubjectsLen != 1 || strcmp(config->Subjects[0], subject) != 0)
		return "takes other subjects than the lane's";
	if (config->NoAck)
		return "acknowledges nothing (no_ack), so that nothing is known to be there";
	if (config->Sealed)
		return "is sealed and takes nothing any more";
	if (config->MaxMsgSize > 0 && config->MaxMsgSize < BLOCK_BYTES_MAX + NATS_HEADERS_BYTES)
		return "refuses messages as large as a block (max_msg_size below 66560)";
	return forgets(config);
}
static_assert(BLOCK_BYTES_MAX + NATS_HEADERS_BYTES == 66560, "as nats_stream_wrong says");

static int check(const jsStreamInfo *info, const char *name, const char *subject,
		 struct error *error)
{
	const char *wrong = nats_stream_wrong(info->Config, subject);

	if (wrong != NULL)
		return error_say(error, -EPROTO,
				 "stream %s %s: change that (its subject is %s), or name another "
				 "with --set stream=NAME",
				 name, wrong, subject);
	if (info->State.NumDeleted > 0)
		return error_say(error, -EPROTO,
				 "stream %s has a gap: %" PRIu64 " messages were removed from "
				 "its middle; begin a new one with --set stream=NAME",
				 name, info->State.NumDeleted);
	if (info->State.Msgs == 0 && info->State.LastSeq > 0)
		return error_say(error, -EPROTO,
				 "stream %s was emptied; begin a new one with --set stream=NAME",
				 name);
	return 0;
}

int nats_stream_open(jsStreamInfo **info, const struct nats_link *link,
		     const struct nats_settings *settings, uint16_t lane, bool make,
		     struct error *error)
{
	char subject[NATS_NAME_BYTES];
	char name[NATS_NAME_BYTES];
	jsErrCode code = 0;
	natsStatus status;
	int rc = 0;

	nats_stream_name(settings, lane, name);
	nats_subject(settings, lane, subject);
	*info = NULL;
	status = js_GetStreamInfo(info, link->js, name, NULL, &code);
	if (status == NATS_NOT_FOUND && !make)
		return error_say(error, -ENOENT,
				 "stream %s is not at %s, and this relay filled it before: this is "
				 "another server, or it was removed. To begin anew with an empty "
				 "one, first: doorbuster relay --data DIR --forget --name NAME",
				 name, settings->shown);
	if (status == NATS_NOT_FOUND)
		rc = make_stream(info, link, name, subject, settings->replicas, error);
	else if (status != NATS_OK)
		rc = nats_link_failed(link, name, status, code, error);
	if (rc == 0)
		rc = check(*info, name, subject, error);
	if (rc != 0) {
		jsStreamInfo_Destroy(*info);
		*info = NULL;
	}
	return rc;
}
