# A sale captured by tcpdump, replayed against a fresh engine and offline: no difference. With
# another limit: the differences that this explains, and no others. Over kernel sockets and a DPDK
# port, with other keys, and ended with Ctrl-C.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

# A limit of two instead of one: buyers that were refused buy; buyers that came late get nothing.
EXPLAINED='["ACCEPTED SOLD_OUT","LIMIT_REACHED ACCEPTED","LIMIT_REACHED SOLD_OUT"]'

replay() { # CAPTURE ARGS... ; leaves replay.json
	local rc=0

	# tcpdump sees each packet once here. On a busy machine a request and its retry are
	# answered in the same turn, by the same bytes.
	in_buyers "$BIN/doorbuster" replay "$@" --keep-copies --json >"$WORK/replay.json" \
		2>"$WORK/replay.err" || rc=$?
	REPLAY_RC=$rc
}
expect_replayed() { # WHAT EXIT-CODE
	expect_eq "exit code of $1: $(cat "$WORK/replay.err")" "$2" $REPLAY_RC
}
expect_same() { # WHAT PREFIX
	expect_eq "$1: requests compared" "$REQUESTS" "$(json "$2comparison.compared" replay.json)"
	expect_eq "$1: differences" 0 "$(json "$2comparison.different" replay.json)"
	expect_eq "$1: other order ids" 0 "$(json "$2comparison.orders_moved" replay.json)"
}
# The pairs of verdicts that differ.
different_pairs() { # PREFIX
	jq -c "[$1comparison.matrix | to_entries[] | .key as \$was | .value | keys[] |
		select(. != \$was) | \"\(\$was) \(.)\"] | sort" replay.json
}

cd "$WORK" || exit
make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
sed -i 's/,15000,/,3000,/' "$CATALOG"
echo 2,300,100,1,,, >>"$CATALOG"
# Buyers who ask more than once, which those of the drop hardly do.
"$BIN/tests/e2e/make_capture" --requests 2000 --entries 3 --buyers 700 --skus 2 --quantity-max 1 \
	>greedy.pcap
make_veth

start_engine --port af_xdp:engine0
# Not in_buyers: its shell would take the signals.
ip netns exec buyers tcpdump -i buyers0 -U --time-stamp-precision=nano -w sale.pcap udp \
	>tcpdump.out 2>&1 &
tcpdump=$!
wait_for "tcpdump" grep -q 'listening on' tcpdump.out
in_buyers "$BIN/doorbuster" load --scenario drop --server 198.18.1.1:7700 --keys "$KEYS" \
	--seed 4 --requests 10000 --fill 7 --in-flight 4 --rate 40000 \
	--json >load.json 2>load.err ||
	fail "load: $(cat load.json load.err)"
replay greedy.pcap --to 198.18.1.1:7700 --rate 20000 --keys "$KEYS"
expect_replayed "the greedy" 0
sleep 1
kill $tcpdump
wait $tcpdump || fail "tcpdump: $(cat tcpdump.out)"
stop_engine
sold=$(drained orders)
expect_eq "sold" 3300 "$sold"

# Offline: the same answers, the same state; twice the same bytes.
replay sale.pcap --offline --catalog "$CATALOG" --keys "$KEYS" --journal one --strict
expect_replayed "offline replay" 0
REQUESTS=$(json .requests replay.json)
[ "$REQUESTS" -gt 10000 ] || fail "few requests in the capture: $REQUESTS"
expect_same offline '.sales[0].'
in_buyers "$BIN/doorbuster" replay sale.pcap --offline --catalog "$CATALOG" --keys "$KEYS" \
	--keep-copies --journal two >/dev/null || fail "second offline replay"
diff -r one two || fail "two offline replays differ"

# Replies that come long after all requests are compared too; one that is missing is a difference.
tcpdump -r sale.pcap -w requests.pcap 'dst port 7700' 2>/dev/null
tcpdump -r sale.pcap -w replies.pcap 'src port 7700' 2>/dev/null
editcap -F nsecpcap -t 60 replies.pcap late.pcap
mergecap -F nsecpcap -w late_replies.pcap requests.pcap late.pcap
replay late_replies.pcap --offline --catalog "$CATALOG" --keys "$KEYS" --strict
expect_replayed "offline replay with late replies" 0
expect_same "late replies" '.sales[0].'
editcap -F nsecpcap requests.pcap fewer.pcap 1-3
mergecap -F nsecpcap -w unasked.pcap fewer.pcap late.pcap
replay unasked.pcap --offline --catalog "$CATALOG" --keys "$KEYS" --strict
expect_replayed "offline replay without some of the requests" 1
replay sale.pcap --to 127.0.0.1:9 --flat-out --wait-ms 100 --strict
expect_replayed "strict replay that nobody answers" 1
expect_eq "compared where nobody answers" 0 "$(jq .comparison.compared replay.json)"
replay sale.pcap --to 203.0.113.1:7700 --flat-out
expect_replayed "replay to where no way leads" 2
expect_match "what is said there" 'nothing was taken for 5 s: Network is unreachable' \
	"$(cat replay.err)"

# Live, at captured pace and as fast as it goes, against fresh engines.
# On a busy machine a port may lose a datagram, as ports do: then try again.
for pace in "--speed 1" "--speed 4" "--rate 20000"; do
	for _ in 1 2 3 4 5; do
		rm -rf "$DATA"
		start_engine --port af_xdp:engine0
		# shellcheck disable=SC2086 # words
		replay sale.pcap --to 198.18.1.1:7700 $pace --keys "$KEYS" --strict
		[ "$(json .answered replay.json)" != "$(json .sent replay.json)" ] || break
		expect_eq "exit code of --strict with lost datagrams" 1 $REPLAY_RC
		stop_engine
	done
	expect_replayed "live replay, $pace" 0
	expect_same "live, $pace" .
	stop_engine
	expect_eq "orders of the replayed sale, $pace" "$sold" "$(drained orders)"
done

# Sent as it was captured, it is refused: it belongs to another sale. Requests that were captured
# without a date get one if the keys are there; without keys an engine accepts them only with an
# option.
rm -rf "$DATA"
start_engine --port af_xdp:engine0
replay sale.pcap --to 198.18.1.1:7700 --rate 20000 --wait-ms 10000
expect_replayed "replay of what was captured" 0
expect_eq "verdicts but STALE and PONG" '[]' \
	"$(jq -c '[.verdicts | keys[] | select(. != "STALE" and . != "PONG")]' replay.json)"
"$BIN/tests/e2e/make_capture" --requests 300 --skus 2 --key "$(cut -d' ' -f2 "$KEYS")" >undated.pcap
replay undated.pcap --to 198.18.1.1:7700 --rate 20000 --wait-ms 10000
expect_eq "verdicts of what has no date" '["STALE"]' "$(jq -c '.verdicts | keys' replay.json)"
stop_engine
expect_eq "orders of what was recorded" 0 "$(drained orders)"

# Over a DPDK port, to an engine that has another key.
rm -rf "$DATA"
(umask 077; echo "9 ffffffffffffffffffffffffffffffff" >other.keys)
KEYS=$WORK/other.keys start_engine --port memif:/run/memif.sock
replay sale.pcap --to memif:/run/memif.sock --keys other.keys --wait-ms 10000 --strict
expect_replayed "replay over memif" 0
expect_same "over memif" .
stop_engine
expect_eq "orders of the replayed sale over memif" "$sold" "$(drained orders)"

# Another limit: only differences that the limit explains, and exit code 1.
sed 's/^2,300,100,1,/2,300,100,2,/' "$CATALOG" >two.csv
cmp -s two.csv "$CATALOG" && fail "nothing changed in $(cat "$CATALOG")"
replay sale.pcap --offline --catalog two.csv --keys "$KEYS" --strict
expect_replayed "replay with another limit" 1
pairs=$(different_pairs '.sales[0].')
[ "$pairs" != '[]' ] || fail "another limit made no difference"
expect_eq "differences that another limit does not explain" '[]' \
	"$(jq -cn "$pairs - $EXPLAINED")"
expect_eq "who buys instead of whom" \
	"$(json '.sales[0].comparison.matrix.LIMIT_REACHED.ACCEPTED // 0' replay.json)" \
	"$(json '.sales[0].comparison.matrix.ACCEPTED.SOLD_OUT // 0' replay.json)"
rm -rf "$DATA"
CATALOG=two.csv start_engine --port af_xdp:engine0
cp replay.json offline.json
replay sale.pcap --to 198.18.1.1:7700 --speed 2 --keys "$KEYS" --strict
expect_replayed "live replay with another limit" 1
expect_eq "live and offline with another limit" \
	"$(jq -cS '.sales[0].comparison.matrix' offline.json)" \
	"$(jq -cS .comparison.matrix replay.json)"

# Ctrl-C in the middle ends it, with a report.
ip netns exec buyers "$BIN/doorbuster" replay sale.pcap --to 198.18.1.1:7700 --speed 0.01 \
	--json >interrupted.json 2>&1 &
slow=$!
sleep 1
kill -INT $slow
rc=0
wait $slow || rc=$?
expect_eq "exit code when interrupted: $(cat interrupted.json)" 1 $rc
expect_eq "interrupted" true "$(json .interrupted interrupted.json)"
stop_engine
ip link del engine0
