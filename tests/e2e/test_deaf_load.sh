# A load or a replay whose own AF_XDP port loses the buffers which the kernel should receive into
# says so, opens the port anew and continues. A load that retries gets every answer; a load that
# sends each datagram once, and a replay, count what was lost until then. Also while the port can't
# be opened, and where only one of two queues is deaf and the other never stands still.
# time limit: 300 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

export DEAF_WHEN=$WORK/deaf DEAF_NO_BIND=$WORK/no_bind
PRELOAD=$BIN/tests/e2e/preload_deaf_port.so
PORT=af_xdp:buyers0

# Runs a program over buyers0 in the background, its report in $WORK/report. Not in_buyers: its
# shell would take the signals.
begin() { # PROGRAM ARGS...
	ip netns exec buyers env LD_PRELOAD="$PRELOAD" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		"$BIN/doorbuster" "$@" --address 198.18.1.2 >"$WORK/report" 2>"$WORK/err" &
	RUNNING=$!
}

begin_load() { # SCENARIO ARGS...
	begin load --server 198.18.1.1:7700 --keys "$KEYS" --port $PORT --scenario "$@"
}

expect_end() { # WHAT EXIT-CODE
	local rc=0

	wait $RUNNING || rc=$?
	expect_eq "exit code of $1: $(cat "$WORK/err" "$WORK/report")" "$2" $rc
}

still_runs() {
	kill -0 $RUNNING || fail "it ended while we waited: $(cat "$WORK/err" "$WORK/report")"
}

says() { # PATTERN
	still_runs
	grep -q "$1" "$WORK/err"
}

# For wait_for: the engine has got so many datagrams.
engine_got() { # COUNT
	still_runs
	[ "$(frames)" -ge "$1" ]
}

frames() {
	get /metrics
	awk '/^doorbuster_frames_total/ { cnt += $2 } END { print cnt }' "$WORK/answer"
}

# For wait_for: it prints a line that it prints when it is deaf. The buffers are spoilt again now
# and then, because those that it just reads escape.
says_deaf() { # PATTERN
	[ $((looks++ % 60)) != 0 ] || touch "$DEAF_WHEN"
	says "$1"
}

# For wait_for: as often as it was deaf, it has heard again.
hears() { # QUEUE
	still_runs
	[ ! -e "$DEAF_WHEN" ] && [ "$(times_said "queue $1 is deaf")" = \
		"$(times_said "queue $1 hears again")" ]
}

times_said() { # PATTERN
	grep -c "port $PORT: $1" "$WORK/err" || true
}

# Deaf in the middle: it must say so, and hear again, while it runs.
goes_deaf() { # QUEUE
	looks=0
	wait_for "it to send" engine_got $(($(frames) + 500))
	wait_for "the line" says_deaf "port $PORT: queue $1 is deaf: for .* replies that are lost"
	wait_for "the port" says "port $PORT: opened anew within .* buffers had been lost"
	wait_for "it to hear" hears "$1"
}

# The report says how often its port was opened.
expect_openings() { # GOT
	expect_eq "openings" "$(times_said "opened anew within")" "$1"
	[ "$1" -gt 0 ] || fail "it was never opened"
}

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
make_veth
start_engine --port af_xdp:engine0 --metrics $METRICS

echo "a load that asks again, and again, while its port can't be opened"
begin_load drop --seed 1 --requests 12000 --rate 1000 --timeout-ms 60000 \
	--orders "$WORK/orders" --json
wait_for "it to send" engine_got 500
touch "$DEAF_NO_BIND"
looks=0
wait_for "the refusal" says_deaf "port $PORT: can't be opened anew: "
rm "$DEAF_NO_BIND"
wait_for "the port" says "port $PORT: opened anew within .* buffers had been lost"
wait_for "it to hear" hears 0
expect_end "the load" 0
expect_openings "$(json .port_reopened "$WORK/report")"
expect_eq "answered" "$(json .submitted "$WORK/report")" \
	"$(json .answered "$WORK/report")"
expect_eq "orders on disk" $(($(wc -l <"$WORK/orders") - 1)) "$(orders_on_disk)"

echo "a load that sends each datagram once"
begin_load drop --seed 2 --fill 1 --prepared --requests 1000000 --json
goes_deaf 0
kill -INT $RUNNING
expect_end "the prepared load" 1
expect_openings "$(json .port_reopened "$WORK/report")"
[ "$(json .unanswered "$WORK/report")" -gt 0 ] || fail "nothing was lost"
expect_eq "answered and not" "$(json .submitted "$WORK/report")" \
	"$(json '.answered + .unanswered' "$WORK/report")"

echo "a replay"
"$BIN/tests/e2e/make_capture" --requests 100000 --skus 1 --dated 1 \
	--key "$(cut -d' ' -f2 "$KEYS")" >"$WORK/sale.pcap"
begin replay "$WORK/sale.pcap" --to $PORT --server 198.18.1.1:7700 --keys "$KEYS" --rate 2000 \
	--json --quiet
goes_deaf 0
kill -INT $RUNNING
expect_end "the replay" 1
expect_openings "$(json .port_reopened "$WORK/report")"
[ "$(json .answered "$WORK/report")" -lt "$(json .sent "$WORK/report")" ] || fail "nothing was lost"
stop_engine
verify_agrees

echo "one queue of two, while the other is never empty"
ip link del engine0
ip netns del buyers
make_veth 2
rm -rf "$DATA" "$CATALOG"
"$BIN/doorbuster" load --scenario singles-day --skus 100 --requests 400000 \
	--catalog-out "$CATALOG"
sed -i -E 's/^([0-9]+),[0-9]+,/\1,1000,/' "$CATALOG"
# Preloaded for the queues of a veth pair alone.
LD_PRELOAD=$PRELOAD DEAF_WHEN=$WORK/never ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
	start_engine --port af_xdp:engine0 --cores 0,1 --shards 2 --metrics $METRICS
begin_load singles-day --skus 100 --seed 3 --fill 1 --prepared --rate 4000 --requests 400000 \
	--queues 2
goes_deaf 1 # the queue that was set up last
kill -INT $RUNNING
expect_end "the load of two queues" 1
expect_openings "$(awk '/ times the deaf port was opened anew / { print $NF }' "$WORK/report")"
! grep 'queue 0 is deaf' "$WORK/err" || fail "the other queue was taken for deaf"
stop_engine
verify_agrees
ip link del engine0
