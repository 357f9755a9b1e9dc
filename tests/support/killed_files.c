#include "tests/support/killed_files.h"

#include <errno.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/journal/lane_files.h"
#include "engine/repair/apply.h"

static const struct lane_files_ops *real_ops;
static unsigned changes_left;

static int killed_zero(struct lane_files *files, uint64_t number, uint64_t offset)
{
	return changes_left > 0 ? (changes_left--, real_ops->zero(files, number, offset)) : -EINTR;
}

static int killed_remove(struct lane_files *files, uint64_t number)
{
	return changes_left > 0 ? (changes_left--, real_ops->remove(files, number)) : -EINTR;
}

int apply_until_killed(const struct data_dir *data, const struct plan *plan, unsigned changes,
		       struct error *error)
{
	struct lane_files_ops ops;
	struct lane_files *files = NULL;
	int rc = data_dir_open_lane(data, 0, &files, error);

	cr_assert(eq(int, rc, 0), "%s", error->text);
	changes_left = changes;
	real_ops = files->ops;
	ops = *real_ops;
	ops.zero = killed_zero;
	ops.remove = killed_remove;
	files->ops = &ops;
	rc = repair_apply(data, files, plan, error);
	files->ops = real_ops;
	files->ops->close(files);
	return rc;
}

void apply_and_check(const struct data_dir *data, const struct plan *plan)
{
	struct error error;

	cr_assert(eq(int, apply_until_killed(data, plan, NEVER_KILLED, &error), 0), "%s",
		  error.text);
	cr_assert(eq(int, repair_check(data, plan, &error), 0), "%s", error.text);
}
