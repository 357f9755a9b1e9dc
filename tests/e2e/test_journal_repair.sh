# journal repair on real journals: shows every kind of damage, changes nothing without --cut, keeps
# the original bytes and a report with what dump said before, and leaves a lane that can sell.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

GOOD=$WORK/good
SEGMENT=$DATA/lane-000/seg-000000000000

repair() { # RC [ARGS...]; output in $WORK/out, complaints in $WORK/err
	local want=$1 rc=0
	shift

	"$BIN/doorbuster" journal repair "$DATA" "$@" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$want" = "$rc" ] || fail "repair $*: $rc, not $want: $(cat "$WORK/out" "$WORK/err")"
}

poke() { # FILE OFFSET BYTE (octal)
	printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

buy() { # REQUEST_ID SKU
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku "$2" --buyer 7 \
		--timeout-ms 60000 --request-id "$1" >/dev/null || fail "request $1"
}

restore() {
	rm -rf "$DATA"
	cp -a --sparse=always "$GOOD" "$DATA"
}

# Every file there is, with its bytes.
sums() { # DIR
	(cd "$1" && find . -type f | sort | xargs md5sum)
}

# The lane line of --json.
lane_line() { # FILTER
	jq -ser "map(select(.kind == \"lane\" and .damaged))[0] | $1" "$WORK/out" ||
		fail "no $1 in $(head -c 600 "$WORK/out")"
}

kept() { # the one directory of a repair
	set -- "$DATA"/repaired-*
	[ $# = 1 ] || fail "one copy was to be there: $*"
	echo "$1"
}

# What must hold for each kind of damage: shown without a change, cut with --cut, the originals
# kept, the report equal to what dump said of the lost LSNs, a good journal afterwards.
check_case() { # KEPT-LSN [ARGS...]
	local kept_lsn=$1 before file dir
	shift

	before=$(sums "$DATA")
	repair 1 "$@"
	expect_match "what is shown" 'DAMAGED' "$(cat "$WORK/out")"
	repair 1 --json "$@"
	expect_eq "what is kept" "$kept_lsn" "$(lane_line .kept_last_lsn)"
	expect_eq "files after a look" "$before" "$(sums "$DATA")"
	cp -a --sparse=always "$DATA" "$WORK/damaged"
	repair 0 --cut "$@"
	expect_match "what comes next" 'next: doorbuster journal verify' "$(cat "$WORK/err")"
	dir=$(kept)
	while read -r file; do
		cmp "$dir/$file" "$WORK/damaged/$file" || fail "$file was not kept as it was"
	done < <(cd "$dir" && find . -name 'seg-*')
	# Files that were removed or changed were kept.
	while read -r file; do
		cmp -s "$DATA/$file" "$WORK/damaged/$file" || [ -e "$dir/$file" ] ||
			! tail -c +4097 "$WORK/damaged/$file" | tr -d '\0' | grep -q . ||
			fail "$file was changed and not kept"
	done < <(cd "$WORK/damaged" && find . -name 'seg-*')
	jq -c 'select(.kind != "lane")' "$dir/report" >"$WORK/reported"
	jq -c "select(.kind != \"lane\" and .lane == 0 and .lsn > $kept_lsn)" "$WORK/dump" \
		>"$WORK/lost"
	! grep -vxFf "$WORK/lost" "$WORK/reported" || fail "reported, but not what dump said"
	expect_eq "records in the report" "$(jq 'select(.kind == "lane") | .readable' \
		"$dir/report")" "$(wc -l <"$WORK/reported")"
	verify
	expect_eq "records afterwards" "$kept_lsn" \
		"$(json '.lanes[0].last_lsn' "$WORK/verify.json")"
	repair 0
	expect_match "what is left to do" 'nothing is to be repaired' "$(cat "$WORK/err")"
	rm -rf "$WORK/damaged"
}

# 40 SKUs over two lanes, and orders for each, in blocks of their own.
make_keys
mapfile -t lines < <(for sku in {1..40}; do echo "$sku,1000,500,0,,,"; done)
make_catalog "${lines[@]}"
start_engine --shards 2 --cores 0
for i in {1..120}; do
	echo "$(id "$i") $((i % 40 + 1))"
done >"$WORK/wanted"
while read -r request sku; do
	buy "$request" "$sku"
done <"$WORK/wanted"

# Beside a running engine nothing is looked at.
repair 2
expect_match "beside an engine" 'in use by another doorbuster' "$(cat "$WORK/err")"
repair 2 --cut
stop_engine
last=$("$BIN/doorbuster" journal verify "$DATA" --json | jq '.lanes[0].last_lsn')
"$BIN/doorbuster" journal dump "$DATA" --json >"$WORK/dump"

# Small segments are compared sooner: where a header is bad, the file's size counts.
rm "$DATA"/lane-00?/seg-000000000002
for file in "$DATA"/lane-*/seg-*; do
	truncate -s 4M "$file"
	poke "$file" 9 252
done
hash=$(drained state_hash)
repair 0 --cut
verify
expect_eq "the state without headers" "$hash" "$(json .state_hash "$WORK/verify.json")"
rm -r "$(kept)"
mkdir "$DATA/repaired-20200101T000000Z.part"
repair 0
expect_match "a killed repair's copy" 'an earlier repair left .*part' "$(cat "$WORK/err")"
rmdir "$DATA/repaired-20200101T000000Z.part"
cp -a --sparse=always "$DATA" "$GOOD"

repair 0 --cut
expect_match "a good journal" 'nothing is to be repaired' "$(cat "$WORK/err")"
expect_eq "files of a good journal" "$(sums "$GOOD")" "$(sums "$DATA")"
repair 2 --lane 0 --cut --cut-at 3
expect_match "a cut of a good lane" 'lane 0 is good' "$(cat "$WORK/err")"
repair 2 --cut-at 3
repair 2 --lane 2

# Repair leaves a torn tail to the engine.
end=$(($(od -An -v -tx4 -w4096 -N $((4 << 20)) "$SEGMENT" |
	awk '$1 == "4b4c4244" { n = NR } END { print n }') * 4096))
poke "$SEGMENT" $end 132
repair 0
expect_match "a torn tail" 'torn tail' "$(cat "$WORK/out")"

# A byte of a record.
restore
offset=$((3 * 4096))
kept_lsn=$(($(od -An -tu8 -j $((offset + 24)) -N 8 "$SEGMENT") - 1))
poke "$SEGMENT" $((offset + 70)) 252
repair 1 --json
expect_eq "segment" 0 "$(lane_line '.faults[0].segment')"
expect_eq "offset" $offset "$(lane_line '.faults[0].offset')"
expect_eq "last LSN" "$last" "$(lane_line .lost_last_lsn)"
expect_eq "acknowledged" $((last - kept_lsn)) "$(lane_line .lost_acknowledged)"
lost_block=$(lane_line .unreadable)
[ "$lost_block" -gt 0 ] || fail "the damaged block can't be read, but nothing is missing"
expect_eq "readable" $((last - kept_lsn - lost_block)) "$(lane_line .readable)"
check_case "$kept_lsn"

# The lane continues. What could be read is sold again, in order, with the content of the requests;
# the same again changes nothing.
again() { # RC FILE; output in $WORK/again
	local want=$1 rc=0
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 60000 \
		--again "$2" >"$WORK/again" 2>"$WORK/err" || rc=$?
	[ "$want" = "$rc" ] || fail "buy --again: $rc, not $want: $(cat "$WORK/again" "$WORK/err")"
}
start_engine --shards 2 --cores 0
jq -c 'select(.kind == "order")' "$(kept)/report" >"$WORK/reported"
again 0 "$(kept)/report"
expect_match "what was sold again" \
	"^$(wc -l <"$WORK/reported") requests are carried out .* 0 were refused" \
	"$(cat "$WORK/err")"
requests='[.request_id, .buyer, .sku, .quantity, .unit_price, .max_price, .channel]'
"$BIN/doorbuster" journal dump "$DATA" --lane 0 --json |
	jq -c "select(.kind == \"order\" and .lsn > $kept_lsn) | $requests" >"$WORK/resold"
diff <(jq -c "$requests" "$WORK/reported") "$WORK/resold" || fail "sold again, but not the same"
sed 1d "$WORK/again" | cut -d, -f1 >"$WORK/old"
jq -r .order_id "$WORK/reported" | diff - "$WORK/old" || fail "old ids"
sed 1d "$WORK/again" | cut -d, -f2 >"$WORK/new"
"$BIN/doorbuster" journal dump "$DATA" --lane 0 --json |
	jq -r "select(.kind == \"order\" and .lsn > $kept_lsn) | .order_id" |
	diff - "$WORK/new" || fail "new ids"
cp "$WORK/again" "$WORK/again.first"
again 0 "$WORK/reported"
cmp "$WORK/again" "$WORK/again.first" || fail "the same again, and another answer"
# A unit that another buyer has got meanwhile is refused, and the rest sold.
head -n 1 "$WORK/reported" | jq -c '.request_id = "f" + .request_id[1:] | .sku = 999' >"$WORK/mixed"
cat "$WORK/reported" >>"$WORK/mixed"
again 1 "$WORK/mixed"
expect_match "what is refused" ' 1 were refused' "$(cat "$WORK/err")"
expect_match "why" ',UNKNOWN_SKU$' "$(sed -n 2p "$WORK/again")"
again 2 "$CATALOG"
expect_match "another file" "$CATALOG:1: not a line of a report" "$(cat "$WORK/err")"
# The buyers that ask again get what was sold again; what could not be read is sold now.
while read -r request sku; do
	buy "$request" "$sku"
done <"$WORK/wanted"
stop_engine
verify_agrees
expect_eq "orders, each once" 120 "$(drained orders)"

# Cut earlier than the damage, at an LSN.
restore
poke "$SEGMENT" $((9 * 4096 + 70)) 252
repair 2 --lane 0 --cut --cut-at 100000
expect_match "a cut that is too late" 'good up to' "$(cat "$WORK/err")"
check_case "$kept_lsn" --lane 0 --cut-at $((kept_lsn + 1))

# No room for the originals, as when the disk is full: nothing is changed, nothing is left. Killed
# while it copies: what it had copied is not trusted.
restore
poke "$SEGMENT" $((offset + 70)) 252
before=$(sums "$DATA")
(trap '' XFSZ && ulimit -f 1000 && repair 2 --cut) || fail "no room"
expect_match "no room" 'cannot be copied to .*: File too large; nothing was changed' \
	"$(cat "$WORK/err")"
expect_eq "files without room" "$before" "$(sums "$DATA")"
rc=0
(ulimit -c 0 && ulimit -f 1000 && "$BIN/doorbuster" journal repair "$DATA" --cut) \
	>/dev/null 2>&1 || rc=$?
expect_eq "killed in the middle of the copy" $((128 + $(kill -l XFSZ))) $rc
ls -d "$DATA"/repaired-*.part >/dev/null || fail "killed, and nothing is left of the copy"
repair 1
expect_match "what a killed one left" 'part, and was killed before' "$(cat "$WORK/err")"
cmp "$SEGMENT" "$(ls -d "$DATA"/repaired-*.part)/lane-000/seg-000000000000" >/dev/null 2>&1 &&
	fail "the copy was whole"
repair 0 --cut
expect_match "what a killed one left" 'removed 1 unfinished copies' "$(cat "$WORK/err")"
kept >/dev/null
verify

# Headers and sizes cost nothing that is there.
restore
poke "$SEGMENT" 9 252
check_case "$last"
restore
truncate -s 4M "$DATA/lane-000/seg-000000000001"
check_case "$last"
restore
cp "$GOOD/lane-001/seg-000000000000" "$WORK/other"
dd if="$WORK/other" of="$SEGMENT" bs=4096 count=1 conv=notrunc status=none
repair 1
expect_match "a foreign header" 'belongs to another lane' "$(cat "$WORK/out")"
check_case "$last"
restore
truncate -s 1000000 "$SEGMENT"
check_case "$last"
# Cut short in the middle of a block: what was after it is lost, even for the report.
restore
truncate -s $((offset + 100)) "$SEGMENT"
check_case "$kept_lsn"

# Nothing is left of a segment, of a lane; all of another lane under our name.
restore
rm "$SEGMENT"
: >"$DATA/lane-000/seg-000000000001"
check_case 0
restore
rm -r "$DATA/lane-000"
repair 1
expect_match "a lost lane" 'directory of the lane is missing' "$(cat "$WORK/out")"
check_case 0
restore
cp "$WORK/other" "$SEGMENT"
check_case 0
start_engine --shards 2 --cores 0
stop_engine
verify_agrees

# What can't be read is not touched: a directory in the place of a file gives an error on reading.
restore
poke "$DATA/lane-001/seg-000000000000" $((2 * 4096 + 70)) 252
rm "$SEGMENT"
mkdir "$SEGMENT"
before=$(sums "$DATA")
repair 2 --cut
expect_match "an unreadable lane" 'lane 0 cannot be repaired, see above: nothing was changed' \
	"$(cat "$WORK/err")"
expect_eq "files" "$before" "$(sums "$DATA")"

# A lane that is whole but cannot be right: lane 0 has offers that belong to shard 0 of 2, not of 3.
restore
sed -i 's/shards 2/shards 3/' "$DATA/journal"
mkdir "$DATA/lane-002"
before=$(sums "$DATA")
repair 1 --lane 0 --cut
expect_match "a whole lane" 'is whole, but its record cannot follow' "$(cat "$WORK/out")"
expect_match "a whole lane" 'say --lane 0 --cut --cut-at' "$(cat "$WORK/err")"
expect_eq "files" "$before" "$(sums "$DATA")"
bad=$(repair 1 --lane 0 --json && lane_line .bad_lsn)
repair 0 --lane 0 --cut --cut-at "$bad"
repair 0 --lane 0
jq -se ".[0] | .bad_lsn == $bad and .kept_last_lsn < $bad and
	.kept_last_lsn + .readable == $last and .unreadable == 0" "$(kept)/report" >/dev/null ||
	fail "the report: $(head -n 1 "$(kept)/report")"
