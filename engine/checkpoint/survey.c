#include "engine/checkpoint/survey.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/checkpoint/list.h"

static void look_at(const struct data_dir *dir, uint16_t lane, struct checkpoint_seen *seen)
{
	struct checkpoint *checkpoint = NULL;
	struct checkpoint_chunk chunk;

	seen->rc = checkpoint_open(&checkpoint, dir, lane, seen->next_lsn, &seen->error);
	seen->has_header = seen->rc == 0;
	if (seen->has_header)
		seen->header = *checkpoint_header(checkpoint);
	while (seen->rc == 0 && (seen->rc = checkpoint_next(checkpoint, &chunk, &seen->error)) == 1)
		seen->rc = 0;
	checkpoint_close(checkpoint);
}

int64_t checkpoint_survey(const struct data_dir *dir, uint16_t lane, struct checkpoint_seen **out)
{
	uint64_t *lsns = NULL;
	const int64_t listed = checkpoint_list(dir, lane, &lsns);
	int64_t cnt = 0;

	*out = NULL;
	if (listed <= 0)
		return listed == -ENOENT ? 0 : listed;
	*out = calloc((size_t)listed, sizeof(**out));
	if (*out == NULL) {
		free(lsns);
		return -ENOMEM;
	}
	for (int64_t i = 0; i < listed; i++) {
		struct checkpoint_seen *seen = &(*out)[cnt];

		*seen = (struct checkpoint_seen){.next_lsn = lsns[i]};
		look_at(dir, lane, seen);
		cnt += seen->rc != -ENOENT;
	}
	free(lsns);
	return cnt;
}
