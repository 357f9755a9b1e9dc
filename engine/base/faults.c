#include "engine/base/faults.h"

#include <errno.h>
#include <inttypes.h>

#include "engine/base/limits.h"

/* A file's bytes must not command the terminal that they are printed on. */
static void make_printable(struct error *fault)
{
	for (char *at = fault->text; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
}

void faults_add(struct faults *faults, struct error *fault)
{
	faults->cnt++;
	make_printable(fault);
	if (faults->cnt == 1) {
		faults->first = *fault;
		return;
	}
	if (faults->out == NULL || faults->cnt > FAULTS_SHOWN_MAX)
		return;
	/* One alone is what the program ends with; it is not printed twice. */
	if (faults->cnt == 2)
		fprintf(faults->out, "%s\n", faults->first.text);
	fprintf(faults->out, "%s\n", fault->text);
}

void faults_note(const struct faults *faults, struct error *note)
{
	make_printable(note);
	if (faults->out != NULL)
		fprintf(faults->out, "%s\n", note->text);
}

int faults_end(const struct faults *faults, struct error *error)
{
	if (faults->cnt == 0)
		return 0;
	if (faults->cnt == 1)
		return error_say(error, -EINVAL, "%s", faults->first.text);
	if (faults->out != NULL && faults->cnt > FAULTS_SHOWN_MAX)
		fprintf(faults->out, "%s: and %" PRIu64 " more\n", faults->path,
			faults->cnt - FAULTS_SHOWN_MAX);
	return error_say(error, -EINVAL, "%s: %" PRIu64 " faults; the first: %s", faults->path,
			 faults->cnt, faults->first.text);
}
