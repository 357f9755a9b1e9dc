/*
 * identity: who a downstream is, at whatever address it is reached: its kind, its format, and the
 * name of its streams, topic or directory. So a broker may move, get other names and more nodes. A
 * relay's position is bound to it, and to what each lane's stream says of itself
 * (struct downstream, who), once it was reached.
 *
 *     nats sale            nats doorbuster-json json            kafka doorbuster
 *     file /srv/copy       file /srv/lines json
 *
 * Cold calls, any thread.
 */
#ifndef DB_TOOLS_DOWNSTREAM_IDENTITY_H
#define DB_TOOLS_DOWNSTREAM_IDENTITY_H

#include <stdbool.h>

#include "tools/downstream/downstream.h"

enum {
	IDENTITY_BYTES = 512,
};

void identity_describe(const struct downstream_options *options, char out[IDENTITY_BYTES]);

/*
 * Whether a text from a position file describes this downstream. Relays up to November 2026 wrote
 * its address there, as `nats://n1:4222 json stream=sale`: of that only the kind, the format and
 * the name count.
 */
bool identity_matches(const char *text, const struct downstream_options *options);

#endif
