# A system call holds the worker up. What the control thread asks of it then is not answered in
# time: that is said, and nothing is lost when the call ends.
. "$(dirname "$0")/lib.sh"

HELD=$WORK/held

says() {
	grep -qE "$1" "$ENGINE_OUT.err"
}

# A buyer, whose first answer the worker can't send.
hold_worker() { # REQUEST-ID
	rm -f "$HELD.told"
	touch "$HELD"
	"$BIN/tests/e2e/ask" --keys "$KEYS" --timeout-ms 25000 sku=1,id=$(id "$1") \
		>"$WORK/answer.$1" 2>&1 &
	BUYER=$!
	wait_for "the worker to be held" test -e "$HELD.told"
}

make_keys
make_catalog 1,10,100,0,,,
LD_PRELOAD=$BIN/tests/e2e/preload_held_worker.so HELD_WHILE=$HELD \
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 start_engine

hold_worker 1
kill -HUP "$ENGINE_PID"
wait_for "keys that are late" says 'worker 0 has not taken them over within 2 s: a system call'
kill -HUP "$ENGINE_PID"
wait_for "a second reload refused" says 'not reloaded: worker 0 has not taken over those'
! says ', in force$' || fail "keys are in force that no worker has"
rm "$HELD"
wait "$BUYER" || fail "buyer 1: $(cat "$WORK/answer.1")"
expect_match "answer 1" ACCEPTED "$(cat "$WORK/answer.1")"
wait_for "the keys" says ', in force$'

hold_worker 2
kill -TERM "$ENGINE_PID"
wait_for "the lane that does not answer" \
	says 'still draining: lane 0 has not answered: a system call holds its worker up'
rm "$HELD"
rc=0
wait "$ENGINE_PID" || rc=$?
ENGINE_PID=
expect_eq "exit code" 0 "$rc"
# The second one had only asked for the time when the port was closed.
kill "$BUYER"
wait "$BUYER" 2>/dev/null || true
expect_eq "orders" 1 "$(orders_on_disk)"
