# Captures that other programs made: scapy puts our requests into frames of every kind, whole and in
# fragments, among traffic that only looks like ours; tcprewrite and editcap change what was
# captured. Every request is found, also in the tunnels of mirrors, and the state in the end is the
# same; all else is counted under its reason.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

GOLDEN=$(cd "$(dirname "$0")/golden" && pwd)
HASH=6700513c313764ee2a6a67996bf945fc
KEY=000102030405060708090a0b0c0d0e0f
CATALOG=$GOLDEN/catalog.csv
(umask 077; echo "1 $KEY" >"$KEYS")
cd "$WORK" || exit

replay() { # CAPTURE ARGS... ; leaves out.json
	REPLAY_RC=0
	"$BIN/doorbuster" replay "$@" --offline --catalog "$CATALOG" --keys "$KEYS" --json \
		>out.json 2>err || REPLAY_RC=$?
}
expect_sale() { # CAPTURE ARGS...: the golden one, in another shape
	replay "$@"
	expect_eq "exit code of $1: $(cat err)" 0 $REPLAY_RC
	expect_eq "state hash of $1" $HASH "$(json '.sales[0].state_hash' out.json)"
	expect_eq "packets of $1 counted" \
		"$(json '.packets - .offloaded.packets + .offloaded.datagrams' out.json)" "$(json \
		'.request_datagrams + .reply_datagrams + ([.skipped[]] | add // 0)' out.json)"
}
expect_skipped() { # REASON COUNT
	expect_eq "skipped for $1" "$2" "$(jq ".skipped.$1 // 0" out.json)"
}

"$BIN/tests/e2e/make_capture" --key $KEY --requests 600 --entries 7 --buyers 120 --skus 5 \
	--seed 42 >plain.pcap
# scapy is a package of Debian's Python.
/usr/bin/python3 - <<'PYTHON' >scapy.log 2>&1 || fail "scapy: $(tail -n 5 scapy.log)"
import itertools
from scapy.all import (GRE, ICMP, IP, LLC, SNAP, TCP, UDP, Dot1AD, Dot1Q, Dot3, Ether,
                       IPOption_NOP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, Raw, fragment,
                       fragment6, rdpcap, wrpcap, wrpcapng)
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.mpls import MPLS
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
packets = rdpcap("plain.pcap")
MACS = dict(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")

def at(packet, time):
    packet = packet.__class__(bytes(packet))
    packet.time = time
    return packet

def made(name, shape, write=wrpcap, **options):
    out = []
    for packet in packets:
        payload = bytes(packet[UDP].payload)
        shaped = shape(UDP(sport=40000, dport=packet[UDP].dport) / Raw(payload))
        out += [at(p, packet.time) for p in (shaped if isinstance(shaped, list) else [shaped])]
    write(name, out, **options)
    return len(out)

v4 = dict(src="198.18.0.9", dst="198.18.0.1")
v6 = dict(src="2001:db8::9", dst="2001:db8::1")
made("qinq.pcap", lambda udp: Ether(**MACS) / Dot1AD(vlan=7) / Dot1Q(vlan=8) / IP(**v4) / udp)
made("vlan6.pcap", lambda udp: Ether(**MACS) / Dot1Q(vlan=8) / IPv6(**v6) / udp)
made("options.pcap",
     lambda udp: Ether(**MACS) / IP(options=[IPOption_NOP() for _ in range(8)], **v4) / udp)
made("raw4.pcap", lambda udp: IP(**v4) / udp)
made("raw6.pcap", lambda udp: IPv6(**v6) / udp)
made("by_scapy.pcapng", lambda udp: Ether(**MACS) / IP(**v4) / udp, write=wrpcapng)
# Each datagram in pieces: none of them is a request.
counts = {
    "fragments4": made("fragments4.pcap",
                       lambda udp: fragment(Ether(**MACS) / IP(**v4) / udp, fragsize=160)),
    "fragments6": made("fragments6.pcap", lambda udp: [
        Ether(**MACS) / p for p in fragment6(IPv6(**v6) / IPv6ExtHdrFragment() / udp, 280)]),
}
# As mirrors and overlays send it on: the packet of a tagged network inside another.
inner4 = lambda udp: Ether(**MACS) / Dot1Q(vlan=8) / IP(**v4) / udp
inner6 = lambda udp: Ether(**MACS) / IPv6(**v6) / udp
out4 = Ether(**MACS) / IP(src="10.1.0.9", dst="10.1.0.8")
out6 = (Ether(**MACS) / Dot1AD(vlan=3) / Dot1Q(vlan=4) /
        IPv6(src="2001:db8:1::9", dst="2001:db8:1::8"))
mirrors = {
    "VXLAN": lambda udp: out6 / UDP(sport=49152, dport=4789) / VXLAN(vni=77) / inner4(udp),
    "GENEVE": lambda udp: out4 / UDP(sport=49152, dport=6081) / GENEVE(
        vni=5, options=[GeneveOptions(data=b"12345678")]) / inner6(udp),
    "GRE": lambda udp: out4 / GRE(chksum_present=1, key_present=1, key=9, seqnum_present=1) /
        IPv6(**v6) / udp,
    "ERSPAN_II": lambda udp: out6 / IPv6ExtHdrDestOpt() / GRE(
        proto=0x88be, seqnum_present=1) / ERSPAN_II() / inner6(udp),
    "ERSPAN_III": lambda udp: out4 / GRE(proto=0x22eb, seqnum_present=1) / ERSPAN_III() /
        inner4(udp),
    "IP_IN_IP": lambda udp: out4 / IPv6(**v6) / udp,
    "MPLS": lambda udp: Ether(**MACS) / MPLS(label=16, s=0) / MPLS(label=17, s=1) / IP(**v4) / udp,
    "MPLS_ETHERNET": lambda udp: Ether(**MACS) / MPLS(label=17, s=1) / Raw(
        b"\0\0\0\7" + bytes(inner4(udp))),
    "PPPOE": lambda udp: Ether(**MACS) / PPPoE(sessionid=1) / PPP(proto=0x57) / IPv6(**v6) / udp,
    "LLC_SNAP": lambda udp: Dot3(**MACS) / LLC() / SNAP() / IP(**v4) / udp,
}
shapes = itertools.cycle(mirrors.values())
made("mirrors.pcap", lambda udp: next(shapes)(udp))
counts["mirrors"] = len(mirrors)
# What only looks like ours: the datagram inside something else, or beside it.
def noise(udp):
    inner = IP(**v4) / udp
    return [
        Ether(**MACS) / IP(**v4) / ICMP(type=3, code=3) / inner,
        Ether(**MACS) / IP(**v4) / TCP(sport=40000, dport=7700) / udp.payload,
        Ether(**MACS) / IP(**v4) / UDP(sport=53, dport=53) / udp.payload,
        Ether(**MACS) / IP(**v4) / UDP(sport=40000, dport=7700) / Raw(b"\x00" * 64),
        Ether(**MACS, type=0x88b5) / Raw(b"local experiment"),
    ]
counts["noise"] = made("noise.pcap", noise)
open("counts", "w").write(" ".join(f"{k}={v}" for k, v in counts.items()))
PYTHON
counts=$(cat counts)

for name in qinq.pcap vlan6.pcap raw4.pcap raw6.pcap by_scapy.pcapng; do
	expect_sale $name
	expect_eq "requests of $name" 600 "$(json .requests out.json)"
done
expect_sale mirrors.pcap
expect_eq "requests of mirrors" 600 "$(json .requests out.json)"
# Each kind took its turn; two of them have VLAN tags outside, MPLS is in both its kinds.
expect_eq "kinds of mirrors with 8 packets or more" $(($(field mirrors "$counts") + 1)) \
	"$(json '[.encapsulated[] | select(. >= 8)] | length' out.json)"
replay mirrors.pcap --no-decapsulation
expect_eq "exit code of mirrors left alone" 2 $REPLAY_RC
expect_match "what is said of them" 'most of its 86 packets, [0-9]+, were skipped as' "$(cat err)"
replay options.pcap
expect_skipped IP_OPTIONS 86
for version in 4 6; do
	fragments=$(field fragments$version "$counts")
	[ "$fragments" -ge $((2 * 86)) ] || fail "no fragments: $counts"
	replay fragments$version.pcap
	expect_eq "exit code where all is in fragments" 2 $REPLAY_RC
	expect_skipped FRAGMENT "$fragments"
	mergecap -F nsecpcap -w with.pcap plain.pcap fragments$version.pcap
	expect_sale with.pcap
	expect_skipped FRAGMENT "$fragments"
done
mergecap -F nsecpcap -w with.pcap plain.pcap noise.pcap
expect_sale with.pcap
expect_eq "all of the noise is skipped" "$(field noise "$counts")" \
	"$(json '[.skipped[]] | add' out.json)"
expect_skipped NOT_UDP $((2 * 86))
expect_skipped NOT_OUR_PORT 86

# A rotation's files, as a pattern, out of order and as a directory; captures joined with cat;
# frames of zstd to be skipped; what the capture says it lost; a packet of a year ahead.
mkdir parts
editcap -F nsecpcap -c 5 plain.pcap parts/part.pcap
[ "$(find parts -type f | wc -l)" -ge 15 ] || fail "editcap made few files"
expect_sale 'parts/part*'
expect_sale parts
expect_eq "files of a directory" "$(find parts -type f | wc -l)" "$(json .files out.json)"
REPLAY_RC=0
find parts -type f | sort -r | xargs "$BIN/doorbuster" replay --offline --catalog "$CATALOG" \
	--keys "$KEYS" --json >out.json 2>err || REPLAY_RC=$?
expect_eq "state hash of files out of order" $HASH "$(json '.sales[0].state_hash' out.json)"
find parts -type f | sort | xargs cat >joined.pcap
expect_sale joined.pcap
expect_eq "captures joined" $(($(find parts -type f | wc -l) - 1)) "$(json .joined out.json)"
cat plain.pcap plain.pcap >joined.pcap
replay joined.pcap --keep-copies
expect_eq "requests of joined.pcap" 1200 "$(json .requests out.json)"
pzstd -q -f plain.pcap -o by_pzstd
expect_sale by_pzstd
/usr/bin/python3 - <<'PYTHON'
import struct
raw = open("plain.pcap", "rb").read()
sections = struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28)
sections += struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
lost = struct.pack("<IIIIIHHQII", 5, 40, 0, 0, 0, 5, 8, 4321, 0, 40)
open("lost.pcapng", "wb").write(sections + lost)
at, out = 24, [raw[:24]]
while at < len(raw):
    s, ns, kept, sent = struct.unpack("<4I", raw[at:at + 16])
    end = at + 16 + kept
    out.append(raw[at:end])
    if len(out) == 7:  # the same once more, by a clock that is a year ahead
        out.append(struct.pack("<4I", s + 31536000, ns, kept, sent) + raw[at + 16:end])
    at = end
open("ahead.pcap", "wb").write(b"".join(out))
PYTHON
cat plain.pcap lost.pcapng >lost.pcap
expect_sale lost.pcap
expect_eq "what the capture lost" 4321 "$(json .capture_lost out.json)"
"$BIN/doorbuster" replay lost.pcap --offline --catalog "$CATALOG" --keys "$KEYS" --strict \
	>out 2>err && fail "a loss passes --strict"
expect_match "the words of a loss" 'lost 4321 packets' "$(cat err)"
"$BIN/doorbuster" replay ahead.pcap --offline --catalog "$CATALOG" --keys "$KEYS" >out
expect_match "which packet is far ahead" 'before packet 7 there is none for 31' "$(cat out)"
"$BIN/doorbuster" replay ahead.pcap --offline --catalog "$CATALOG" --keys "$KEYS" --json \
	--max-gap 3600 >out.json
expect_skipped MAX_GAP 1
expect_eq "state hash without the packet far ahead" $HASH \
	"$(json '.sales[0].state_hash' out.json)"

# tcprewrite: tags added and taken off, addresses and MACs changed, our port moved there and back.
tcprewrite --enet-vlan=add --enet-vlan-tag=40 --enet-vlan-cfi=1 --enet-vlan-pri=4 \
	-i plain.pcap -o tagged.pcap >/dev/null
expect_sale tagged.pcap
tcprewrite --enet-vlan=del -i tagged.pcap -o untagged.pcap >/dev/null
expect_sale untagged.pcap
tcprewrite --pnat=0.0.0.0/0:10.9.0.0/16 --enet-dmac=02:09:00:00:00:01 -C \
	-i plain.pcap -o moved.pcap >/dev/null
expect_sale moved.pcap
tcprewrite --portmap=7700:9900 -i plain.pcap -o port.pcap >/dev/null
replay port.pcap
expect_skipped NOT_OUR_PORT 86
expect_match "the remedy" '--base-port 9900: requests to that port are in it' "$(cat err)"
tcprewrite --portmap=9900:7700 -i port.pcap -o back.pcap >/dev/null
expect_sale back.pcap

# editcap: cut to a snaplen, doubled, and in an hour that no clock of ours has.
editcap -s 100 plain.pcap cut.pcap
replay cut.pcap
expect_skipped SNAPLEN_CUT 86
mergecap -F nsecpcap -w with.pcap plain.pcap cut.pcap
expect_sale with.pcap
replay with.pcap --strict
expect_eq "exit code of --strict where packets are cut" 1 $REPLAY_RC
expect_match "what it says" '86 packets could not be read .* SNAPLEN_CUT' "$(cat err)"
mergecap -F nsecpcap -w doubled.pcap plain.pcap plain.pcap
expect_sale doubled.pcap
expect_eq "requests of doubled.pcap" 600 "$(json .requests out.json)"
expect_eq "copies in doubled.pcap" 86 "$(json .copies out.json)"
expect_sale doubled.pcap --keep-copies
expect_eq "requests of doubled.pcap, each" 1200 "$(json .requests out.json)"
# Written, too, they are one.
"$BIN/doorbuster" replay doubled.pcap --write once.pcap >/dev/null || fail "--write"
expect_sale once.pcap --keep-copies
expect_eq "requests of once.pcap" 600 "$(json .requests out.json)"
# A retry of our client comes 10 ms later, or more: no copy.
editcap -t 0.010 plain.pcap later.pcap
mergecap -F nsecpcap -w retried.pcap plain.pcap later.pcap
replay retried.pcap
expect_eq "requests and retries" 1200 "$(json .requests out.json)"
expect_sale retried.pcap --copies-within-us 10000
expect_eq "requests without retries" 600 "$(json .requests out.json)"
