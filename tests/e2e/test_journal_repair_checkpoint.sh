# journal repair of lanes with checkpoints: what the newest good one has is kept even if the lane
# lost it; the original bytes are kept aside; start, verify, dump and the buyers' receipts agree
# afterwards; if a repair is killed at any moment, the same command completes it. A pruned lane
# without a good checkpoint is refused.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

JOURNAL="$BIN/doorbuster journal"
LANE=$DATA/lane-000
SALE="--scenario singles-day --skus 100"

load() { # SEED REQUESTS
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $SALE --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 60000 \
		--seed "$1" --requests "$2" --orders "$WORK/orders.$1" \
		>/dev/null 2>"$WORK/load.err" || fail "load $1: $(cat "$WORK/load.err")"
}

repair() { # RC [ARGS...]; output in $WORK/out, complaints in $WORK/err
	local want=$1 rc=0
	shift

	$JOURNAL repair "$DATA" "$@" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$want" = "$rc" ] || fail "repair $*: $rc, not $want: $(cat "$WORK/out" "$WORK/err")"
}

restore() { # DIR
	rm -rf "$DATA"
	cp -a --sparse=always "$1" "$DATA"
}

flip() { # FILE OFFSET
	printf '\252' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# The segment and offset of the block that ends a checkpoint.
position() { # CHECKPOINT
	od -An -tu8 -j 40 -N 16 "$1"
}

lane_line() { # FILTER
	jq -ser "map(select(.kind == \"lane\"))[0] | $1" "$WORK/out"
}

segment() { # NUMBER
	printf '%s/seg-%012d' "$LANE" "$1"
}

# What verify says of the checkpoints, the oldest first.
expect_checkpoints() { # RC STATES
	local rc=0

	$JOURNAL verify "$DATA" --json >"$WORK/verify.json" 2>/dev/null || rc=$?
	expect_eq "exit code of verify" "$1" $rc
	expect_eq "checkpoints" "$2" "$(jq -r '[.lanes[0].checkpoints[].state] | join(" ")' \
		"$WORK/verify.json")"
}

# Repairs: what is after KEPT-LSN is lost, and reported; everything agrees; the engine sells on.
check_case() { # KEPT-LSN
	repair 1
	repair 1 --json
	expect_eq "what is kept" "$1" "$(lane_line .kept_last_lsn)"
	expect_eq "what is lost" $((last - $1)) "$(lane_line .lost)"
	repair 0 --cut
	cp "$WORK/err" "$WORK/cut.err"
	verify
	expect_eq "last LSN" "$1" "$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
	$JOURNAL dump "$DATA" --json >"$WORK/dump.after" || fail "dump"
	cmp <(head -n "$1" "$WORK/dump") "$WORK/dump.after" || fail "the records differ"
	repair 0
	start_engine --segment-mib 1
	stop_engine
	verify_agrees
}

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $SALE --requests 100000 --catalog-out "$CATALOG"
start_engine --segment-mib 1
for seed in 1 2; do
	load $seed 25000
	$JOURNAL checkpoint "$DATA" >/dev/null || fail "checkpoint"
done
load 3 20000
stop_engine
rm -f "$DATA"/lane-000/*.new
mapfile -t checkpoints < <(find "$LANE" -name 'ckpt-*' | sort)
newest=${checkpoints[1]}
newest_lsn=$((10#${newest##*-} - 1))
read -r at_segment at_offset <<<"$(position "$newest")"
$JOURNAL dump "$DATA" --json >"$WORK/dump"
last=$(wc -l <"$WORK/dump")
cp -a --sparse=always "$DATA" "$WORK/whole"
$JOURNAL prune "$DATA" --no-downstream >/dev/null || fail "prune"
cp -a --sparse=always "$DATA" "$WORK/pruned"
expect_checkpoints 0 "good good"
first=$(find "$LANE" -name 'seg-*' | sed 's/.*-0*//' | sort -n | sed -n 1p)
repair 0
expect_match "a good pruned lane" 'nothing is to be repaired' "$(cat "$WORK/err")"

echo "before the newest checkpoint, on a whole lane and on a pruned one"
restore "$WORK/whole"
flip "$(segment 0)" $((4096 + 70))
check_case "$last"
expect_match "what is left to do" 'when it has sold on, write another' "$(cat "$WORK/cut.err")"
restore "$WORK/pruned"
flip "$(segment "$at_segment")" 9
flip "$(segment $((at_segment - 1)))" $((4096 + 70))
cp "$(segment $((at_segment - 1)))" "$WORK/original"
check_case "$last"
cmp "$WORK/original" "$DATA"/repaired-*/lane-000/"$(basename "$(segment $((at_segment - 1)))")" ||
	fail "the original bytes are not kept"
for n in 1 2 3; do
	$JOURNAL verify "$DATA" --orders "$WORK/orders.$n" >"$WORK/verify.txt" ||
		fail "$(cat "$WORK/verify.txt")"
done

echo "after it"
restore "$WORK/pruned"
after=$((at_segment + 1))
after_lsn=$(($(od -An -tu8 -j $((4096 + 24)) -N 8 "$(segment $after)") - 1))
flip "$(segment $after)" $((4096 + 70))
check_case "$after_lsn"
! grep 'write another' "$WORK/cut.err" || fail "a checkpoint is asked for, but nothing was trimmed"

echo "the lane lost what the newest checkpoint has"
for from in whole pruned; do
	restore "$WORK/$from"
	for number in $(seq "$at_segment" 60); do
		rm -f "$(segment "$number")"
	done
	expect_checkpoints 1 "good ahead"
	expect_match "verify as text" 'AHEAD of the lane, which lost' \
		"$($JOURNAL verify "$DATA" 2>/dev/null || true)"
	repair 1 --json
	expect_eq "by the checkpoint" "$newest_lsn" "$(lane_line .kept_by_checkpoint_lsn)"
	repair 0 --cut
	verify
	expect_eq "last LSN" "$newest_lsn" "$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
	$JOURNAL dump "$DATA" --json >"$WORK/dump.after" || fail "dump"
	cmp <(head -n "$newest_lsn" "$WORK/dump") "$WORK/dump.after" || fail "the records differ"
	start_engine --segment-mib 1
	load 4 1000
	stop_engine
	verify_agrees
done

echo "a damaged checkpoint beside a good lane"
restore "$WORK/whole"
flip "$newest" 500
cp "$newest" "$WORK/original"
expect_checkpoints 1 "good damaged"
check_case "$last"
[ ! -e "$newest" ] || fail "the damaged checkpoint is still there"
cmp "$WORK/original" "$DATA"/repaired-*/lane-000/ckpt-* || fail "it was not kept as it was"

echo "both damaged on a pruned lane"
restore "$WORK/pruned"
for checkpoint in "${checkpoints[@]}"; do
	flip "$checkpoint" 500
done
expect_checkpoints 1 "damaged damaged"
before=$(cd "$DATA" && find . -type f | sort | xargs md5sum)
repair 2 --cut
expect_match "why" 'of its 2 checkpoints none is good' "$(cat "$WORK/err")"
expect_eq "files" "$before" "$(cd "$DATA" && find . -type f | sort | xargs md5sum)"

echo "another history under the same name"
restore "$WORK/whole"
rm "$LANE"/*
start_engine --segment-mib 1
load 5 55000
stop_engine
cp "$WORK/whole/lane-000/$(basename "$newest")" "$newest"
expect_checkpoints 1 unfit
repair 2 --cut
expect_match "why" 'say different things of LSN [0-9]*: one of them is of another history' \
	"$(cat "$WORK/err")"

echo "killed at any moment"
damage() {
	restore "$WORK/pruned"
	flip "$(segment "$at_segment")" $((at_offset + 9))
	flip "$(segment "$first")" $((4096 + 70))
	for number in $(seq $((at_segment + 1)) 60); do
		rm -f "$(segment "$number")"
	done
	truncate -s "$at_offset" "$(segment "$at_segment")"
	truncate -s 1M "$(segment "$at_segment")"
}
damage
start_us=${EPOCHREALTIME/./}
repair 0 --cut
took_us=$((${EPOCHREALTIME/./} - start_us))
for try in {1..8}; do
	damage
	$JOURNAL repair "$DATA" --cut >"$WORK/out" 2>&1 &
	pid=$!
	sleep "$(printf '0.%06u' $((took_us * try / 8 % 1000000)))"
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	if $JOURNAL verify "$DATA" --json >"$WORK/verify.json" 2>/dev/null; then
		expect_eq "last LSN without the repair's end" "$newest_lsn" \
			"$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
	fi
	$JOURNAL repair "$DATA" --cut >"$WORK/out" 2>&1 || fail "try $try: $(cat "$WORK/out")"
	verify
	expect_eq "last LSN" "$newest_lsn" "$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
done
start_engine --segment-mib 1
stop_engine
verify_agrees
