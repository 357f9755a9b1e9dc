# What `doorbuster capture` records at the engine is the sale: replayed offline it has no
# difference, and every frame that the workers counted is there once, on lo and over memif with two
# workers, also when the port takes none for a while. It rotates its files, reports what it lost,
# and the engine never waits for it.
# time limit: 200 s
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit
make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"

start_capture() { # FILE ARGS...
	rm -f capture.err
	: >capture.err
	"$BIN/doorbuster" capture --data "$DATA" --write "$@" 2>capture.err &
	CAPTURE_PID=$!
	wait_for "the capture to begin" capture_began
}
capture_began() {
	kill -0 $CAPTURE_PID 2>/dev/null || grep -q '^captured ' capture.err ||
		fail "capture: $(cat capture.err)"
	grep -q '^capturing' capture.err
}
end_capture() { # EXIT-CODE
	local rc=0

	wait $CAPTURE_PID || rc=$?
	expect_eq "exit code of capture: $(cat capture.err)" "$1" $rc
	CAPTURED=$(grep '^captured ' capture.err)
}
load() { # ARGS...
	"$BIN/doorbuster" load --scenario drop --keys "$KEYS" --seed 4 --timeout-ms 60000 "$@" \
		--json >load.json \
		2>load.err || fail "load: $(cat load.json load.err)"
}
expect_sale_in() { # CAPTURE SHARDS
	"$BIN/doorbuster" replay "$1" --offline --catalog "$CATALOG" --keys "$KEYS" --strict \
		--keep-copies --shards "$2" --json >replay.json 2>replay.err ||
		fail "$(cat replay.err replay.json)"
	expect_eq "requests compared" "$(json .requests replay.json)" \
		"$(json '.sales[0].comparison.compared' replay.json)"
}

# No engine at first, then a sale on lo; the engine's end is the capture's end.
rc=0
mkdir -p "$DATA"
"$BIN/doorbuster" capture --data "$DATA" --write none.pcap 2>err || rc=$?
expect_eq "exit code without a journal" 2 $rc
rmdir "$DATA"
start_engine
start_capture sale.pcap
load --server 127.0.0.1:7700 --requests 20000
# All of it is in the file soon, while the capture goes on.
holds() { # CAPTURE REQUESTS
	"$BIN/doorbuster" replay "$1" --offline --catalog "$CATALOG" --keys "$KEYS" --json \
		>held.json && [ "$(json .requests held.json)" -ge "$2" ]
}
wait_for "the frames in the file" holds sale.pcap 20000
rc=0
"$BIN/doorbuster" capture --data "$DATA" --write second.pcap 2>err || rc=$?
expect_eq "exit code of a second capture" 2 $rc
expect_match "what it says" 'another program captures the engine' "$(cat err)"
stop_engine
end_capture 0
frames=$(field frames "$(grep '^traffic ' "$ENGINE_OUT")")
expect_eq "frames received" "$frames" "$(field received "$CAPTURED")"
expect_eq "frames sent" "$frames" "$(field sent "$CAPTURED")"
expect_eq "mode of the file" 600 "$(stat -c %a sale.pcap)"
expect_sale_in sale.pcap 1
expect_eq "orders" "$(drained orders)" "$(json '.sales[0].orders' replay.json)"
"$BIN/doorbuster" capture --data "$DATA" --write none.pcap 2>err && fail "captured nobody"
expect_match "what is said without an engine" 'no engine runs' "$(cat err)"

# More replies at once than the port takes: a reply that is offered again is recorded once.
rm -rf "$DATA"
start_engine --port memif:/run/memif.sock
start_capture pressed.pcap
load --port memif:/run/memif.sock --server 198.18.0.1:7700 --requests 40000 --fill 1 \
	--in-flight 4000
stop_engine
end_capture 0
traffic=$(grep '^traffic ' "$ENGINE_OUT")
expect_eq "frames received" "$(field frames "$traffic")" "$(field received "$CAPTURED")"
expect_eq "frames sent" $(($(field replies "$traffic") + $(field neighbours "$traffic"))) \
	"$(field sent "$CAPTURED")"

# Two workers, four shards, memif; files that rotate; SIGTERM ends it, the engine sells on.
rm -rf "$DATA"
start_engine --port memif:/run/memif.sock --shards 4 --cores 0,1
start_capture sales.pcap --rotate-mib 1
load --port memif:/run/memif.sock --queues 2 --server 198.18.0.1:7700 --requests 30000
kill -TERM $CAPTURE_PID
end_capture 0
expect_eq "lost" 0 "$(field lost_received "$CAPTURED")"
files=$(field files "$CAPTURED")
[ "$files" -ge 3 ] || fail "$files files only"
expect_eq "files" "$files" "$(find . -name 'sales.pcap.0*' | wc -l)"
for file in sales.pcap.0*; do
	[ "$(stat -c %s "$file")" -le $((1 << 20)) ] || fail "$file is too big"
done
expect_sale_in 'sales.pcap.0*' 4

# Nothing is overwritten or mixed with what is there, unless that is wanted.
refuse_capture() { # PATTERN ARGS...
	local pattern=$1 rc=0
	shift

	"$BIN/doorbuster" capture --data "$DATA" --seconds 1 "$@" 2>err || rc=$?
	expect_eq "exit code of capture $*" 2 $rc
	expect_match "what capture $* says" "$pattern" "$(cat err)"
}
before=$(cat sales.pcap.0* sale.pcap | cksum)
refuse_capture 'sale.pcap: is there already; .*--force' --write sale.pcap
refuse_capture "$files files of an earlier rotation .*--force" --write sales.pcap --rotate-mib 1
refuse_capture 'stream has one file' --write - --rotate-mib 1
exec 8<sale.pcap
flock 8
refuse_capture 'sale.pcap: another capture writes it' --write sale.pcap --force
exec 8<&-
exec 8<sales.pcap.00002
flock 8
refuse_capture 'another capture writes such files' --write sales.pcap --rotate-mib 1 --force
exec 8<&-
expect_eq "what was captured before" "$before" "$(cat sales.pcap.0* sale.pcap | cksum)"
rc=0
script -qec "'$BIN/doorbuster' capture --data '$DATA' --write - --seconds 1" /dev/null >err || rc=$?
expect_eq "exit code of a capture to a terminal" 2 $rc
expect_match "what is said of a terminal" 'a terminal, which would show nonsense' "$(cat err)"
start_capture sales.pcap --rotate-mib 1 --seconds 1 --force
end_capture 0
expect_eq "files of the new rotation" 1 "$(find . -name 'sales.pcap.0*' | wc -l)"

# A pipe gets frames as they come, with nothing else on it; its reader's end is the capture's.
mkfifo frames
cat frames >piped.pcap &
reader=$!
"$BIN/doorbuster" capture --data "$DATA" --write - >frames 2>capture.err &
CAPTURE_PID=$!
wait_for "the capture to begin" capture_began
load --port memif:/run/memif.sock --queues 2 --server 198.18.0.1:7700 --requests 300 --seed 8
piped() {
	"$BIN/doorbuster" replay piped.pcap --offline --catalog "$CATALOG" --keys "$KEYS" \
		--shards 4 --json >held.json && [ "$(json .requests held.json)" -ge 300 ]
}
wait_for "the frames in the pipe" piped
kill $reader
wait $reader || true
end_capture 1
expect_match "what the end of a reader says" 'its reader has ended' "$(cat capture.err)"

# A capture that is killed leaves all that came until shortly before, and no half frame.
start_capture killed9.pcap
load --port memif:/run/memif.sock --queues 2 --server 198.18.0.1:7700 --requests 3000 --seed 9
holds_killed() {
	"$BIN/doorbuster" replay killed9.pcap --offline --catalog "$CATALOG" --keys "$KEYS" \
		--shards 4 --json >held.json && [ "$(json .requests held.json)" -ge 3000 ]
}
wait_for "the frames in the file" holds_killed
end9 $CAPTURE_PID
holds_killed || fail "the file of a killed capture: $(cat held.json)"

# A full disk ends it at once, with the file and the reason; the engine sells on.
mkdir full
mount -t tmpfs -o size=1500k tmpfs full
start_capture full/full.pcap --rotate-mib 4
load --port memif:/run/memif.sock --queues 2 --server 198.18.0.1:7700 --requests 30000 --seed 6
end_capture 2
expect_match "what a full disk says" \
	'--write full/full.pcap.00001: No space left on device' "$(cat capture.err)"
umount full

# A capture that sleeps loses frames, says how many, and costs the engine nothing.
start_capture few.pcap --rotate-mib 1 --files 2 --buffer-mib 2 --requests-only
kill -STOP $CAPTURE_PID
load --port memif:/run/memif.sock --queues 2 --server 198.18.0.1:7700 --requests 200000 --seed 5
kill -INT $CAPTURE_PID
kill -CONT $CAPTURE_PID
end_capture 1
[ "$(field lost_received "$CAPTURED")" -gt 1000 ] || fail "lost little: $CAPTURED"
expect_eq "replies captured" 0 "$(field sent "$CAPTURED")"
[ "$(find . -name 'few.pcap.0*' | wc -l)" -le 2 ] || fail "too many files: $(ls)"
stop_engine

# A capture that falls behind can be ended in the middle of a load: its pipe takes little.
start_engine --port memif:/run/memif.sock --shards 4 --cores 1
mkfifo slow.pcap
{ while head -c 65536 && sleep 0.1; do :; done; } <slow.pcap >passed &
reader=$!
start_capture slow.pcap --buffer-mib 16
"$BIN/doorbuster" load --scenario drop --keys "$KEYS" --seed 6 --port memif:/run/memif.sock \
	--server 198.18.0.1:7700 --requests 20000000 --rate 40000 >load.json 2>load.err &
load=$!
has_passed() { # BYTES
	[ "$(stat -c %s passed)" -ge "$1" ]
}
wait_for "the capture to be in the load" has_passed $((1 << 20))
kill -INT $CAPTURE_PID
rc=0
wait $CAPTURE_PID || rc=$?
[ $rc -le 1 ] || fail "exit code of a capture that is behind: $rc: $(cat capture.err)"
kill -0 $load || fail "the load was over before the capture"
kill $load $reader
wait $load $reader || true
stop_engine

# Killed in the middle of a capture: the next engine can be captured again.
start_engine --port memif:/run/memif.sock --shards 4 --cores 0,1
start_capture killed.pcap
kill9
end_capture 0
start_engine --port memif:/run/memif.sock --shards 4 --cores 0,1
start_capture again.pcap --seconds 1
end_capture 0
stop_engine
