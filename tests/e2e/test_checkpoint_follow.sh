# The follower beside an engine of two workers: a checkpoint of each lane every so many orders, one
# more at SIGTERM, and none of it disturbs buyers. With another number of workers the state is the
# same.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "one CPU: two workers need two"

LOAD="--scenario singles-day --skus 500 --requests 100000"

follow() { # OUT
	"$BIN/doorbuster" journal checkpoint "$DATA" --follow --every-orders 5000 --json >"$1" \
		2>"$1.err" &
	FOLLOWER=$!
}

end_follower() { # OUT
	local rc=0

	kill -TERM $FOLLOWER
	wait $FOLLOWER || rc=$?
	expect_eq "exit code of the follower, which said: $(cat "$1.err")" 0 $rc
}

each_lane_has() { # COUNT OUT
	[ "$(jq -s "[map(select(.written)) | group_by(.lane)[] | length] | min" "$2")" -ge "$1" ] &&
		[ "$(jq -s 'map(.lane) | unique | length' "$2")" = 2 ]
}

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
start_engine --port memif:"$WORK/memif" --shards 2 --cores 0,1
follow "$WORK/follower"
for n in 1 2; do
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $LOAD --server 198.18.0.1:7700 --port memif:"$WORK/memif" \
		--keys "$KEYS" --seed $n --requests 50000 --json >"$WORK/load.json" 2>&1 ||
		fail "load: $(cat "$WORK/load.json")"
	wait_for "checkpoints of both lanes" each_lane_has $n "$WORK/follower"
done
end_follower "$WORK/follower"
expect_eq "each lane has two" 4 "$(find "$DATA" -name 'ckpt-*' | wc -l)"
kill9

echo "started again: the follower goes on where it was"
follow "$WORK/follower2"
start_engine --port memif:"$WORK/memif" --shards 2 --cores 0,1
expect_match "what the start says" '2 of 2 lanes from checkpoints' "$(cat "$ENGINE_OUT.err")"
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 198.18.0.1:7700 --port memif:"$WORK/memif" \
	--keys "$KEYS" --seed 3 --requests 20000 --json >"$WORK/load.json" 2>&1 ||
	fail "load: $(cat "$WORK/load.json")"
stop_engine
hash=$(drained state_hash)
end_follower "$WORK/follower2"
verify_agrees
for lane in 0 1; do
	last=$(json ".lanes[$lane].last_lsn" "$WORK/verify.json")
	expect_eq "the last checkpoint of lane $lane has all of it" "$last" \
		"$(jq -s "map(select(.lane == $lane)) | last | .lsn" "$WORK/follower2")"
done

echo "one worker"
start_engine --port memif:"$WORK/memif" --shards 2 --cores 1
stop_engine
expect_eq "state" "$hash" "$(drained state_hash)"
