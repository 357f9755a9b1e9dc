# What long-running programs say has time and level, or the priority where journald reads it.
. "$(dirname "$0")/lib.sh"

unset DOORBUSTER_LOG
TIME='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'

expect_all_match() { # WHAT PATTERN FILE
	[ -s "$3" ] || fail "$1 said nothing"
	! grep -vE "^$2" "$3" || fail "lines of $1 without $2"
}

make_keys
make_catalog 1,100,100,2,,,
start_engine
kill -HUP "$ENGINE_PID"
wait_for "the reload" grep -q 'keys: 1 loaded' "$ENGINE_OUT.err"
echo rubbish >"$KEYS"
kill -HUP "$ENGINE_PID"
wait_for "the refusal" grep -q 'keys: not reloaded' "$ENGINE_OUT.err"
expect_all_match "the engine" "$TIME (info|warning|error) [^ ]" "$ENGINE_OUT.err"
expect_match "a warning" " warning keys: not reloaded" "$(cat "$ENGINE_OUT.err")"

"$BIN/doorbuster" consume --from data:"$DATA" --follow >"$WORK/consumed" 2>"$WORK/consume.err" &
consumer=$!
wait_for "the consumer" grep -q following "$WORK/consume.err"
kill -TERM $consumer
wait $consumer || fail "consume: $(cat "$WORK/consume.err")"
expect_all_match "the consumer" "$TIME info following" "$WORK/consume.err"
stop_engine

echo "lines of DPDK"
make_keys
rc=0
"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" -- --vdev=nosuch >"$WORK/out" \
	2>"$WORK/eal.err" || rc=$?
expect_eq "exit code" 2 $rc
expect_all_match "a start that fails" "$TIME (info|warning|error) [^ ]" "$WORK/eal.err"
expect_match "a line of DPDK" "warning EAL: " "$(cat "$WORK/eal.err")"

echo "under journald"
make_keys
: >"$WORK/journald"
export JOURNAL_STREAM
JOURNAL_STREAM=$(stat -c '%d:%i' "$WORK/journald")
rc=0
"$SERVE" --data "$DATA/none/there" --catalog "$CATALOG" --keys "$KEYS" >"$WORK/out" \
	2>>"$WORK/journald" || rc=$?
expect_eq "exit code" 2 $rc
expect_all_match "a start that fails" '<[346]>[^ <]' "$WORK/journald"
expect_match "an error" '<3>doorbuster-serve: ' "$(cat "$WORK/journald")"
