# A disk that stops answering: the engine reports it, nothing sold is acknowledged, and a second
# SIGTERM ends an engine that can't drain; recovery finds out what was written.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

losetup -f >/dev/null 2>&1 || skip "no loop devices here"

DISK=$WORK/disk
thaw() {
	fsfreeze -u "$DISK" 2>/dev/null || true
}
trap 'thaw; on_exit $?' EXIT

truncate -s 400M "$WORK/disk.img"
mkfs.ext4 -q -m 0 "$WORK/disk.img"
mkdir "$DISK"
mount -o loop "$WORK/disk.img" "$DISK"
export DATA=$DISK/data
make_keys
make_catalog 1,300,10,0,,,
start_engine --metrics $METRICS
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 1)"

fsfreeze -f "$DISK"
ask --timeout-ms 30000 "sku=1,buyer=3,id=$(id 3)" >"$WORK/patient" &
patient=$!
expect_no_answer "sku=1,buyer=2,id=$(id 2)"
wait_for "the stall to be told" grep -q 'has made no progress for 2 s' "$ENGINE_OUT.err"
wait_for "the metric" metric_is 'doorbuster_lane_stalled{lane="0"}' 1
[ "$(metric 'doorbuster_lane_replies_waiting{lane="0"}')" -ge 1 ] || fail "nobody waits"
get /healthz
expect_eq "health" "503 lane 0: the disk has made no progress for 2 s" \
	"$HTTP_STATUS $(cat "$WORK/answer")"
# Keys are still read anew, and the control thread still answers.
kill -HUP "$ENGINE_PID"
wait_for "the keys" grep -q '^keys: 1 loaded' "$ENGINE_OUT.err"
kill -TERM "$ENGINE_PID"
wait_for "the drain" grep -q '^draining' "$ENGINE_OUT.err"
get /healthz
expect_match "health while it drains" '^503 .*it drains' "$HTTP_STATUS $(cat "$WORK/answer")"
kill -TERM "$ENGINE_PID"
wait_for "the end of waiting" grep -q '^giving up' "$ENGINE_OUT.err"
thaw
rc=0
wait "$ENGINE_PID" || rc=$?
ENGINE_PID=
expect_eq "exit code of an engine that gave up" 1 "$rc"
wait $patient || fail "the buyer that waited got no answer"
expect_match "who waited" '^UNAVAILABLE ' "$(cat "$WORK/patient")"

start_engine
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 1)"
expect_verdict ACCEPTED "sku=1,buyer=2,id=$(id 2)"
stop_engine
[ "$(drained orders)" -ge 2 ] || fail "only $(drained orders) orders"
verify_agrees
umount "$DISK"
