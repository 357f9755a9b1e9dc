# Two users: root runs engine and tools on data directories of user 4242, who has put links to files
# of root at every name that they make, replace or read. No file outside is changed, read or given
# away; what root makes is the owner's; a link that is in the way is refused by name. Only their
# owner can read files that name buyers.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

OWNER=4242
OUTSIDE=$WORK/outside
PORT=memif:$WORK/memif
LANE=$DATA/lane-000
JOURNAL="$BIN/doorbuster journal"
LOAD=(--scenario singles-day --skus 20 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS"
	--timeout-ms 60000)
BLOCK=4096

# Runs a command in a directory, as its owner, who may have no access to its path.
as_owner() { # DIR COMMAND...
	(cd "$1" && exec setpriv --reuid=$OWNER --regid=$OWNER --clear-groups "${@:2}")
}

# The owner links names of his to files of root: each to one of its own, as long as a segment.
plant() { # DIR NAME...
	local dir=$1 name number

	for name in "${@:2}"; do
		number=$(find "$OUTSIDE" -type f | wc -l)
		echo "root's own, $name" >"$OUTSIDE/file.$number"
		truncate -s $((16 * BLOCK)) "$OUTSIDE/file.$number"
		chmod 600 "$OUTSIDE/file.$number"
		as_owner "$dir" ln -sfn "$OUTSIDE/file.$number" "$name"
	done
	look_outside >"$WORK/outside.before"
}

look_outside() {
	find "$OUTSIDE" -printf '%p %U %G %m %s %T@ %y\n' | sort
	find "$OUTSIDE" -type f -exec md5sum {} + | sort
}

expect_outside() { # WHAT
	look_outside >"$WORK/outside.after"
	cmp -s "$WORK/outside.before" "$WORK/outside.after" ||
		fail "$1 changed what lies outside: $(diff "$WORK/outside".{before,after})"
}

# All in it belongs to the owner, except the socket at which root's engine waits for a capture.
expect_owners() { # DIR
	expect_eq "what is not the owner's in $1" '' "$(find "$1" ! -uid $OWNER ! -type s)"
}

good() { # WHAT COMMAND...
	"${@:2}" >"$WORK/out" 2>"$WORK/err" || fail "$1: $(cat "$WORK/out" "$WORK/err")"
	expect_outside "$1"
}

# Ends with an error that names the link, or what else is in the way.
refused() { # PATTERN COMMAND...
	local rc=0

	"${@:2}" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ $rc != 0 ] || fail "${*:2}: was not refused: $(cat "$WORK/out" "$WORK/err")"
	[ $rc -lt 3 ] || fail "${*:2}: ended with $rc: $(cat "$WORK/err")"
	expect_match "what ${*:2} says" "$1" "$(cat "$WORK/out" "$WORK/err" | tr -d '\000')"
	expect_outside "${*:2}"
}

# An engine of root that does not start.
serve_refused() { # PATTERN DATA
	refused "$1" "$SERVE" --data "$2" --catalog "$CATALOG" --keys "$KEYS" --port "$PORT"
}

owned_dir() { # DIR
	mkdir "$1"
	chown $OWNER:$OWNER "$1"
}

restore() {
	rm -rf "$DATA"
	cp -a "$WORK/good" "$DATA"
}

sell() { # SEED REQUESTS ARGS...
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" "${@:3}" \
		>"$WORK/load.out" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

mkdir "$OUTSIDE"
owned_dir "$DATA"
make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 20 --requests 60000 --catalog-out "$CATALOG"

echo "an engine of root begins a journal in the owner's directory"
plant "$DATA" journal.new
good "a start" bash -c '
	"$@" >"$0" & while ! grep -q "^ready" "$0"; do kill -0 $! || exit 1; sleep 0.1; done
	kill -TERM $!; wait $!' "$WORK/first" "$SERVE" --data "$DATA" --catalog "$CATALOG" \
	--keys "$KEYS" --port "$PORT" --segment-mib 1
expect_owners "$DATA"
first=$(find "$LANE" -name 'seg-*' | wc -l)
plant "$LANE" "$(printf 'seg-%012d.new' "$first")" "$(printf 'seg-%012d.new' $((first + 1)))"
start_engine --port "$PORT" --segment-mib 1
sell 1 40000 --orders "$WORK/orders.1"
expect_eq "mode of --orders" 600 "$(stat -c %a "$WORK/orders.1")"
expect_outside "an engine that sells"
expect_owners "$DATA"
[ "$(find "$LANE" -name 'seg-*[0-9]' | wc -l)" -gt $((first + 1)) ] || fail "no segment was made"

echo "captures and orders"
owned_dir "$WORK/his"
plant "$WORK/his" orders capture
refused 'orders: it is a symbolic link' "$BIN/doorbuster" load "${LOAD[@]}" --seed 2 \
	--requests 10 --orders "$WORK/his/orders"
refused 'capture: it is a symbolic link' timeout -s INT 20 "$BIN/doorbuster" capture \
	--data "$DATA" --write "$WORK/his/capture"
echo old >"$WORK/wide.pcap"
chmod 644 "$WORK/wide.pcap"
"$BIN/doorbuster" capture --data "$DATA" --write "$WORK/wide.pcap" --force 2>"$WORK/capture.err" &
capture=$!
wait_for "the capture to begin" grep -q . "$WORK/capture.err"
sell 3 1000
kill -TERM $capture
wait $capture || fail "capture: $(cat "$WORK/capture.err")"
expect_eq "mode of a capture into an existing file" 600 "$(stat -c %a "$WORK/wide.pcap")"
stop_engine
verify_agrees
cp -a "$DATA" "$WORK/good"

echo "checkpoints, as from cron"
last=$(jq .orders "$WORK/verify.json")
mapfile -t names < <(seq -f 'ckpt-%015.0f.new' $((last + 20)) $((last + 23)))
plant "$LANE" "${names[@]}"
good "journal checkpoint" $JOURNAL checkpoint "$DATA"
expect_eq "checkpoints" 1 "$(find "$LANE" -name 'ckpt-*[0-9]' -type f | wc -l)"
expect_owners "$DATA"
plant "$LANE" ckpt-000000000000005
good "journal checkpoint again" $JOURNAL checkpoint "$DATA"
refused 'ckpt-000000000000005: it is a symbolic link' $JOURNAL verify "$DATA"
refused 'two are needed before a segment may go.*symbolic link' \
	$JOURNAL prune "$DATA" --no-downstream
as_owner "$LANE" rm ckpt-000000000000005
good "journal verify" $JOURNAL verify "$DATA"
chmod 600 "$LANE"/ckpt-*
name=$(basename "$(find "$LANE" -name 'ckpt-*[0-9]' -type f)")
as_owner "$LANE" mv "$name" kept
plant "$LANE" "$name"
good "a checkpoint in the place of a link" $JOURNAL checkpoint "$DATA"
[ -f "$LANE/$name" ] && [ ! -L "$LANE/$name" ] || fail "the checkpoint is no file"
expect_owners "$DATA"

echo "segments that are links"
restore
seg="seg-000000000001"
as_owner "$LANE" mv $seg kept
plant "$LANE" $seg
for verb in verify dump checkpoint; do
	refused 'lane-000.*symbolic link' $JOURNAL $verb "$DATA"
done
refused 'symbolic link' $JOURNAL repair "$DATA" --cut
refused 'symbolic link' "$BIN/doorbuster-consume" --from data:"$DATA"
refused 'symbolic link' "$BIN/doorbuster-relay" --data "$DATA" --to - --once
serve_refused 'symbolic link' "$DATA"

echo "segments that are second names of root's files"
as_owner "$LANE" rm $seg
echo "root's own" >"$OUTSIDE/secret"
truncate -s $((1 << 20)) "$OUTSIDE/secret"
chmod 600 "$OUTSIDE/secret"
ln "$OUTSIDE/secret" "$LANE/$seg"
look_outside >"$WORK/outside.before"
refused 'hard link' $JOURNAL verify "$DATA"
refused 'hard link' $JOURNAL repair "$DATA" --cut
expect_eq "copies of it" '' "$(find "$DATA" -path '*repaired-*' -name $seg)"
serve_refused 'hard link' "$DATA"
rm "$LANE/$seg"

echo "a file that root left in a directory of his, and that he moved"
owned_dir "$WORK/moved"
cp "$OUTSIDE/secret" "$WORK/moved/secret"
as_owner "$WORK" mv moved/secret "data/lane-000/$seg"
refused 'belongs to somebody else' $JOURNAL repair "$DATA" --cut
expect_eq "copies of it" '' "$(find "$DATA" -path '*repaired-*' -name $seg)"
expect_eq "its owner" 0 "$(stat -c %u "$LANE/$seg")"
rm "$LANE/$seg"
as_owner "$LANE" mv kept $seg
look_outside >"$WORK/outside.before"

echo "repair"
# Damage in the first block, which a later watermark covers.
printf x | dd of="$LANE/seg-000000000000" bs=1 seek=4176 conv=notrunc status=none
as_owner "$DATA" mkdir -p repaired-x.part/lane-000
plant "$DATA" repaired-x.part/report repaired-x.part/lane-000/seg-000000000000
as_owner "$DATA" ln -s "$OUTSIDE" repaired-x.part/lane-001
good "journal repair --cut" $JOURNAL repair "$DATA" --cut
[ ! -e "$DATA/repaired-x.part" ] || fail "the unfinished copy is still there"
[ -s "$(echo "$DATA"/repaired-*/report)" ] || fail "no report"
expect_owners "$DATA"
restore
as_owner "$DATA" mv lane-000 gone
as_owner "$DATA" ln -s "$OUTSIDE/nowhere" lane-000
for verb in verify repair checkpoint; do
	refused 'lane-000 is a symbolic link' $JOURNAL $verb "$DATA"
done
serve_refused 'lane-000 is a symbolic link' "$DATA"
as_owner "$DATA" rm lane-000
good "journal repair of a missing lane" $JOURNAL repair "$DATA" --cut
[ -d "$LANE" ] || fail "the lane was not made"
expect_owners "$DATA"

echo "a directory's lock and identity"
restore
plant "$DATA" lock
serve_refused "$DATA/lock cannot be locked: it is a symbolic link" "$DATA"
refused "$DATA/lock cannot be locked: it is a symbolic link" $JOURNAL repair "$DATA"
as_owner "$DATA" rm lock
as_owner "$DATA" mv journal kept
plant "$DATA" journal
refused "$DATA/journal cannot be read: it is a symbolic link" $JOURNAL verify "$DATA"

echo "a path of the operator, and one of the owner"
restore
ln -s "$DATA" "$WORK/link"
good "journal verify of a link of root" $JOURNAL verify "$WORK/link"
chown -h $OWNER:$OWNER "$WORK/link"
good "journal verify of a link of the owner to his own" $JOURNAL checkpoint "$WORK/link/"
expect_owners "$DATA"
cp -a "$WORK/good" "$OUTSIDE/data"
chown -R 0:0 "$OUTSIDE/data"
ln -sfn "$OUTSIDE/data" "$WORK/link"
chown -h $OWNER:$OWNER "$WORK/link"
look_outside >"$WORK/outside.before"
refused "link.*symbolic link" $JOURNAL checkpoint "$WORK/link"
serve_refused "link.*symbolic link" "$WORK/link"

echo "a relay and its copy"
restore
relay=("$BIN/doorbuster-relay" --data "$DATA" --once --name one)
plant "$DATA" downstream-one.new
owned_dir "$WORK/copy"
plant "$WORK/copy" journal.new
good "relay" "${relay[@]}" --to file:"$WORK/copy"
expect_owners "$DATA"
expect_owners "$WORK/copy"
good "verify of the copy" $JOURNAL verify "$WORK/copy"
rm -r "$WORK/copy/lane-000"
as_owner "$WORK/copy" mkdir lane-000
mapfile -t names < <(seq -f 'seg-%012.0f.new' 0 3)
plant "$WORK/copy/lane-000" "${names[@]}"
good "relay again" "${relay[@]}" --to file:"$WORK/copy"
expect_owners "$WORK/copy"
as_owner "$WORK/copy/lane-000" mv seg-000000000001 kept
plant "$WORK/copy/lane-000" seg-000000000001
refused 'symbolic link' "$BIN/doorbuster-consume" --from file:"$WORK/copy"
rm -r "$WORK/copy"
forget=("$BIN/doorbuster-relay" --data "$DATA" --forget --name one)
for name in downstream-one.lock downstream-one; do
	as_owner "$DATA" rm -f $name
	plant "$DATA" $name
	refused "$name: it is a symbolic link" "${relay[@]}" --to file:"$WORK/copy"
	[ $name = downstream-one ] || refused "$name: it is a symbolic link" "${forget[@]}"
	[ $name != downstream-one ] || good "relay --forget" "${forget[@]}"
	as_owner "$DATA" rm -f $name
done
[ ! -L "$DATA/downstream-one" ] || fail "the position is still a link"
owned_dir "$WORK/lines"
plant "$WORK/lines" lane-000.cursor.new
good "relay of lines" "${relay[@]}" --to file:"$WORK/lines" --format json
expect_owners "$WORK/lines"
for name in lock lane-000.jsonl lane-000.cursor; do
	as_owner "$WORK/lines" mv $name kept
	plant "$WORK/lines" $name
	refused "$name: it is a symbolic link" "${relay[@]}" --to file:"$WORK/lines" --format json
	as_owner "$WORK/lines" mv kept $name
done

echo "consumers and replays"
consume=("$BIN/doorbuster-consume" --from data:"$DATA")
plant "$WORK/his" cursor.new out
good "consume" "${consume[@]}" --cursor "$WORK/his/cursor" --out "$WORK/out.1"
expect_eq "mode of --out" 600 "$(stat -c %a "$WORK/out.1")"
refused 'out: it is a symbolic link' "${consume[@]}" --out "$WORK/his/out"
for name in cursor cursor.lock; do
	plant "$WORK/his" $name
	refused "$name: it is a symbolic link" "${consume[@]}" --cursor "$WORK/his/cursor"
	as_owner "$WORK/his" rm $name
done
chmod 644 "$WORK/out.1"
good "consume into a file that others may read" "${consume[@]}" --out "$WORK/out.1"
expect_eq "mode of --out" 600 "$(stat -c %a "$WORK/out.1")"
as_owner "$WORK/his" touch his-own
refused 'his-own: it belongs to somebody else' "${consume[@]}" --out "$WORK/his/his-own"
plant "$WORK/his" capture table
refused 'capture: it is a symbolic link' "$BIN/doorbuster" replay --from-journal "$DATA" \
	--write "$WORK/his/capture" --keys "$KEYS"
good "replay --write" "$BIN/doorbuster" replay --from-journal "$DATA" --write "$WORK/orders.pcap" \
	--keys "$KEYS" --catalog-out "$WORK/catalog.out"
offline=("$BIN/doorbuster" replay "$WORK/orders.pcap" --offline --catalog "$CATALOG"
	--keys "$KEYS")
refused 'table: it is a symbolic link' "${offline[@]}" --set 'sku=1 stock=5' \
	--csv "$WORK/his/table"
owned_dir "$WORK/rehearsal"
plant "$WORK/rehearsal" journal.new
good "replay --journal" "${offline[@]}" --journal "$WORK/rehearsal"
expect_owners "$WORK/rehearsal"
