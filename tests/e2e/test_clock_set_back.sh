# The engine ran an hour ahead of time, and the clock was set back. Its lane's clock stands still
# meanwhile; what closed stays closed, though no order was that late; and what it sells is sealed
# all the same, so that damage to an acknowledged order is found.
. "$(dirname "$0")/lib.sh"

SEGMENT=$DATA/lane-000/seg-000000000000

# Each block of the segment: offset, records, watermark, time.
blocks() {
	# Magic, format and lane, checksum, previous, first LSN, watermark, time, records.
	od -An -v -tx4 -w4096 -N $((1 << 20)) "$SEGMENT" |
		awk '$1 == "4b4c4244" { print (NR - 1) * 4096, $13, $9, $12 $11 }'
}
sealed_at() { # LSN: the last block has no records and says that it was on disk
	[ "$(blocks | tail -n 1 | cut -d' ' -f2,3)" = "00000000 $(printf '%08x' "$1")" ]
}
# Some block is as late as the offer's end, which the recovery then knows.
block_at_the_end() {
	local latest
	latest=$(blocks | awk '{ print $4 }' | sort | tail -n 1)

	[[ $latest > $(printf '%016x' "$CLOSES_NS") ]]
}
closed() { # More than there are: SOLD_OUT while it is open.
	[[ $(ask "sku=2,buyer=1,quantity=100,id=$(id 1)") == CLOSED* ]]
}

make_keys
closes_s=$(($(date +%s) + 3620))
CLOSES_NS=$((closes_s * 1000000000))
make_catalog 1,10,100,0,,, 2,10,100,0,,"$(date -u -d @$closes_s +%Y-%m-%dT%H:%M:%SZ)",
LD_PRELOAD=$BIN/tests/e2e/preload_clock_ahead.so CLOCK_AHEAD_S=3600 \
	ASAN_OPTIONS=verify_asan_link_order=0 start_engine
wait_for "the offers to be sealed" sealed_at 2
wait_for "the offer to close" closed
wait_for "a block as late as that" block_at_the_end
kill9

start_engine
expect_verdict CLOSED "sku=2,buyer=1,id=$(id 3)"
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 4)"
wait_for "the order to be sealed" sealed_at 3
kill9
order=$(blocks | awk '$2 != "00000000" { at = $1 } END { print at }')
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
