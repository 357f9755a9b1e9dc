# The engine ran an hour ahead of time, and the clock was set back. Its lane's clock stands still
# meanwhile; what closed stays closed, and what it sells is sealed all the same, so that damage to
# an acknowledged order is found.
. "$(dirname "$0")/lib.sh"

SEGMENT=$DATA/lane-000/seg-000000000000
AHEAD=$BIN/tests/e2e/clock_ahead.so

make_keys
make_catalog 1,10,100,0,,, 2,10,100,0,,"$(date -u -d '+30 minutes' +%Y-%m-%dT%H:%M:%SZ)",
LD_PRELOAD=$AHEAD CLOCK_AHEAD_S=3600 ASAN_OPTIONS=verify_asan_link_order=0 start_engine
expect_verdict CLOSED "sku=2,buyer=1,id=$(id 1)"
expect_verdict CLOSED "sku=2,buyer=1,id=$(id 2)"
sleep 0.3
kill9

start_engine
expect_verdict CLOSED "sku=2,buyer=1,id=$(id 3)"
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 4)"

# Behind the order a block without records comes, which says that it was on disk.
sealed() {
	# Magic, format and lane, checksum, previous, first LSN, watermark, time, records.
	od -An -v -tx4 -w4096 -N $((1 << 20)) "$SEGMENT" |
		awk '$1 == "4b4c4244" { records = $13; watermark = $9 }
			END { exit !(records == "00000000" && watermark == "00000003") }'
}
wait_for "a closing block" sealed
kill9
order=$(od -An -v -tx4 -w4096 -N $((1 << 20)) "$SEGMENT" |
	awk '$1 == "4b4c4244" && $13 != "00000000" { n = NR - 1 } END { print n * 4096 }')
cp "$SEGMENT" "$WORK/segment"
printf x | dd of="$SEGMENT" bs=1 seek=$((order + 80)) conv=notrunc status=none
rc=0
"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" >"$WORK/out" 2>&1 || rc=$?
expect_eq "exit code" 2 "$rc"
expect_match "what it says" "offset $order: LSN 3 should be here" "$(cat "$WORK/out")"

cp "$WORK/segment" "$SEGMENT"
start_engine
expect_verdict CLOSED "sku=2,buyer=1,id=$(id 5)"
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 4)"
stop_engine
verify_agrees
