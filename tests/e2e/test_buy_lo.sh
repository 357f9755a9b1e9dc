# Every answer to a purchase, over the loopback interface.
. "$(dirname "$0")/lib.sh"

make_keys
opens=2199-11-11T00:00:00Z
opens_ns=$(date -d "$opens" +%s)000000000
offers=(
	"1001,3,4999,1,,,"
	"1002,5,250,0,,,"
	"1003,9,100,2,$opens,,"
	"1004,9,100,2,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,"
	"1005,9,100,3,,,"
	"1007,9,0,0,,,"
)
make_catalog "${offers[@]}"
start_engine
expect_match "ready line" 'port=lo udp=7700 shards=1 cores=[0-9]+ ack=durable' "$(ready_line)"

expect_verdict ACCEPTED sku=1001,buyer=1,id=$(id 1),channel=77
accepted=$REPLY_LINE
expect_eq "price" 4999 "$(field price "$accepted")"
expect_eq "stock left" 2 "$(field left "$accepted")"
expect_eq "quantity" 1 "$(field quantity "$accepted")"
expect_eq "durability" durable "$(field durability "$accepted")"
[ "$(field order "$accepted")" -gt 0 ] || fail "no order id in $accepted"

expect_verdict ACCEPTED sku=1001,buyer=1,id=$(id 1),channel=77
expect_eq "answer to the repeated request" "$accepted" "$REPLY_LINE"
expect_verdict CONFLICT sku=1001,buyer=2,id=$(id 1),channel=77
expect_verdict CONFLICT sku=1001,buyer=1,id=$(id 1),channel=78
expect_verdict CONFLICT sku=1001,buyer=1,id=$(id 1),channel=77,quantity=2
expect_verdict CONFLICT sku=1001,buyer=1,id=$(id 1),channel=77,max=5000

expect_verdict LIMIT_REACHED sku=1001,buyer=1,id=$(id 2)
expect_verdict PRICE_TOO_HIGH sku=1001,buyer=2,id=$(id 3),max=4998
expect_eq "price told" 4999 "$(field price "$REPLY_LINE")"
expect_verdict ACCEPTED sku=1001,buyer=2,id=$(id 3),max=4999
expect_verdict ACCEPTED sku=1001,buyer=3,id=$(id 4)
expect_verdict SOLD_OUT sku=1001,buyer=4,id=$(id 5)
expect_eq "left when sold out" 0 "$(field left "$REPLY_LINE")"

expect_verdict SOLD_OUT sku=1002,buyer=1,id=$(id 10),quantity=6
expect_eq "left when too many were asked for" 5 "$(field left "$REPLY_LINE")"
expect_verdict ACCEPTED sku=1002,buyer=1,id=$(id 10),quantity=5
expect_verdict BAD_QUANTITY sku=1002,buyer=1,id=$(id 11),quantity=0
expect_verdict UNKNOWN_SKU sku=4711,buyer=1,id=$(id 12)
expect_verdict CLOSED sku=1004,buyer=1,id=$(id 13)
expect_verdict LIMIT_REACHED sku=1005,buyer=1,id=$(id 14),quantity=4
expect_verdict NO_HOLDS op=hold,sku=1005,buyer=1,id=$(id 15)
expect_verdict NOT_FOUND op=confirm,sku=1005,buyer=1,id=$(id 15),order=4711
expect_verdict NOT_FOUND op=release,sku=1005,buyer=1,id=$(id 15),order=4711
expect_verdict BAD_REQUEST op=9,sku=1005,buyer=1,id=$(id 15)
expect_verdict BAD_REQUEST sku=1005,buyer=1,id=$(id 15),flags=2
expect_verdict BAD_REQUEST sku=1005,buyer=1,id=$(id 15),flags=4
expect_verdict BAD_REQUEST sku=1005,buyer=1,id=$(id 15),flags=8
expect_verdict BAD_REQUEST sku=1005,buyer=1,id=$(id 15),flags=1,max=5
expect_verdict PRICE_TOO_HIGH sku=1005,buyer=1,id=$(id 15),flags=1
expect_verdict BAD_REQUEST sku=1005,buyer=1
expect_verdict BASKET_SIZE --basket sku=1005,buyer=1,id=$(id 16)

# A free item: "at most 0" is another content than "any", and both get it.
expect_verdict ACCEPTED sku=1007,buyer=1,id=$(id 17),flags=1
free=$REPLY_LINE
expect_verdict ACCEPTED sku=1007,buyer=1,id=$(id 17),flags=1
expect_eq "answer to the repeated request" "$free" "$REPLY_LINE"
expect_verdict CONFLICT sku=1007,buyer=1,id=$(id 17)
expect_verdict CONFLICT sku=1001,buyer=1,id=$(id 1),channel=77,flags=1
rc=0
"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 1005 --buyer 1 --max-price 0 \
	>"$WORK/buy.out" || rc=$?
expect_eq "exit code of a purchase that costs more than nothing" 1 $rc
expect_match "what is said" 'it costs 100' "$(cat "$WORK/buy.out")"
"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 1007 --buyer 1 --max-price 0 ||
	fail "a purchase of a free item"

expect_verdict NOT_OPEN sku=1003,buyer=1,id=$(id 20)
expect_eq "opening instant" "$opens_ns" "$(field instant "$REPLY_LINE")"

# An offer that opens while we look. Whether it still is closed when we first ask, the clock tells.
opens=$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)
opens_ns=$(date -d "$opens" +%s)000000000
stop_engine
expect_eq "limits counted" 2 "$(counted verdicts LIMIT_REACHED)"
make_catalog "${offers[@]}" "1006,9,100,2,$opens,,"
start_engine
first=$(ask sku=1006,buyer=1,id="$(id 21)")
if [ "$(date +%s%N)" -lt "$opens_ns" ]; then
	expect_match "answer before the opening" '^NOT_OPEN ' "$first"
	expect_eq "opening instant" "$opens_ns" "$(field instant "$first")"
fi
opened() {
	[[ $(ask sku=1006,buyer=1,id="$(id 21)") == ACCEPTED* ]]
}
wait_for "the offer to open" opened
[ "$(date +%s%N)" -ge "$opens_ns" ] || fail "sold before it opened"

# A client that batches with UDP_SEGMENT. A start says what lo does to its batches: here it is on.
grep -q '^port lo: .*`ethtool -K lo tx-udp-segmentation off`' "$ENGINE_OUT.err" ||
	fail "nothing about batches: $(cat "$ENGINE_OUT.err")"
stop_engine
ethtool -K lo tx-udp-segmentation off
start_engine
! grep '^port lo: ' "$ENGINE_OUT.err" || fail "batches are cut, and it says that they are not"
ethtool -K lo tx-udp-segmentation on

# lo hands the batch on as one packet, unless told not to.
cat >"$WORK/batch.py" <<'END'
import socket, sys
one, cnt = open(sys.argv[1], "rb").read(), int(sys.argv[2])
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(17, 103, len(one))  # SOL_UDP, UDP_SEGMENT
client.settimeout(float(sys.argv[3]))
client.sendto(one * cnt, ("127.0.0.1", 7700))
answers = 0
try:
    while answers < cnt:
        client.recv(2000)
        answers += 1
except socket.timeout:
    pass
print(answers)
END
ask --undated --record "$WORK/one" op=ping,id="$(id 40)" >/dev/null
expect_eq "answers to a small batch" 0 "$(python3 "$WORK/batch.py" "$WORK/one" 5 0.2)"
expect_eq "answers to a big one" 0 "$(python3 "$WORK/batch.py" "$WORK/one" 40 0.2)"
wait_for "what to do about it" grep -q '^drops BATCHED: .*tx-udp-segmentation off' "$ENGINE_OUT.err"
wait_for "what to do about big ones" grep -q '^drops TOO_LONG: .*UDP_SEGMENT' "$ENGINE_OUT.err"
ethtool -K lo tx-udp-segmentation off
expect_eq "answers when the kernel cuts it" 5 "$(python3 "$WORK/batch.py" "$WORK/one" 5 30)"
expect_eq "and the big one" 40 "$(python3 "$WORK/batch.py" "$WORK/one" 40 30)"
ethtool -K lo tx-udp-segmentation on

expect_verdict PONG op=ping,id=$(id 30)
expect_eq "shards told" 1 "$(field quantity "$REPLY_LINE")"
stop_engine
expect_eq "orders" 7 "$(drained orders)"
expect_eq "units" 11 "$(drained units)"
verify_agrees
