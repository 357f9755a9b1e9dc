# A worker allocates nothing from the time when it begins to sell until it has drained: jemalloc's
# own counter of its thread proves it, for a drop that sells out, for orders that are all written,
# with answers that wait for the disk, keys that are read anew and datagrams that are dropped.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

none_allocated() {
	[ "$(grep -c '^worker ' "$ENGINE_OUT")" -ge 1 ] || fail "no line of a worker"
	grep '^worker ' "$ENGINE_OUT" | while read -r line; do
		expect_eq "bytes in '$line'" 0 "$(field allocated_bytes "$line")"
		[ "$(field busy "$line")" -gt 0 ] || fail "a worker that did nothing: $line"
	done
}

make_keys
for scenario in drop "singles-day --skus 500"; do
	read -ra load <<<"--scenario $scenario --requests 200000"
	rm -f "$CATALOG"
	"$BIN/doorbuster" load "${load[@]}" --catalog-out "$CATALOG"
	export DATA=$WORK/${scenario%% *}
	start_engine --ack durable
	"$BIN/doorbuster" load "${load[@]}" --server 127.0.0.1:7700 --keys "$KEYS" \
		--timeout-ms 60000 --json >"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
	kill -HUP "$ENGINE_PID"
	wait_for "the keys" grep -q '^keys: 1 loaded' "$ENGINE_OUT.err"
	echo "no datagram of ours" >/dev/udp/127.0.0.1/7700
	expect_verdict PONG op=ping,id=$(id 2)
	stop_engine
	[ "$(drained orders)" -ge 15000 ] || fail "only $(drained orders) orders"
	expect_eq "datagrams dropped" 1 "$(counted drops TOO_SHORT)"
	none_allocated
done
