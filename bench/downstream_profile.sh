#!/bin/bash
# What limits the relay: the CPUs' time while it carries one lane of 8 M orders into files and into
# JetStream with one replica and with three, by process and by function. A software clock samples
# all CPUs, 999 times a second; the guest needs no counters.
#
#   bench/downstream_profile.sh [LINES]      needs root and perf (Debian: linux-perf); LINES each
set -eu
cd "$(dirname "$0")/.."
command -v perf >/dev/null || { echo "there is no perf: apt-get install linux-perf" >&2; exit 2; }
exec unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
	mount -t tmpfs tmpfs /run && ip link set lo up &&
		exec python3 -m bench.downstream_profile "$@"
' -- "$@"
