# What a killed engine leaves on lo, and the locks that it keeps until its memory is taken apart.
# time limit: 150 s
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,

echo "lo is put back by a start on any port"
start_engine
kill9
[ "$(cat /proc/sys/net/ipv4/conf/lo/route_localnet)" = 1 ] || fail "nothing was left to put back"
start_engine --port memif:"$WORK/memif"
! ip -d link show lo | grep prog/xdp || fail "an XDP program stayed on lo"
for name in route_localnet accept_local; do
	expect_eq "$name" 0 "$(cat /proc/sys/net/ipv4/conf/lo/$name)"
done
expect_eq "what is noted down of lo" '' \
	"$(find /run/doorbuster -mindepth 1 -maxdepth 1 ! -name 'doorbuster-eal-*')"
stop_engine

echo "but not under an engine that lives"
start_engine
"$SERVE" --data "$WORK/other" --catalog "$CATALOG" --keys "$KEYS" --port memif:"$WORK/memif" \
	>"$WORK/other.out" 2>"$WORK/other.err" &
other=$!
wait_for "the engine on memif" grep -q '^ready ' "$WORK/other.out"
kill $other
wait $other
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
stop_engine

# A dying engine with GiBs of tables holds its lock for a while, and the next start waits for it.
# Beside an engine that lives, a start is refused at once.
for port in lo memif:"$WORK/memif"; do
	echo "a start right after a kill, on $port"
	make_catalog 1,20000000,100,0,,,
	rm -rf "$DATA" "$WORK/next"
	start_engine --port "$port"
	kill -9 "$ENGINE_PID"
	old=$ENGINE_PID
	ENGINE_PID=
	make_catalog 1,10,100,0,,,
	DATA=$WORK/next start_engine --port "$port"
	wait "$old" 2>/dev/null || true
	stop_engine
done
