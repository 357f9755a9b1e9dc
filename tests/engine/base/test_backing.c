/* What lies under a mount: mountinfo as kernels write it, devices in a made-up /sys, and the real
 * thing where this machine has it. */
#include "engine/base/backing.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"

static struct backing_mount parsed(const char *text)
{
	static struct backing_mount mount;
	char line[4096];

	snprintf(line, sizeof(line), "%s\n", text);
	cr_assert(backing_mount_parse(line, &mount), "%s", text);
	return mount;
}

Test(backing, takes_a_line_of_mountinfo_apart)
{
	const struct backing_mount mount =
		parsed("36 35 98:1 /mnt1 /mnt/a\\040b rw,noatime master:1 shared:7 - ext3 "
		       "/dev/ro\\134ot rw,errors=continue");

	cr_assert(all(eq(u32, mount.id, 36), eq(u32, mount.major, 98), eq(u32, mount.minor, 1)));
	cr_assert(eq(str, (char *)mount.point, "/mnt/a b"));
	cr_assert(eq(str, (char *)mount.type, "ext3"));
	cr_assert(eq(str, (char *)mount.source, "/dev/ro\\ot"));
	cr_assert(eq(str, (char *)mount.options, "rw,errors=continue"));
}

/* An image may have hundreds of layers. */
Test(backing, forgets_lower_layers)
{
	static char line[200000];
	struct backing_mount mount;
	int used = snprintf(line, sizeof(line), "9 1 0:50 / / rw - overlay overlay rw,lowerdir=/l");

	for (unsigned i = 0; i < 500; i++)
		used += snprintf(line + used, sizeof(line) - (size_t)used,
				 ":/var/lib/docker/overlay2/l/%0100u", i);
	snprintf(line + used, sizeof(line) - (size_t)used,
		 ",upperdir=/up,workdir=/work,volatile\n");
	cr_assert(backing_mount_parse(line, &mount));
	cr_assert(eq(str, (char *)mount.options, "rw,upperdir=/up,workdir=/work,volatile"));
}

Test(backing, refuses_half_a_line)
{
	static const char *const halves[] = {"", "36", "36 35 98:1 / /mnt rw", "x y z - ext4 a b",
					     "36 35 98:1 / /mnt rw - ext4"};
	struct backing_mount mount;

	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "%s", halves[i]);
		cr_expect(not(backing_mount_parse(line, &mount)), "%s", halves[i]);
	}
}

Test(backing, finds_options_by_their_whole_name)
{
	char value[4096];

	cr_assert(backing_option("rw,upperdir=/a,volatile", "volatile", value));
	cr_assert(backing_option("rw,upperdir=/a,volatile", "upperdir=", value));
	cr_assert(eq(str, value, "/a"));
	cr_assert(not(backing_option("rw,nonvolatile,volatiles", "volatile", value)));
	cr_assert(not(backing_option("rw,my_barrier=0", "barrier=", value)));
	cr_assert(backing_option("rw,barrier=0", "barrier=", value));
	cr_assert(eq(str, value, "0"));
	cr_assert(not(backing_option("", "volatile", value)));
}

/* Makes sys/NAME with a file in it. */
static void put(const char *dir, const char *file, const char *text)
{
	char path[512];
	FILE *out;

	for (size_t i = 1; i < strlen(dir); i++) {
		if (dir[i] != '/')
			continue;
		snprintf(path, sizeof(path), "%s/%.*s", temp_path("sys"), (int)i, dir);
		(void)mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/%s", temp_path("sys"), dir);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", temp_path("sys"), dir, file);
	out = fopen(path, "w");
	cr_assert(ne(ptr, out, NULL), "%s", path);
	fputs(text, out);
	fclose(out);
}

static void link_device(const char *number, const char *to)
{
	char target[512];
	char path[512];

	snprintf(target, sizeof(target), "../../%s", to);
	snprintf(path, sizeof(path), "%s/dev/block/%s", temp_path("sys"), number);
	cr_assert(eq(int, symlink(target, path), 0));
}

static void make_sys(void)
{
	temp_dir_make();
	cr_assert(eq(int, mkdir(temp_path("sys"), 0700), 0));
	put("dev/block", "none", "");
}

static struct backing device(unsigned major, unsigned minor)
{
	struct backing backing;

	backing_of_device(temp_path("sys"), major, minor, &backing);
	return backing;
}

Test(backing, knows_devices_in_memory, .init = make_sys, .fini = temp_dir_remove)
{
	put("block/ram0", "dev", "1:0\n");
	put("block/zram3", "dev", "252:3\n");
	put("block/nullb0", "dev", "251:0\n");
	put("block/ramdisk", "dev", "9:9\n");
	put("block/sdb/device", "model", "scsi_debug      \n");
	put("block/sda/device", "model", "QEMU HARDDISK   \n");
	put("block/sda/sda1", "partition", "1\n");
	link_device("1:0", "block/ram0");
	link_device("252:3", "block/zram3");
	link_device("251:0", "block/nullb0");
	link_device("9:9", "block/ramdisk");
	link_device("8:16", "block/sdb");
	link_device("8:0", "block/sda");
	link_device("8:1", "block/sda/sda1");
	cr_expect(eq(int, device(1, 0).kind, BACKING_MEMORY));
	cr_expect(eq(int, device(252, 3).kind, BACKING_MEMORY));
	cr_expect(eq(str, device(252, 3).what, "zram3"));
	cr_expect(eq(int, device(251, 0).kind, BACKING_MEMORY));
	cr_expect(eq(int, device(8, 16).kind, BACKING_MEMORY));
	cr_expect(eq(int, device(9, 9).kind, BACKING_DISK));
	cr_expect(eq(int, device(8, 0).kind, BACKING_DISK));
	cr_expect(eq(int, device(8, 1).kind, BACKING_DISK));
	/* A container need not have it. */
	cr_expect(eq(int, device(7, 7).kind, BACKING_DISK));
}

/* A volume of the device mapper on a partition of a disk, and one on zram. */
Test(backing, looks_through_the_device_mapper, .init = make_sys, .fini = temp_dir_remove)
{
	put("block/dm-0", "dev", "254:0\n");
	put("block/dm-0/slaves/sda1", "dev", "8:1\n");
	put("block/dm-1/slaves/dm-2", "dev", "254:2\n");
	put("block/dm-2/slaves/zram0", "dev", "252:0\n");
	put("block/sda/sda1", "partition", "1\n");
	put("block/zram0", "dev", "252:0\n");
	link_device("254:0", "block/dm-0");
	link_device("254:1", "block/dm-1");
	link_device("254:2", "block/dm-2");
	link_device("8:1", "block/sda/sda1");
	link_device("252:0", "block/zram0");
	cr_expect(eq(int, device(254, 0).kind, BACKING_DISK));
	cr_expect(eq(int, device(254, 1).kind, BACKING_MEMORY));
	cr_expect(eq(str, device(254, 1).what, "dm-1 on dm-2 on zram0"));
}

/* A file that a loop device was made of may be anywhere, also in memory. */
Test(backing, looks_at_the_file_of_a_loop_device, .init = make_sys, .fini = temp_dir_remove)
{
	struct backing backing;

	backing_of_path("/dev/shm", &backing);
	if (backing.kind != BACKING_MEMORY)
		cr_skip_test("/dev/shm is no tmpfs here");
	put("block/loop5/loop", "backing_file", "/dev/shm\n");
	put("block/loop6/loop", "backing_file", "/nowhere/at/all.img\n");
	link_device("7:5", "block/loop5");
	link_device("7:6", "block/loop6");
	cr_expect(eq(int, device(7, 5).kind, BACKING_MEMORY));
	cr_expect(eq(str, device(7, 5).what, "loop5 on tmpfs"));
	cr_expect(eq(int, device(7, 6).kind, BACKING_DISK));
}

/* Devices that name each other must not be followed for ever. */
Test(backing, ends_in_a_circle, .init = make_sys, .fini = temp_dir_remove)
{
	put("block/dm-0/slaves/dm-1", "dev", "254:1\n");
	put("block/dm-1/slaves/dm-0", "dev", "254:0\n");
	link_device("254:0", "block/dm-0");
	link_device("254:1", "block/dm-1");
	cr_expect(eq(int, device(254, 0).kind, BACKING_DISK));
}
