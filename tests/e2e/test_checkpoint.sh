# Checkpoints beside an engine that sells: kill -9, restart from the checkpoint, prune, restart. The
# state is the same from the whole lane, from each checkpoint and in another directory; a damaged
# checkpoint is passed over, and every acknowledged order stays.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

JOURNAL="$BIN/doorbuster journal"
LANE=$DATA/lane-000
SALE="--scenario singles-day --skus 100"
TO="--server 127.0.0.1:7700 --keys $KEYS --timeout-ms 60000"

load() { # SEED REQUESTS ARGS...
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $SALE $TO --seed "$1" --requests "$2" "${@:3}" --json \
		--orders "$WORK/orders.$1" >"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load $1: $(cat "$WORK/load.json" "$WORK/load.err")"
}

checkpoint() { # ARGS... ; its line stays in $WORK/checkpoint
	$JOURNAL checkpoint "$DATA" "$@" --json >"$WORK/checkpoint" 2>"$WORK/checkpoint.err" ||
		fail "checkpoint: $(cat "$WORK/checkpoint" "$WORK/checkpoint.err")"
}

checkpoints() {
	find "$LANE" -name 'ckpt-*' | wc -l
}

first_segment() {
	find "$LANE" -name 'seg-*[0-9]' | sed 's/.*seg-0*\([0-9]\)/\1/' | sort -n | sed -n 1p
}

hash_of() { # DIR
	$JOURNAL verify "$1" --json >"$WORK/hash.json" || fail "verify $1: $(cat "$WORK/hash.json")"
	json .state_hash "$WORK/hash.json"
}

start_lsn() {
	sed -n 's/^recovered: .* from a checkpoint at LSN \([0-9]*\)$/\1/p' "$ENGINE_OUT.err"
}

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $SALE --requests 200000 --catalog-out "$CATALOG"
start_engine --segment-mib 1

echo "beside an engine that sells"
load 1 30000 --rate 10000 &
background=$!
wait_for "the first orders" orders_reached 500
checkpoint
expect_eq "written" true "$(json .written "$WORK/checkpoint")"
wait $background
kill9
before=$(hash_of "$DATA")
lsn=$(json .lsn "$WORK/checkpoint")

echo "restart from it after kill -9"
start_engine --segment-mib 1
expect_eq "where the start began" "$lsn" "$(start_lsn)"
stop_engine
expect_eq "state" "$before" "$(drained state_hash)"
verify_agrees

echo "two later checkpoints, and what is older removed"
echo 424242,10,500,0,,, >>"$CATALOG"
start_engine --segment-mib 1
load 2 40000
checkpoint
load 3 5000
checkpoint
expect_eq "checkpoints" 2 "$(checkpoints)"
expect_eq "one more with nothing new" false "$(checkpoint; jq .written "$WORK/checkpoint")"
rc=0
$JOURNAL prune "$DATA" >"$WORK/prune" 2>&1 || rc=$?
expect_eq "prune that isn't told of downstream" 2 $rc
expect_match "why" 'downstream-has LSN' "$(cat "$WORK/prune")"
$JOURNAL prune "$DATA" --downstream-has 50 --json >"$WORK/prune" || fail "prune"
expect_eq "removed while downstream lacks it" 0 "$(json .removed "$WORK/prune")"
cp -r --sparse=always "$DATA" "$WORK/whole"

# A prune while the lane is being read does not disturb the reader: verify makes the prune wait,
# dump continues with the checkpoint.
read_beside_prune() { # NTH VERB ARGS...
	local reader pruner

	rm -rf "$WORK/beside" "$WORK/wait.told"
	cp -r --sparse=always "$WORK/whole" "$WORK/beside"
	touch "$WORK/wait"
	LD_PRELOAD=$BIN/tests/e2e/preload_wait_at_file.so ASAN_OPTIONS=verify_asan_link_order=0 \
		WAIT_AT=/lane-000/seg-000000000001 WAIT_NTH=$1 WAIT_WHILE=$WORK/wait \
		$JOURNAL "$2" "$WORK/beside" "${@:3}" >"$WORK/read" 2>"$WORK/read.err" &
	reader=$!
	wait_for "$2 to read" test -e "$WORK/wait.told"
	$JOURNAL prune "$WORK/beside" --no-downstream >"$WORK/prune" 2>&1 &
	pruner=$!
	[ "$2" = verify ] || wait $pruner
	sleep 0.2
	rm "$WORK/wait"
	wait $reader || fail "$2 beside a prune: $(cat "$WORK/read" "$WORK/read.err")"
	[ "$2" != verify ] || wait $pruner
	[ ! -e "$WORK/beside/lane-000/seg-000000000001" ] || fail "nothing was pruned"
}
for nth in 1 2; do
	read_beside_prune $nth verify --orders "$WORK/orders.1"
done
$JOURNAL dump "$WORK/whole" >"$WORK/before"
read_beside_prune 1 dump
cmp "$WORK/before" "$WORK/read" || fail "dump beside a prune is another"
$JOURNAL prune "$DATA" --no-downstream --json >"$WORK/prune" || fail "prune: $(cat "$WORK/prune")"
first=$(json .first_segment "$WORK/prune")
expect_eq "removed" "$first" "$(json .removed "$WORK/prune")"
expect_eq "some were" true "$([ "$first" -gt 2 ] && echo true)"
expect_eq "first segment" "$first" "$(first_segment)"

for format in "" --json; do
	$JOURNAL dump "$WORK/whole" $format | md5sum >"$WORK/before"
	$JOURNAL dump "$DATA" $format | md5sum >"$WORK/after"
	cmp "$WORK/before" "$WORK/after" || fail "dump $format is another after the prune"
done

echo "go on, kill -9, restart"
load 4 5000
kill9
start_engine --segment-mib 1
expect_match "where the start began" '^[0-9]+$' "$(start_lsn)"
stop_engine
hash=$(drained state_hash)
verify_agrees
expect_eq "verify starts from a checkpoint" true \
	"$(json '.lanes[0].checkpoint_lsn > 0' "$WORK/verify.json")"
for n in 1 2 3 4; do
	$JOURNAL verify "$DATA" --orders "$WORK/orders.$n" >"$WORK/out" || fail "$(cat "$WORK/out")"
done
$JOURNAL dump "$DATA" --json >"$WORK/dump" || fail "dump"
expect_eq "records in the dump" "$(json '.lanes[0].last_lsn' "$WORK/verify.json")" \
	"$(jq .lsn "$WORK/dump" | sort -nu | wc -l)"

echo "in another directory, and from the whole lane"
expect_eq "state of a copy" "$hash" "$(cp -r --sparse=always "$DATA" "$WORK/copy"
	hash_of "$WORK/copy")"
cp -n "$WORK"/whole/lane-000/seg-* "$WORK/copy/lane-000/"
rm "$WORK"/copy/lane-000/ckpt-*
expect_eq "state from the whole lane" "$hash" "$(hash_of "$WORK/copy")"
rm -r "$WORK/copy" "$WORK/whole"

echo "a damaged checkpoint, then two"
mapfile -t files < <(find "$LANE" -name 'ckpt-*' | sort -r)
for checkpoint in "${files[@]}"; do
	printf x | dd of="$checkpoint" bs=1 seek=200 conv=notrunc status=none
	rc=0
	"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" >"$WORK/serve" 2>&1 &
	ENGINE_PID=$!
	wait_for "ready or refused" grep -qE '^ready|segment 0 is missing' "$WORK/serve"
	# One that refuses ends by itself, with its own exit code.
	! grep -q '^ready' "$WORK/serve" || kill -TERM $ENGINE_PID
	wait $ENGINE_PID || rc=$?
	ENGINE_PID=
	[ "$rc" != 0 ] || expect_match "the older one" 'lane 0: passed over a checkpoint' \
		"$(cat "$WORK/serve")"
done
expect_eq "exit code without a good one" 2 $rc
expect_match "why" 'lane-000: segment 0 is missing, segment [0-9]* is there' "$(cat "$WORK/serve")"
