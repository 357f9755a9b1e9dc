#!/bin/bash
# scapy 2.5.0 writes ERSPAN type II with version 0. Type II is version 1 in its header's first four
# bits (draft-foschiano-erspan-03, section 4.2), type III is 2; scapy's class for type III has its
# version by default, the one for type II has not, and GRE's protocol number is the same for both
# types I and II. A reader that goes by the version takes such a mirror for something else, and one
# that was only tried on scapy's packets takes no real one.
#
# Takes Debian 12's package into a temporary folder and prints the first byte of each header. Some
# seconds. Seen: "scapy 2.5.0: first byte of ERSPAN II 00, of ERSPAN III 20".
# Exit code 0: as said; 1: this scapy does otherwise; 2: could not try.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" && cd "$dir"
timeout 40 apt-get download python3-scapy=2.5.0+dfsg-2 >apt.log 2>&1 ||
	{ tail -n 5 apt.log; exit 2; }
dpkg -x python3-scapy_*.deb root
seen=$(HOME=$dir PYTHONPATH=root/usr/lib/python3/dist-packages /usr/bin/python3 -c '
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
print(bytes(ERSPAN_II()).hex()[:2], bytes(ERSPAN_III()).hex()[:2])' 2>err) || { cat err; exit 2; }
echo "scapy 2.5.0: first byte of ERSPAN II ${seen% *}, of ERSPAN III ${seen#* }"
[ "$seen" = "00 20" ]
