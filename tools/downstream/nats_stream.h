/*
 * nats_stream: the JetStream stream of a lane: looks at it before anything is sent there, makes it
 * if it isn't there, and refuses by name one that would forget, that would not acknowledge, or that
 * another program fills.
 */
#ifndef DB_TOOLS_DOWNSTREAM_NATS_STREAM_H
#define DB_TOOLS_DOWNSTREAM_NATS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <nats/nats.h>

#include "engine/base/error.h"
#include "tools/downstream/nats_link.h"

/*
 * 0 and what the server says of it, which the caller destroys (jsStreamInfo_Destroy). With a line:
 * -ENOENT: it isn't there, and `make` is false; -ENOTCONN, -EACCES, -EINVAL as nats_link_failed has
 * them; -EPROTO: it cannot be relied on, or not be made as long as another stream is as it is.
 */
int nats_stream_open(jsStreamInfo **info, const struct nats_link *link,
		     const struct nats_settings *settings, uint16_t lane, bool make,
		     struct error *error);

/*
 * Why no relay may fill a stream with this configuration, after "stream NAME "; NULL: it may.
 * `subject` is the one that it must take. A static text.
 */
const char *nats_stream_wrong(const jsStreamConfig *config, const char *subject);

#endif
