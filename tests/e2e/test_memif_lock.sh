# Each memif socket has one engine: a second start is refused and harms nobody; of two that start
# together one sells; only files that belong to us or to nobody are ever removed.
. "$(dirname "$0")/lib.sh"

SOCKET=$WORK/memif

serve() { # DATA; for the background
	exec "$SERVE" --data "$WORK/$1" --catalog "$CATALOG" --keys "$KEYS" --port memif:"$SOCKET"
}

refused() { # PATTERN
	local rc=0

	timeout 300 "$SERVE" --data "$WORK/other" --catalog "$CATALOG" --keys "$KEYS" \
		--port memif:"$SOCKET" >"$WORK/refused.out" 2>"$WORK/refused.err" || rc=$?
	expect_eq "exit code" 2 "$rc"
	expect_match "last line" "$1" "$(tail -n 1 "$WORK/refused.err")"
}

# A socket bound by another program, which listens until it is killed.
listen() { # stream|seqpacket|dgram
	python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX, getattr(socket, "SOCK_" + sys.argv[2].upper()))
s.bind(sys.argv[1])
if sys.argv[2] != "dgram":
    s.listen(1)
time.sleep(60)' "$SOCKET" "$1" &
	LISTENER=$!
	wait_for "the $1 socket" test -S "$SOCKET"
}

unlisten() {
	end9 $LISTENER
}

make_keys
make_catalog 1,10,100,0,,,

echo "a second start"
start_engine --port memif:"$SOCKET"
expect_eq "modes of socket and lock" "600 600" \
	"$(stat -c %a "$SOCKET" "$SOCKET.lock" | tr '\n' ' ' | sed 's/ $//')"
for _ in 1 2 3; do
	refused 'memif:.*another doorbuster serves it; stop that one or name another socket'
done
kill -0 "$ENGINE_PID" || fail "the engine ended"
[ -S "$SOCKET" ] || fail "the socket is gone"

echo "after a kill"
kill9
[ -S "$SOCKET" ] || fail "no socket left by a kill"
start_engine --port memif:"$SOCKET"
stop_engine
expect_eq "left beside the socket" '' "$(ls "$SOCKET"* 2>/dev/null)"
! grep 'socket file' "$ENGINE_OUT.err" || fail "DPDK complained of its socket"

echo "two together"
serve d1 >"$WORK/o1" 2>"$WORK/e1" &
first=$!
serve d2 >"$WORK/o2" 2>"$WORK/e2" &
second=$!
one_sells() {
	[ "$(cat "$WORK/o1" "$WORK/o2" | grep -c '^ready ')" = 1 ] &&
		[ "$(jobs -pr | wc -l)" = 1 ]
}
wait_for "one of two engines" one_sells
[ -S "$SOCKET" ] || fail "the one that was refused removed the socket"
expect_match "the refused" 'another doorbuster serves it' "$(tail -qn 1 "$WORK/e1" "$WORK/e2")"
kill $first $second 2>/dev/null || true
wait $first $second || true
expect_eq "left beside the socket" '' "$(ls "$SOCKET"* 2>/dev/null)"

echo "a socket that is named from the directory where engine and load run"
cd "$WORK" || fail "no $WORK"
start_engine --port memif:memif
[ -S "$SOCKET" ] || fail "no socket in the directory"
"$BIN/doorbuster" load --scenario drop --port memif:./memif --keys "$KEYS" \
	--server 198.18.0.1:7700 --requests 100 --seed 1 >"$WORK/load" 2>&1 || true
expect_match "what the load says" 'answered|SOLD_OUT|UNKNOWN_SKU' "$(cat "$WORK/load")"
stop_engine
deep=$WORK/$(printf '%080d' 0)/$(printf '%080d' 0)
mkdir -p "$deep"
cd "$deep" || fail "no $deep"
SOCKET=memif refused "socket's path has [0-9]+ characters.* may have 107 .*name another directory"
cd "$WORK" || fail "no $WORK"

for kind in stream seqpacket dgram; do
	echo "another program's $kind socket"
	listen $kind
	inode=$(stat -c %i "$SOCKET")
	refused 'another program has this socket open; stop that one or name another'
	(cd "$WORK" && SOCKET=./memif && refused 'another program has this socket open')
	expect_eq "inode of its socket" "$inode" "$(stat -c %i "$SOCKET")"
	unlisten
	# Now it belongs to nobody.
	start_engine --port memif:"$SOCKET"
	stop_engine
done

echo "another's file under the lock's name"
echo text >"$SOCKET.lock"
refused 'memif.lock exists and is not a lock of ours'
expect_eq "that file" text "$(cat "$SOCKET.lock")"
rm "$SOCKET.lock"

echo "a start that is refused when the EAL runs"
(
	ulimit -l 64
	rc=0
	setpriv --bounding-set=-ipc_lock --inh-caps=-all "$SERVE" --data "$WORK/locked" \
		--catalog "$CATALOG" --keys "$KEYS" --port memif:"$SOCKET" --shards 8 \
		>/dev/null 2>"$WORK/refused.err" || rc=$?
	expect_eq "exit code" 2 "$rc"
	expect_match "last line" '^doorbuster-serve: ' "$(tail -n 1 "$WORK/refused.err")"
)
expect_eq "left beside the socket" '' "$(ls "$SOCKET"* 2>/dev/null)"
