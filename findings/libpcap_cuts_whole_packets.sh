#!/bin/bash
# libpcap 1.10.3 cuts packets that a capture file has whole. Where the file's header has a snaplen
# below a packet's stored length (a program that changed its snaplen later, or joined files), the
# rest of the packet is read and thrown away, without an error or a note: a program that copies the
# file loses it for good. Other readers of the format go by the packet's own header.
#
# Takes Debian 12's packages of libpcap and tcpdump into a temporary folder, and has tcpdump copy a
# file of one packet of 200 bytes under a header with snaplen 96. Harmless input, some seconds.
# Seen: "libpcap 1.10.3: stored 200 bytes, copied 96, exit code 0".
# Exit code 0: as said; 1: this libpcap does otherwise; 2: could not try.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" && cd "$dir"
timeout 40 apt-get download libpcap0.8=1.10.3-1 tcpdump=4.99.3-1 libssl3 >apt.log 2>&1 ||
	{ tail -n 5 apt.log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
python3 - <<'END'
import struct
packet = b"\2\0\0\0\0\2\2\0\0\0\0\1\x88\xb5" + bytes(186)
with open("in.pcap", "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 96, 1))
    file.write(struct.pack("<4I", 1700000000, 0, len(packet), len(packet)) + packet)
END
lib=$(dirname "$(find "$dir/root" -name 'libpcap.so.0.8' | head -n 1)")
rc=0
LD_LIBRARY_PATH=$lib root/usr/bin/tcpdump -Z root -r in.pcap -w out.pcap 2>err || rc=$?
[ -s out.pcap ] || { cat err; exit 2; }
copied=$(od -An -tu4 -j32 -N4 out.pcap | tr -d ' ')
said=$(grep -vc '^reading from file' err || true)
echo "libpcap 1.10.3: stored 200 bytes, copied $copied, exit code $rc"
[ "$copied" = 96 ] && [ "$rc" = 0 ] && [ "$said" = 0 ]
