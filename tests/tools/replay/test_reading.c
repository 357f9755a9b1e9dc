#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <stdio.h>
#include <string.h>

#include "tools/replay/reading.h"

static struct reader_counts counts;

static void expect_why(const char *part)
{
	char why[READING_WHY_BYTES];

	reading_why(&counts, NULL, why);
	cr_expect_not_null(strstr(why, part), "%s", why);
}

Test(reading, names_what_most_packets_were_skipped_for, .init = cr_redirect_stderr)
{
	char damaged[READING_WHY_BYTES];

	counts = (struct reader_counts){0};
	expect_why("no packets");
	reading_why(&counts, "ends after packet 0: cut", damaged);
	cr_expect_str_eq(damaged, "it ends after packet 0: cut");
	counts.packets = counts.reply_datagrams = 100;
	expect_why("replies only");
	counts.skips[SKIP_COPY] = 90; /* their originals are what counts */
	counts.skips[SKIP_LINK_PROTOCOL] = 3;
	expect_why("most of its 100 packets, 3, were skipped as LINK_PROTOCOL");
	expect_why("editcap -C");
	counts.drops[DROP_NOT_OUR_PORT] = 4;
	expect_why("4, were skipped as NOT_OUR_PORT");
	expect_why("--base-port N");
	counts.other_port = 9900;
	expect_why("--base-port 9900: requests to that port");
	counts.drops[DROP_UNKNOWN_KEY] = 5;
	expect_why("5, were skipped as UNKNOWN_KEY");
	expect_why("key file");
	counts.skips[SKIP_SNAPLEN_CUT] = 6;
	expect_why("capture whole packets");
	counts.skips[SKIP_SHARD] = 7;
	expect_why("--shards N");
}

/* Each row of either list has a remedy, or is one that a capture never has. */
Test(reading, has_a_remedy_for_each_reason)
{
	char why[READING_WHY_BYTES];

	for (unsigned i = 0; i < SKIP_CNT; i++) {
		counts = (struct reader_counts){.packets = 1};
		counts.skips[i] = 1;
		reading_why(&counts, NULL, why);
		cr_expect(i == SKIP_COPY || strstr(why, "; ") != NULL, "%s", skip_name(i));
	}
	for (unsigned i = DROP_FRAME_TRUNCATED; i <= DROP_BAD_TAG; i++) {
		if (i == DROP_FRAME_SEGMENTED || i == DROP_NOT_OUR_ADDRESS)
			continue;
		counts = (struct reader_counts){.packets = 1};
		counts.drops[i] = 1;
		reading_why(&counts, NULL, why);
		cr_expect_not_null(strstr(why, "; "), "%s", drop_name(i));
	}
}

Test(reading, knows_which_packets_may_be_missing, .init = cr_redirect_stderr)
{
	static const enum skip lost[] = {SKIP_SNAPLEN_CUT, SKIP_LINK_TYPE,       SKIP_INSTANT,
					 SKIP_JOINED_REST, SKIP_TUNNEL_FRAGMENT, SKIP_TOO_DEEP};
	uint64_t cnt = 0;

	counts = (struct reader_counts){0};
	/* A joined packet whose second datagram is damaged has good ones, too. */
	counts.drops[DROP_BATCHED] = 1;
	cr_expect_eq(reading_lost_cnt(&counts), 1);
	for (unsigned i = 0; i < DROP_CNT; i++)
		counts.drops[i] = i != DROP_BATCHED;
	counts.skips[SKIP_COPY] = counts.skips[SKIP_SHARD] = counts.skips[SKIP_REPLY_MALFORMED] = 1;
	cr_expect_eq(reading_lost_cnt(&counts), 0);
	cr_expect(reading_is_whole(&counts, "event.pcap"));
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		counts.skips[lost[i]] = i + 1;
		cnt += i + 1;
		cr_expect_eq(reading_lost_cnt(&counts), cnt);
	}
	cr_expect_not(reading_is_whole(&counts, "event.pcap"));
}
