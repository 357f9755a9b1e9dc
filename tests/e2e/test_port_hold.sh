# Sockets of the kernel hold an engine's UDP ports: no other user gets them while it runs, even with
# SO_REUSEADDR or SO_REUSEPORT, nor after its end where a socket unit holds them. No datagrams queue
# up in them, and the engine sells as without. The start names a port that is taken.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

OTHER=(setpriv --reuid 4242 --regid 4242 --clear-groups)

bind_udp() {
	"${OTHER[@]}" /usr/bin/python3 tests/e2e/bind_udp.py "$@"
}
expect_taken() { # PORT
	expect_eq "addresses and options that give another user port $1" '' \
		"$(bind_udp --any "$1")"
	expect_eq "the engine's own user's port" taken \
		"$(/usr/bin/python3 tests/e2e/bind_udp.py 127.0.0.1 "$1" reuseport)"
}
# Another user's program on a port, in the background.
squat() { # ADDRESS PORT [OPTION...]
	"${OTHER[@]}" /usr/bin/python3 tests/e2e/bind_udp.py "$@" hold >"$WORK/squat" &
	SQUATTER=$!
	wait_for "the other user's socket" grep -q bound "$WORK/squat"
}
leave() {
	kill $SQUATTER
	wait $SQUATTER 2>/dev/null || true
}
# How many sockets of the kernel have a port, and in how many of them something waits.
waiting() { # PORT
	awk -v port="$(printf ':%04X' "$1")" '
		substr($2, length($2) - 4) == port {
			split($5, queue, ":")
			full += queue[2] !~ /^0+$/
			n++
		}
		END { print n + 0, full + 0 }' /proc/net/udp /proc/net/udp6
}
flood() { # PORT
	/usr/bin/python3 -c '
import socket, sys
for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
	one = socket.socket(family, socket.SOCK_DGRAM)
	for _ in range(100):
		one.sendto(bytes(1000), (address, int(sys.argv[1])))' "$1"
}

make_keys
make_catalog 1,100,100,0,,,

echo "a port that another program has is named"
for taken in "127.0.0.1 7701" "0.0.0.0 7700" "::1 7701" "127.0.0.9 7700 reuseaddr"; do
	# shellcheck disable=SC2086
	squat $taken
	set -- $taken
	who='a program of user 4242 .python3, PID [0-9]*'
	refused "UDP port $2 is taken on lo by $who.: .*--base-port" --shards 2
	[ ! -e "$DATA" ] || fail "the refused start made $DATA"
	[ ! -e /run/doorbuster ] || fail "the refused start made /run/doorbuster"
	leave
done

echo "also one that the engine may not bind itself"
printf '#!/bin/sh\nexec setpriv --bounding-set=-net_bind_service %s "$@"\n' "$SERVE" >"$WORK/poor"
chmod +x "$WORK/poor"
python3 -c 'import signal, socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("127.0.0.53", 700))
open(sys.argv[1], "w").close()
signal.pause()' "$WORK/bound" &
holder=$!
wait_for "the program" test -e "$WORK/bound"
(SERVE=$WORK/poor refused "UDP port 700 is taken on lo by another program .python3, PID $holder" \
	--base-port 700)
kill $holder
wait $holder 2>/dev/null || true

echo "nobody gets them while the engine runs, and it sells; not killed nor again"
start_engine --shards 2
expect_taken 7700
expect_taken 7701
buy() { # BUYER
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 1 --buyer "$1" ||
		fail "buyer $1 was refused"
}
buy 1
kill9
expect_eq "the port of a killed engine" bound "$(bind_udp 127.0.0.1 7700)"
start_engine --shards 2
expect_taken 7700
buy 2

echo "an engine on another interface has the same ports"
make_veth
DATA=$WORK/other "$SERVE" --data "$WORK/other" --catalog "$CATALOG" --keys "$KEYS" \
	--port af_xdp:engine0 >"$WORK/other.out" 2>"$WORK/other.err" &
other=$!
wait_for "the engine on engine0" grep -q '^ready ' "$WORK/other.out"
for address in 198.18.1.1 2001:2:1::1; do
	expect_eq "another user's $address" taken "$(bind_udp $address 7700 reuseaddr)"
	# Sent from the other namespace, as what is sent from here goes through lo.
	expect_verdict ACCEPTED --to $address sku=1,buyer=$((${#address} + 50)),id=$(id ${#address})
done
kill $other
wait $other || fail "the engine on engine0: $(cat "$WORK/other.err")"
buy 3
squat 198.18.1.1 7700 device=engine0
refused 'UDP port 7700 is taken on engine0 by a program of user 4242' --port af_xdp:engine0 \
	--data "$WORK/other"
leave
ip link del engine0
stop_engine
expect_eq "the port after the end" bound "$(bind_udp 127.0.0.1 7700)"

echo "sockets that were passed are held for good, shared with nobody, and never fill"
mkfifo "$WORK/again"
exec 8<>"$WORK/again"
passing() { # NAME SOCKET...
	local name=$1
	shift

	rm -f "$WORK/$name" "$WORK/go"
	# They receive only when told to: else datagrams that come before an engine has adopted
	# them would wait there.
	/usr/bin/python3 tests/e2e/pass_sockets.py "$@" -- bash -c '
		until [ -e "$1" ]; do sleep 0.05; done
		shift
		exec "$@"' wait "$WORK/go" "$SERVE" --data "$DATA" --catalog "$CATALOG" \
		--keys "$KEYS" --shards 2 <"$WORK/again" >"$WORK/$name" 2>"$WORK/$name.err" &
	PASSER=$!
}
passing passed '0.0.0.0:7700%lo' '[::]:7700%lo' '0.0.0.0:7701%lo' '[::]:7701%lo' 127.0.0.1:9
wait_for "the sockets to fill" eval 'flood 7700; [ "$(waiting 7700)" = "2 2" ]'
touch "$WORK/go"
wait_for "the engine that was passed sockets" grep -q '^ready ' "$WORK/passed"
expect_match "what is said of a socket for nothing" \
	'a socket that was passed \(number 4, UDP port 9\) holds no port of this engine' \
	"$(cat "$WORK/passed.err")"
expect_eq "sockets at 7700, and with something that waits" '2 0' "$(waiting 7700)"
expect_taken 7700
buy 4
end_engine() {
	kill "-$1" "$(pgrep -P $PASSER)"
}
end_engine TERM
wait_for "its end" grep -q '^ended 0' "$WORK/passed"
for port in 7700 7701; do
	expect_taken $port
	flood $port
	expect_eq "sockets at $port, and with something that waits" '2 0' "$(waiting $port)"
done
echo >&8
wait_for "the next engine" eval '[ "$(grep -c "^ready " "$WORK/passed")" = 2 ]'
buy 5
end_engine KILL
wait_for "its end" grep -q '^ended -9' "$WORK/passed"
expect_taken 7700
echo >&8
wait_for "the third engine" eval '[ "$(grep -c "^ready " "$WORK/passed")" = 3 ]'
buy 6
end_engine TERM
wait_for "its end" eval '[ "$(grep -c "^ended 0" "$WORK/passed")" = 2 ]'
kill $PASSER
wait $PASSER 2>/dev/null || true

echo "who has made himself a sharer before is named"
passing shared '0.0.0.0:7700%lo' '[::]:7700%lo' 127.0.0.1:7701 '[::1]:7701'
wait_for "the sockets" eval '[ "$(waiting 7701)" = "2 0" ]'
squat 127.0.0.1 7701 reuseaddr
touch "$WORK/go"
wait_for "the refusal" grep -q '^ended 2' "$WORK/shared"
expect_match "what it says" 'UDP port 7701 was passed and is shared by a program of user 4242' \
	"$(tail -n 1 "$WORK/shared.err")"
leave
echo >&8
wait_for "the engine" grep -q '^ready ' "$WORK/shared"
buy 7
end_engine TERM
wait_for "its end" grep -q '^ended 0' "$WORK/shared"
kill $PASSER
wait $PASSER 2>/dev/null || true
exec 8>&-
verify
expect_eq "orders" 7 "$(json .orders "$WORK/verify.json")"
