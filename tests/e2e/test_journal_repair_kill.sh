# journal repair --cut killed at any moment: the original bytes are in the lane or in a whole copy,
# a start is refused or right, and the same command again completes it.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

SEGMENT=$DATA/lane-000/seg-000000000000
ORIGINAL=$WORK/original

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine
"$BIN/doorbuster" load --scenario drop --server 127.0.0.1:7700 --keys "$KEYS" --seed 4 \
	--requests 3000 --timeout-ms 60000 >/dev/null || fail "load"
stop_engine
rm "$DATA"/lane-000/seg-00000000000[12]

# The second block's checksum and the segment's header: something is overwritten, something mended.
offset=$((4096 + $(od -An -tu4 -j $((4096 + 52)) -N 4 "$SEGMENT")))
kept_lsn=$(($(od -An -tu8 -j $((offset + 24)) -N 8 "$SEGMENT") - 1))
for at in 9 $((offset + 9)); do
	printf '\252' | dd of="$SEGMENT" bs=1 seek="$at" conv=notrunc status=none
done
cp --sparse=always "$SEGMENT" "$ORIGINAL"

# The original bytes are still in the lane, or whole in the copy.
originals_are_there() {
	local kept

	cmp -s "$SEGMENT" "$ORIGINAL" && return
	for kept in "$DATA"/repaired-*Z*; do
		case $kept in
		*.part) ;;
		*) cmp -s "$kept/lane-000/seg-000000000000" "$ORIGINAL" && return ;;
		esac
	done
	return 1
}

# Measures how long one repair takes here, so that the kills spread over it on any disk.
start_us=${EPOCHREALTIME/./}
"$BIN/doorbuster" journal repair "$DATA" --cut >/dev/null 2>&1 || fail "repair"
took_us=$((${EPOCHREALTIME/./} - start_us))
unfinished=0 whole=0
for try in {1..16}; do
	rm -rf "$DATA"/repaired-*
	cp --sparse=always "$ORIGINAL" "$SEGMENT"
	"$BIN/doorbuster" journal repair "$DATA" --cut >"$WORK/out" 2>&1 &
	pid=$!
	sleep "$(printf '0.%06u' $((took_us * try / 16 % 1000000)))"
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	originals_are_there || fail "try $try: the original bytes are gone"
	if cmp -s "$SEGMENT" "$ORIGINAL"; then
		unfinished=$((unfinished + 1))
	else
		whole=$((whole + 1))
	fi
	if "$BIN/doorbuster" journal verify "$DATA" --json >"$WORK/verify.json" 2>/dev/null; then
		expect_eq "last LSN without the repair's end" "$kept_lsn" \
			"$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
	fi
	"$BIN/doorbuster" journal repair "$DATA" --cut >"$WORK/out" 2>&1 ||
		fail "try $try, again: $(cat "$WORK/out")"
	originals_are_there || fail "try $try, again: the original bytes are gone"
	! ls -d "$DATA"/repaired-*.part 2>/dev/null ||
		fail "try $try: a copy that is not whole was left"
	verify
	expect_eq "last LSN" "$kept_lsn" "$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
done
echo "killed before the first change $unfinished times, after it $whole times"

start_engine
stop_engine
verify_agrees
