# The requests that led to a journal's records, as a capture: replayed offline they give the state
# with which the engine drained, to the bit; scrubbed they give the same sale with other names.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit
make_keys
make_catalog 1001,3,4999,1,,, 1002,5,250,0,2020-01-01T00:00:00Z,2199-01-01T00:00:00.5Z, \
	1003,900,100,3,,, 1004,500,7,0,,,60
start_engine --shards 2
expect_verdict ACCEPTED sku=1001,buyer=7,id=$(id 1),channel=77,max=5000
"$BIN/tests/e2e/make_capture" --requests 600 --entries 4 --buyers 200 --skus 1 >noise.pcap
"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 1002 --buyer 8 --quantity 2
for buyer in 1 2 3 4 5; do
	for sku in 1003 1004; do
		"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku $sku \
			--buyer $buyer --channel $buyer
	done
done
stop_engine

write() { # ARGS...
	"$BIN/doorbuster" replay "$@" >write.out 2>write.err || fail "$*: $(cat write.err)"
}
offline() { # CAPTURE ARGS... ; leaves replay.json
	"$BIN/doorbuster" replay "$@" --offline --shards 2 --catalog catalog.out --strict --json \
		>replay.json 2>replay.err || fail "replay $*: $(cat replay.err replay.json)"
}
write --from-journal "$DATA" --write orders.pcap --keys "$KEYS" --catalog-out catalog.out
offline orders.pcap --keys "$KEYS"
expect_eq "orders" 12 "$(drained orders)"
expect_eq "orders replayed" "$(drained orders)" "$(json '.sales[0].orders' replay.json)"
expect_eq "state" "$(drained state_hash)" "$(json '.sales[0].state_hash' replay.json)"
expect_eq "compared" 12 "$(json '.sales[0].comparison.compared' replay.json)"
expect_eq "moved orders" 0 "$(jq '.sales[0].comparison.orders_moved' replay.json)"
diff <(sort catalog.out) <(sort "$CATALOG") || fail "the catalog differs"

# tcpdump finds no wrong checksum, and nothing cut.
tcpdump -v -n -r orders.pcap 2>/dev/null >seen || fail "tcpdump"
! grep -E 'bad|incorrect|\[\|' seen || fail "tcpdump finds something wrong"

# Pseudonyms are the same from the journal and from the capture; no name is left; the sale is the
# same.
expect_match "what is said of a scrub key" '^scrub key written to scrub.key; keep it at home' \
	"$("$BIN/doorbuster" keygen scrub.key --scrub)"
expect_eq "mode of the scrub key" 600 "$(stat -c %a scrub.key)"
! "$BIN/doorbuster" keygen scrub.key --scrub --append 2>err || fail "a second scrub key"
expect_match "why" '^doorbuster-keygen: --scrub: a scrub key is alone' "$(cat err)"
"$BIN/doorbuster" keygen away.keys --id 5
write --from-journal "$DATA" --write scrubbed.pcap --keys away.keys --scrub scrub.key
write orders.pcap --write scrubbed_too.pcap --keys away.keys --scrub scrub.key
cmp scrubbed.pcap scrubbed_too.pcap || fail "pseudonyms are not the same both ways"
offline scrubbed.pcap --keys away.keys
expect_eq "orders scrubbed" 12 "$(json '.sales[0].orders' replay.json)"
[ "$(json '.sales[0].state_hash' replay.json)" != "$(drained state_hash)" ] ||
	fail "nothing was scrubbed"
names() { # CAPTURE
	"$BIN/doorbuster" replay "$1" --offline --shards 2 --catalog catalog.out --keys "$2" \
		--journal "$1.journal" --quiet >/dev/null
	"$BIN/doorbuster" journal dump "$1.journal" --json |
		jq -r 'select(.kind == "order") | .request_id, "buyer \(.buyer)"' | sort -u
}
names orders.pcap "$KEYS" >names
names scrubbed.pcap away.keys >strangers
expect_eq "names that are left" 0 "$(comm -12 names strangers | wc -l)"
expect_eq "names before and after" "$(wc -l <names)" "$(wc -l <strangers)"
# Nor in the bytes: no request id anywhere, no buyer at a buyer's place. The rest stays, as
# documented.
python3 - <<'PYTHON' || fail "names are left in the bytes of the capture"
import struct
def entries(path):
    data = open(path, "rb").read()
    at = 24
    while at < len(data):
        kept = struct.unpack_from("<4I", data, at)[2]
        datagram = data[at + 16 + 42:at + 16 + kept]
        at += 16 + kept
        for i in range(datagram[4]):
            yield datagram[3], datagram[24 + 48 * i:72 + 48 * i]
before, after = list(entries("orders.pcap")), list(entries("scrubbed.pcap"))
assert len(before) == len(after) == 24
data = open("scrubbed.pcap", "rb").read()
for (kind, was), (_, now) in zip(before, after):
    assert data.find(was[:16]) < 0
    assert was[24:] == now[24:]
    assert (was[16:24] == now[16:24]) == (kind == 2)
PYTHON

"$BIN/doorbuster" replay --help >help
for flag in to speed rate flat-out server address queues core wait-ms offline write; do
	grep -q -- "--$flag" help || fail "--help does not have --$flag"
done

# Of a capture only requests and replies are written; through a pipe, too.
randpkt -b 500 -c 50 -t dns foreign.pcap >/dev/null 2>&1 || fail "randpkt"
mergecap -F nsecpcap -w mixed.pcap orders.pcap noise.pcap foreign.pcap
"$BIN/doorbuster" replay mixed.pcap --write - | "$BIN/doorbuster" replay - --offline --shards 2 \
	--catalog catalog.out --keys "$KEYS" --json >replay.json 2>err || fail "pipe: $(cat err)"
expect_eq "packets that came through the pipe" $((24 + 150)) "$(json .packets replay.json)"
expect_eq "orders through the pipe" 12 "$(json '.sales[0].orders' replay.json)"

echo hello >no.pcap
refuse() { # PATTERN ARGS...
	local pattern=$1 rc=0
	shift

	"$BIN/doorbuster" replay "$@" >out 2>err || rc=$?
	expect_eq "exit code of $*" 2 $rc
	expect_match "what $* says" "$pattern" "$(cat err)"
}

# Frames are no words for a terminal; nor are a relay's blocks.
for command in "replay orders.pcap --write -" "relay --data '$DATA' --to - --once"; do
	rc=0
	script -qec "'$BIN/doorbuster' $command" /dev/null >out || rc=$?
	expect_eq "exit code of $command to a terminal: $(cat -v out)" 2 $rc
	expect_match "what $command says" 'terminal' "$(cat out)"
done

# Writing a file never destroys one that is there: not the capture that is read, and not the file of
# that name if the new one fails, is interrupted or is empty. Only its owner may read it.
expect_eq "mode of what is written" 600 "$(stat -c %a orders.pcap)"
cp orders.pcap kept.pcap
ln -f orders.pcap hard.pcap
ln -sf orders.pcap soft.pcap
for name in orders.pcap ./orders.pcap hard.pcap soft.pcap; do
	refuse "--write $name: is the file of CAPTURE" orders.pcap --write $name
done
refuse '--csv orders.pcap: is the file of CAPTURE' orders.pcap --offline --shards 2 \
	--catalog catalog.out --keys "$KEYS" --csv orders.pcap
refuse '--html catalog.out: is the file of --catalog' orders.pcap --offline --shards 2 \
	--catalog catalog.out --keys "$KEYS" --html catalog.out
refuse 'is the file of --keys' --from-journal "$DATA" --write o.pcap --keys "$KEYS" \
	--catalog-out "$KEYS"
cmp orders.pcap kept.pcap || fail "the capture was overwritten"
cp orders.pcap old.pcap
refuse 'no.pcap' no.pcap --write old.pcap
refuse '--from-journal: nowhere' --from-journal nowhere --write old.pcap --keys "$KEYS"
refuse '--base-port 7700: requests to that port are in it' orders.pcap --write old.pcap \
	--base-port 9000
refuse '--base-port: of a CAPTURE' --from-journal "$DATA" --write old.pcap --keys "$KEYS" \
	--base-port 9000
refuse '--write: /dev/full: No space left' mixed.pcap --write /dev/full
refuse '--catalog-out /nowhere/c' --from-journal "$DATA" --write old.pcap --keys "$KEYS" \
	--catalog-out /nowhere/c
mkfifo pipe
"$BIN/doorbuster" replay pipe --write old.pcap >out 2>err &
slow=$!
exec 8>pipe
head -c 3000 orders.pcap >&8
sleep 0.5
kill -INT $slow
exec 8>&-
rc=0
wait $slow || rc=$?
expect_eq "exit code when interrupted: $(cat out)" 1 $rc
expect_match "what it says when interrupted" 'INTERRUPTED: --write old.pcap' "$(cat err)"
cmp old.pcap kept.pcap || fail "what had the name is gone"
expect_eq "files half written" '' "$(find . -type f -name '*.pcap.*')"

# The key of the pseudonyms must not be one that signs: a program that has it could find out the
# names.
cp "$KEYS" same.key
refuse '--scrub same.key: its key is also key 1 of --keys' orders.pcap --write o.pcap \
	--keys "$KEYS" --scrub same.key
refuse '--scrub same.key: its key is also key 1 of --captured-keys' orders.pcap --write o.pcap \
	--keys away.keys --captured-keys "$KEYS" --scrub same.key

# A request with a wrong tag in the capture is not signed again; --captured-keys finds it.
(umask 077; echo "1 ffffffffffffffffffffffffffffffff" >wrong.keys)
"$BIN/tests/e2e/make_capture" --requests 40 --entries 4 --key-id 1 >forged.pcap
mergecap -F nsecpcap -w with_forged.pcap orders.pcap forged.pcap
write with_forged.pcap --write true.pcap --keys away.keys --captured-keys "$KEYS"
expect_match "forged requests left out" 'skipped BAD_TAG +10 ' "$(cat write.out)"
expect_eq "packets left" 24 "$(tcpdump -n -r true.pcap 2>/dev/null | wc -l)"
refuse '--captured-keys: of a CAPTURE' --from-journal "$DATA" --write o.pcap --keys "$KEYS" \
	--captured-keys "$KEYS"
refuse '--captured-keys: only with --to or --write' orders.pcap --offline --captured-keys "$KEYS"
# Offline --keys does that, for replies too: forged replies are compared with nothing.
write orders.pcap --write lies.pcap --keys wrong.keys
python3 - <<'PYTHON' || fail "no forged replies"
import struct
def packets(path):
    data = open(path, "rb").read()
    at = 24
    while at < len(data):
        kept = struct.unpack_from("<4I", data, at)[2]
        yield data[at:at + 16 + kept]
        at += 16 + kept
true, lies = list(packets("orders.pcap")), list(packets("lies.pcap"))
out = open("half.pcap", "wb")
out.write(open("orders.pcap", "rb").read(24))
# Requests as they were, replies that another key signed.
for one, other in zip(true, lies):
    out.write(other if one[16 + 42 + 3] == 2 else one)
PYTHON
offline half.pcap --keys "$KEYS"
expect_eq "orders of true requests" 12 "$(json '.sales[0].orders' replay.json)"
expect_eq "forged replies" 12 "$(json .skipped.BAD_TAG replay.json)"
expect_eq "forged replies compared" 0 "$(jq '.sales[0].comparison.compared' replay.json)"

# Of a damaged capture, what can be read is written; if the capture goes to stdout, messages go to
# stderr.
head -c -10 orders.pcap >torn.pcap
rc=0
"$BIN/doorbuster" replay torn.pcap --write - >old.pcap 2>err || rc=$?
expect_eq "exit code of a torn capture" 1 $rc
expect_match "what is said of a torn capture" 'DAMAGED.*packet 23' "$(cat err)"
expect_eq "packets of a torn capture" 23 "$(tcpdump -n -r old.pcap 2>/dev/null | wc -l)"
for port in lo pci:0000:00:01.0 pcap:a,b; do
	refuse "--to $port: cannot be sent over; HOST:PORT" orders.pcap --to $port
done
refuse 'no tags; --keys' --from-journal "$DATA" --write o.pcap
refuse 'tags wrong; --keys' orders.pcap --write o.pcap --scrub scrub.key
refuse '--from-journal: only with --write' --from-journal "$DATA" --to 127.0.0.1:7700
refuse 'CAPTURE or --from-journal' --offline
refuse 'one of them' orders.pcap
