#include "tools/replay/report_files.h"

#include <inttypes.h>

#include "tools/common/cli.h"

/* A time without a packet that is reported. */
static const uint64_t JUMP_TOLD_NS = UINT64_C(60000000000);
static const uint64_t NS_PER_S = 1000000000;

static uint64_t lost_of(const struct capture_notes *notes)
{
	/* A capture counts its losses with its packets or in its statistics, or in both. */
	const uint64_t in_statistics = notes->lost_interface + notes->lost_system;

	return in_statistics > notes->lost_between ? in_statistics : notes->lost_between;
}

static void report_jump(const struct reader *reader, const struct capture_notes *notes, FILE *out)
{
	const struct reader_counts *counts = reader_counts(reader);

	if (counts->jump_ns < JUMP_TOLD_NS)
		return;
	fprintf(out, "before packet %" PRIu64 " ", counts->jump_packet);
	if (notes->files > 1)
		fprintf(out, "(packet %" PRIu64 " of %s) ", counts->jump_in_path,
			counts->jump_path);
	fprintf(out,
		"there is none for %" PRIu64 " s; a wrong clock? --max-gap S passes over packets "
		"that come more than S seconds after those before\n",
		counts->jump_ns / NS_PER_S);
}

void report_files(const struct reader *reader, FILE *out)
{
	const struct reader_counts *counts = reader_counts(reader);
	struct capture_notes notes;

	reader_notes(reader, &notes);
	if (notes.files > 1)
		fprintf(out, "of %" PRIu64 " files, in the order of their packets' instants\n",
			notes.files);
	if (notes.late > 0)
		fprintf(out,
			"%" PRIu64 " files came later than their instants, as too many overlap in "
			"time\n",
			notes.late);
	if (notes.joined > 0)
		fprintf(out, "%" PRIu64 " more captures were joined to a file's first one\n",
			notes.joined);
	if (notes.carried > 0)
		fprintf(out,
			"%" PRIu64 " packets had a fraction of a second and more, which was "
			"carried into the seconds\n",
			notes.carried);
	if (notes.read_as_ns > 0)
		fprintf(out,
			"%" PRIu64 " packets had nanoseconds where the file announces "
			"microseconds, and were read as that\n",
			notes.read_as_ns);
	if (counts->timeless > 0)
		fprintf(out,
			"%" PRIu64 " datagrams have no instant in the file (simple packet blocks): "
			"they stand at their own date, or at the instant before\n",
			counts->timeless);
	if (lost_of(&notes) > 0)
		fprintf(out,
			"LOST: the capture says that it lost %" PRIu64
			" packets (interface %" PRIu64 ", system %" PRIu64
			", between packets %" PRIu64 ")\n",
			lost_of(&notes), notes.lost_interface, notes.lost_system,
			notes.lost_between);
	if (counts->went_back > 0)
		fprintf(out,
			"%" PRIu64 " packets were captured before the furthest instant until "
			"then; time stands still there\n",
			counts->went_back);
	report_jump(reader, &notes, out);
	if (reader_damage(reader) != NULL)
		fprintf(out, "DAMAGED: %s\n", reader_damage(reader));
	if (notes.damaged > 1)
		fprintf(out, "DAMAGED: %" PRIu64 " files in all\n", notes.damaged);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

void report_files_json(const struct reader *reader, json_t *object)
{
	const struct reader_counts *counts = reader_counts(reader);
	struct capture_notes notes;

	reader_notes(reader, &notes);
	json_object_set_new(object, "went_back", number(counts->went_back));
	json_object_set_new(object, "jump_ns", number(counts->jump_ns));
	json_object_set_new(object, "jump_packet", number(counts->jump_packet));
	json_object_set_new(object, "without_instant", number(counts->timeless));
	json_object_set_new(object, "files", number(notes.files));
	json_object_set_new(object, "files_damaged", number(notes.damaged));
	json_object_set_new(object, "files_late", number(notes.late));
	json_object_set_new(object, "joined", number(notes.joined));
	json_object_set_new(object, "fractions_carried", number(notes.carried));
	json_object_set_new(object, "read_as_ns", number(notes.read_as_ns));
	json_object_set_new(object, "capture_lost", number(lost_of(&notes)));
	json_object_set_new(object, "capture_lost_interface", number(notes.lost_interface));
	json_object_set_new(object, "capture_lost_system", number(notes.lost_system));
	json_object_set_new(object, "capture_lost_between", number(notes.lost_between));
	json_object_set_new(object, "damage",
			    reader_damage(reader) != NULL ? json_string(reader_damage(reader))
							  : json_null());
}

bool files_are_whole(const struct reader *reader)
{
	struct capture_notes notes;

	reader_notes(reader, &notes);
	return lost_of(&notes) == 0 || cli_wrong("--strict: the capture says that it lost %" PRIu64
						 " packets; what was in them is missing here",
						 lost_of(&notes));
}

bool files_have_instants(const struct reader *reader)
{
	struct capture_notes notes;

	reader_notes(reader, &notes);
	if (notes.read_as_us > 0)
		return cli_wrong("the capture has nanoseconds where it announces microseconds, "
				 "which was recognised after %" PRIu64
				 " packets: their instants are wrong; read it with --nanoseconds",
				 notes.read_as_us);
	if (notes.read_as_ns > 0)
		cli_wrong("the capture has nanoseconds where it announces microseconds: they were "
			  "read as nanoseconds; --nanoseconds says that they are");
	return true;
}
