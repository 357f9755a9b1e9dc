# A capture replayed offline gives the same verdicts, state and journal bytes, today as when the
# golden figures below were recorded, in whatever file format and on whatever link it was captured.
# Damage and foreign traffic are counted, each packet once.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

GOLDEN=$(cd "$(dirname "$0")/golden" && pwd)
HASH=6700513c313764ee2a6a67996bf945fc
VERDICTS='{"ACCEPTED":219,"CLOSED":38,"LIMIT_REACHED":45,'
VERDICTS+='"NOT_OPEN":49,"SOLD_OUT":127,"UNKNOWN_SKU":122}'
KEY=000102030405060708090a0b0c0d0e0f
CATALOG=$GOLDEN/catalog.csv
make_keys
(umask 077; echo "1 $KEY" >"$KEYS")
cd "$WORK" || exit

replay() { # CAPTURE ARGS... ; leaves out.json
	local rc=0

	"$BIN/doorbuster" replay "$@" --offline --keys "$KEYS" --json >out.json 2>err || rc=$?
	REPLAY_RC=$rc
	return 0
}

hash_of() { # FILE ARGS...
	replay "$@" --catalog "$CATALOG"
	expect_eq "exit code of replay $*: $(cat err)" 0 $REPLAY_RC
	json '.sales[0].state_hash' out.json
}

# Every packet is a request, a reply, or skipped under one reason.
expect_all_counted() { # PACKETS
	expect_eq "packets" "$1" "$(json .packets out.json)"
	expect_eq "packets counted" "$1" "$(json \
		'.request_datagrams + .reply_datagrams + ([.skipped[]] | add // 0)' out.json)"
}

# The golden capture: state, verdicts, and every byte of the journal.
expect_eq "golden state hash" $HASH "$(hash_of "$GOLDEN/sale.pcap.gz" --journal one)"
expect_eq "golden verdicts" "$VERDICTS" \
	"$(jq -cS '.sales[0].verdicts' out.json)"
(cd one && sha256sum journal lane-000/*) >sums
expect_eq "golden journal" 8065cf2dd73614987f9d8810faa82b09 "$(sha256sum <sums | cut -c 1-32)"
hash_of "$GOLDEN/sale.pcap.gz" --journal two >/dev/null
diff -r one two || fail "two replays of one capture differ"
"$BIN/doorbuster" journal verify one --json >verify.json || fail "verify: $(cat verify.json)"
expect_eq "state hash by verify" $HASH "$(json .state_hash verify.json)"
replay "$GOLDEN/sale.pcap.gz" --catalog "$CATALOG" --journal one
expect_eq "exit code over an old journal" 2 $REPLAY_RC
expect_match "what it says" 'there is a journal already' "$(cat err)"

# A sale with holds, whose answers are those of a running engine: the same answers, also under other
# order ids, and the same journal with a thread that reads ahead or without.
HOLDS='{"CONFIRM":{"CONFIRMED":69,"CONFIRMED_LATE":6,"HOLD_EXPIRED":13},"EXTEND":{"EXTENDED":9},'
HOLDS+='"HOLD":{"HELD":291},"RELEASE":{"RELEASED":7},"RETURN":{"RETURNED":5}}'
replay "$GOLDEN/holds.pcap.gz" --catalog "$GOLDEN/holds.csv" --journal holds --strict
expect_eq "exit code of holds: $(cat err)" 0 $REPLAY_RC
expect_eq "verdicts of holds" "$HOLDS" "$(jq -cS '.sales[0].verdicts_by_op' out.json)"
expect_eq "holds compared" 400 "$(json '.sales[0].comparison.compared' out.json)"
expect_eq "requests that name an order" 109 \
	"$(json '.sales[0].comparison.named_orders.requests' out.json)"
[ "$(json '.sales[0].comparison.named_orders.moved' out.json)" -gt 0 ] || fail "no id is another"
expect_eq "what became of the holds" '[291,69,6,13,4,199,0]' "$(jq -c '.sales[0].holds |
	[.made, .paid, .paid_late, .refunded, .released, .ran_out, .open]' out.json)"
"$BIN/doorbuster" journal verify holds --json >verify.json || fail "verify: $(cat verify.json)"
expect_eq "state hash of holds by verify" "$(json '.sales[0].state_hash' out.json)" \
	"$(json .state_hash verify.json)"
taskset -c 0 "$BIN/doorbuster" replay "$GOLDEN/holds.pcap.gz" --offline --keys "$KEYS" \
	--catalog "$GOLDEN/holds.csv" --journal holds_again >out
diff -r holds holds_again || fail "two replays of holds differ"
# Its journal gives the requests again; with a longer hold time nobody is late.
"$BIN/doorbuster" replay --from-journal holds --write again.pcap --keys "$KEYS" \
	--catalog-out again.csv >out || fail "from-journal: $(cat out)"
expect_match "what is written" '^wrote 291 orders and 109 changes of them' "$(cat out)"
replay again.pcap --catalog again.csv --strict --set 'sku=* hold_seconds=60'
expect_eq "differences again" 0 "$(json '.sales[0].comparison.different' out.json)"
expect_eq "verdicts again" "$HOLDS" "$(jq -cS '.sales[0].verdicts_by_op' out.json)"
expect_eq "late or refunded with a longer time" 0 \
	"$(json '.sales[1].holds | .paid_late + .refunded + .ran_out' out.json)"
[ "$(json '.sales[1].verdicts_by_op.HOLD.SOLD_OUT' out.json)" -gt 0 ] || fail "stock for all"
[ "$(json '.sales[1].comparison.different_follows' out.json)" -gt 0 ] || fail "nothing follows"

# The same requests in every format, byte order, precision, link and compression.
make() { # ARGS...
	"$BIN/tests/e2e/make_capture" --key $KEY --requests 600 --entries 7 --buyers 120 --skus 5 \
		--seed 42 "$@"
}
check_format() { # NAME FILE
	expect_eq "state hash of $1" $HASH "$(hash_of "$2")"
	expect_eq "requests of $1" 600 "$(json .requests out.json)"
}
for args in "" --us --swapped "--us --swapped" "--link sll" "--link sll2" "--link raw" \
	"--link null" --vlan --ipv6 "--ipv6 --link sll" "--ipv6 --link raw" "--vlan --ipv6"; do
	# shellcheck disable=SC2086 # words
	make $args >format.pcap
	check_format "make_capture $args" format.pcap
done
make >plain.pcap
zstd -q plain.pcap -o plain.pcap.zst
check_format zstd plain.pcap.zst
# Two gzip members, as `cat a.gz b.gz` makes them.
(head -c 10000 plain.pcap | gzip; tail -c +10001 plain.pcap | gzip) >members.pcap.gz
check_format "two gzip members" members.pcap.gz
for format in pcapng nsecpcap pcap; do
	editcap -F $format plain.pcap "by_editcap.$format"
	check_format "editcap -F $format" "by_editcap.$format"
done
# Interfaces of other links, other snaplens and clocks in one pcapng, as dumpcap makes it.
make --link raw >raw.pcap
make --link sll2 --us >sll2.pcap
editcap -r plain.pcap part.1 1-30
editcap -r raw.pcap part.2 31-60
editcap -r -s 4000 sll2.pcap part.3 61-86
mergecap -F pcapng -w interfaces.pcapng part.1 part.2 part.3
check_format "three interfaces" interfaces.pcapng
expect_eq "state hash through a pipe" $HASH "$(hash_of - <plain.pcap)"

# zstd with a long window, gzip padded with zeros, a clock past 2038, a name that is no UTF-8.
zstd -q --long=30 <plain.pcap >stream.pcap.zst
check_format "zstd --long=30" stream.pcap.zst
(head -c 10000 plain.pcap | gzip; head -c 1000 /dev/zero; tail -c +10001 plain.pcap | gzip
	head -c 300000 /dev/zero) >padded.pcap.gz
check_format "gzip with zeros" padded.pcap.gz
make --start-s 2500000000 >late.pcap
replay late.pcap --catalog "$CATALOG"
expect_eq "requests past 2038" 600 "$(json .requests out.json)"
cp "$CATALOG" $'\xff.csv'
replay plain.pcap --catalog $'\xff.csv'
expect_eq "name that is no UTF-8" '?.csv' "$(json '.sales[0].name' out.json)"

# The journal of a replay may lie in memory, where an engine's may not, and needs no free space
# beforehand.
mkdir memory
mount -t tmpfs -o size=8m tmpfs memory
expect_eq "state hash of a journal in memory" $HASH \
	"$(hash_of "$GOLDEN/sale.pcap.gz" --journal memory/one --segment-mib 1)"
"$BIN/doorbuster" journal verify memory/one --json >verify.json || fail "$(cat verify.json)"
expect_eq "state hash in memory by verify" $HASH "$(json .state_hash verify.json)"
umount memory

# More than one lane and segment; the journal proves itself.
(echo "$CATALOG_HEADER"; for sku in $(seq 50); do echo "$sku,3000,100,0,,,"; done) >many.csv
make --requests 60000 --entries 29 --skus 50 --gap-ns 1000 >many.pcap
replay many.pcap --catalog many.csv --journal many --segment-mib 1
expect_eq "exit code of many: $(cat err)" 0 $REPLAY_RC
[ "$(find many/lane-000 -name 'seg-*' | wc -l)" -ge 4 ] || fail "few segments: $(ls many/lane-000)"
"$BIN/doorbuster" journal verify many --json >verify.json || fail "verify: $(cat verify.json)"
expect_eq "many by verify" "$(json '.sales[0].state_hash' out.json)" \
	"$(json .state_hash verify.json)"

# Cut short, of an unknown key, for more shards, to other ports.
make --snaplen 200 >cut.pcap
replay cut.pcap --catalog "$CATALOG"
expect_eq "exit code where all is cut" 2 $REPLAY_RC
expect_eq "cut" 86 "$(json .skipped.SNAPLEN_CUT out.json)"
make --key-id 7 >other.pcap
replay other.pcap --catalog "$CATALOG"
expect_eq "of an unknown key" 86 "$(json .skipped.UNKNOWN_KEY out.json)"
replay plain.pcap --catalog "$CATALOG" --base-port 7690 --shards 4
expect_eq "for other shards" 86 "$(json .skipped.SHARD out.json)"
replay plain.pcap --catalog "$CATALOG" --base-port 9000
expect_eq "for other ports" 86 "$(json .skipped.NOT_OUR_PORT out.json)"

# Damage: what came before it counts, and the damage is reported.
head -c 30000 plain.pcap >torn.pcap
replay torn.pcap --catalog "$CATALOG"
expect_eq "exit code of a torn capture" 1 $REPLAY_RC
expect_match "what is said of it" 'ends after packet' "$(json .damage out.json)"
[ "$(json .requests out.json)" -gt 200 ] || fail "nothing of the torn capture"
head -c 3000 "$GOLDEN/sale.pcap.gz" >torn.pcap.gz
replay torn.pcap.gz --catalog "$CATALOG"
expect_eq "exit code of torn gzip" 1 $REPLAY_RC
expect_match "what is said of it" 'gzip data is cut short' "$(json .damage out.json)"

# Foreign traffic of all kinds among the requests, bytes flipped, records chopped.
for kind in arp bgp dns eth icmp ip ipv6 sctp udp; do
	randpkt -b 1000 -c 300 -t $kind rand.$kind.pcap >/dev/null 2>&1 ||
		fail "randpkt -t $kind"
done
mergecap -F pcap -w foreign.pcap plain.pcap rand.*.pcap
replay foreign.pcap --catalog "$CATALOG"
expect_eq "exit code among foreign traffic: $(cat err)" 0 $REPLAY_RC
expect_eq "requests among foreign traffic" 600 "$(json .requests out.json)"
expect_all_counted $((86 + 9 * 300))
for seed in 1 2 3 4 5; do
	editcap -F pcapng --seed $seed -E 0.02 foreign.pcap flipped.pcapng
	replay flipped.pcapng --catalog "$CATALOG"
	[ $REPLAY_RC -le 2 ] || fail "flipped $seed: exit code $REPLAY_RC: $(cat err)"
	expect_all_counted $((86 + 9 * 300))
	editcap -F pcap --seed $seed -C $((seed * 7)) -s $((seed * 60)) foreign.pcap chopped.pcap
	replay chopped.pcap --catalog "$CATALOG"
	[ $REPLAY_RC -le 2 ] || fail "chopped $seed: exit code $REPLAY_RC: $(cat err)"
	expect_all_counted $((86 + 9 * 300))
done

# Without a clock: every instant is 0, also the first.
make --start-s 0 --gap-ns 0 >no_clock.pcap
replay no_clock.pcap --catalog "$CATALOG"
expect_eq "exit code without a clock: $(cat err)" 0 $REPLAY_RC
expect_eq "requests without a clock" 600 "$(json '[.sales[0].verdicts[]] | add' out.json)"
# With a wrong one in between: it is reported.
editcap -r -t 7200 plain.pcap wild.pcap 40
mergecap -a -F nsecpcap -w jump.pcap plain.pcap wild.pcap plain.pcap
replay jump.pcap --catalog "$CATALOG"
expect_eq "packet after the jump" 87 "$(json .jump_packet out.json)"
[ "$(json .jump_ns out.json)" -ge 7190000000000 ] || fail "jump: $(json .jump_ns out.json)"
expect_eq "packets before the furthest instant" 86 "$(json .went_back out.json)"
"$BIN/doorbuster" replay jump.pcap --offline --catalog "$CATALOG" --keys "$KEYS" >out
expect_match "what is told of the jump" 'before packet 87 there is none for 7[0-9]* s' "$(cat out)"

# Memory does not grow with the capture: ten times as many datagrams, as many KiB at the most.
peak_kib() { # REQUESTS
	make --requests "$1" --entries 1 --gap-ns 1000 | python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' \
		"$BIN/doorbuster-replay" - --offline --catalog "$CATALOG" --keys "$KEYS"
}
small=$(peak_kib 150000)
big=$(peak_kib 1500000)
[ "$big" -lt $((small + 16384)) ] || fail "150,000 datagrams take $small KiB, 1,500,000 $big"

# Ctrl-C while nothing comes through a pipe but foreign packets, and then nothing at all.
mkfifo pipe
"$BIN/doorbuster" replay pipe --offline --catalog "$CATALOG" --keys "$KEYS" >out 2>err &
waiting=$!
exec 8>pipe
cat rand.dns.pcap >&8
sleep 1
kill -INT $waiting
rc=0
wait $waiting || rc=$?
exec 8>&-
expect_eq "exit code when interrupted: $(cat out err)" 2 $rc
expect_match "what is said then" 'no request' "$(cat err)"
! grep -q DAMAGED out || fail "interrupted, not damaged: $(cat out)"

# Dates, in virtual time: copies that come after their life change nothing, nor do requests of
# another sale than the first. Requests without a date are accepted unless an option forbids it.
verdicts_but() { # VERDICT...
	jq -c '.sales[0].verdicts | keys - $ARGS.positional' out.json --args "$@"
}
make --dated 7 >dated.pcap
hash=$(hash_of dated.pcap)
expect_eq "verdicts of dated requests, but the usual" '[]' \
	"$(verdicts_but ACCEPTED CLOSED LIMIT_REACHED NOT_OPEN SOLD_OUT UNKNOWN_SKU)"
editcap -F nsecpcap -t 5 dated.pcap late.pcap
mergecap -F nsecpcap -w both.pcap dated.pcap late.pcap
expect_eq "state with late copies" "$hash" "$(hash_of both.pcap)"
make --dated 8 --seed 43 >same.pcap
editcap -F nsecpcap -t 0.00005 same.pcap other.pcap
mergecap -F nsecpcap -w both.pcap dated.pcap other.pcap
expect_eq "state with requests of another sale" "$hash" "$(hash_of both.pcap)"
[ "$(json '.sales[0].verdicts.STALE' out.json)" -gt 100 ] || fail "few are stale: $(cat out.json)"
hash_of late.pcap >/dev/null
expect_eq "verdicts of nothing but late copies" '[]' "$(verdicts_but STALE UNKNOWN_SKU)"
make >undated.pcap
hash_of undated.pcap --undated refuse >/dev/null
expect_eq "verdicts of undated requests that are refused" '[]' "$(verdicts_but STALE UNKNOWN_SKU)"

# What is no capture.
echo hello >no.pcap
replay no.pcap --catalog "$CATALOG"
expect_eq "exit code of no capture" 2 $REPLAY_RC
expect_match "what is said" 'pcap and pcapng can be read' "$(cat err)"
