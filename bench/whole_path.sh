#!/bin/bash
# The whole path, engine and load on a core each: drop and singles-day, durable and memory, over
# memif and over lo, beside what testpmd 5tswap carries on the same port with the same datagrams.
#
#   bench/whole_path.sh [ROUNDS]   (default 3; a line a run, `PORT WHAT ACK ...`, medians last)
#
# Runs in namespaces of its own and leaves nothing behind; ends with 1 if a load or a server did not
# end well. Takes about 45 s a round. Needs root, and the packages dpdk-dev, bpftool, jq and
# python3. Make sure that nothing else runs: both cores are taken whole.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
rounds=${1:-3}
if [ -z "${DB_BENCH_INSIDE:-}" ]; then
	for program in dpdk-testpmd bpftool; do
		command -v $program >/dev/null ||
			{ echo "$program is missing: make setup installs it" >&2; exit 2; }
	done
	make -s -j"$(nproc)" all || exit 1
	export DB_BENCH_INSIDE=1
	exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
		bench/whole_path.sh "$rounds"
fi
# The engine, the load and testpmd write under /run, and end with this namespace.
mount -t tmpfs tmpfs /run || exit 1
bin=$PWD/build/release
work=$(mktemp -d "$PWD/build/bench.XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
ip link set lo up
"$bin/doorbuster-keygen" "$work/keys" >/dev/null || exit 1
sock=$work/memif.sock

wait_for() { # FILE WORD
	for _ in $(seq 600); do
		grep -q "$2" "$1" 2>/dev/null && return 0
		sleep 0.1
	done
	echo "no '$2' from the server:" >&2; cat "$1" >&2
	return 1
}

end_server() {
	local rc=0
	kill "$server" && wait "$server" || rc=$?
	server=
	[ $rc = 0 ] || { echo "the server ended with $rc:" >&2; tail -n 5 "$work/err" >&2; exit 1; }
}

# A figure of a load that could not run, or of a sale that went wrong, is worth nothing.
load_failed() { # RC PORT WHAT
	echo "the load ended with $1: $2 $3" >&2
	exit 1
}

load() { # PORT ARGS...
	local port=$1
	shift
	if [ "$port" = memif ]; then
		"$bin/doorbuster-load" --json --port "memif:$sock" --server 198.18.0.1:7700 \
			--core 0 "$@"
	else
		taskset -c 0 "$bin/doorbuster-load" --json --server 127.0.0.1:7700 "$@"
	fi
}

# One line of a result: what a figure is worth without its latency, nobody knows.
line() { # PORT WHAT ACK < JSON
	python3 -c '
import json, sys
r = json.load(sys.stdin); l = r["latency_us"]
print(*sys.argv[1:], "requests/s=%.0f orders/s=%.0f p50_us=%.0f p99_us=%.0f p99.9_us=%.0f"
      " max_us=%.0f unanswered=%d resent=%d" % (r["requests_per_s"], r["orders_per_s"],
      l["p50"], l["p99"], l["p99.9"], l["max"], r["unanswered"], r.get("datagrams_resent", 0)))
' "$@" | tee -a "$work/results"
}

engine() { # PORT SCENARIO ACK
	local port=$1 scenario=$2 ack=$3 at=lo
	rm -rf "$work/data" "$work/catalog.csv"
	[ "$port" = lo ] || at=memif:$sock
	"$bin/doorbuster-load" --scenario "$scenario" --catalog-out "$work/catalog.csv" || exit 1
	"$bin/doorbuster-serve" --port "$at" --data "$work/data" --catalog "$work/catalog.csv" \
		--keys "$work/keys" --ack "$ack" --cores 1 >"$work/out" 2>"$work/err" &
	server=$!
	wait_for "$work/out" '^ready' || exit 1
	load "$port" --scenario "$scenario" --keys "$work/keys" --in-flight 128 >"$work/json" ||
		load_failed $? "$port" "$scenario"
	line "$port" "$scenario" "$ack" <"$work/json" || exit 1
	end_server
}

# The map of lo's XDP program here; other engines have one of that name too.
taken_ports() {
	local prog map
	prog=$(ip -d link show lo | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p')
	for map in $(bpftool -j prog show id "$prog" | jq '.map_ids[]'); do
		bpftool -j map show id "$map" | jq 'select(.name == "taken_ports").id'
	done
}

testpmd() { # PORT
	local rc=0 port=$1 vdev=net_memif0,role=server,socket-abstract=no,socket=$sock,rsize=11
	if [ "$port" = lo ]; then
		sysctl -qw net.ipv4.conf.lo.route_localnet=1 net.ipv4.conf.lo.accept_local=1
		vdev=net_af_xdp0,iface=lo,busy_budget=0,xdp_prog=$bin/net/xdp_take.bpf.o
	fi
	dpdk-testpmd --lcores '0@0,1@1' --no-huge --file-prefix=bench-testpmd -m 512 --no-pci \
		--log-level=warning --vdev="$vdev" -- --forward-mode=5tswap --auto-start \
		--no-flush-rx --total-num-mbufs=32767 --burst=64 --stats-period=1000 \
		>"$work/out" 2>"$work/err" &
	server=$!
	wait_for "$work/out" 'Port statistics' || exit 1
	[ "$port" = memif ] || bpftool map update id "$(taken_ports)" \
		key 0 0 0 0 value 20 30 0 0 1 0 0 0 1 0 0 0 || exit 1
	# 1: some datagrams were lost; the line says how many.
	load "$port" --scenario echo --requests 500000 --in-flight 128 >"$work/json" || rc=$?
	[ $rc -le 1 ] || load_failed $rc "$port" echo
	line "$port" testpmd-5tswap none <"$work/json" || exit 1
	end_server
	sysctl -qw net.ipv4.conf.lo.route_localnet=0 net.ipv4.conf.lo.accept_local=0
}

for _ in $(seq "$rounds"); do
	for port in memif lo; do
		testpmd $port
		for scenario in drop singles-day; do
			for ack in durable memory; do
				engine $port $scenario $ack
			done
		done
	done
done
echo
echo "medians of $rounds (testpmd: datagrams/s, of 29 requests each):"
python3 - "$work/results" <<'END'
import statistics, sys
runs = {}
for text in open(sys.argv[1]):
    port, what, ack, *figures = text.split()
    runs.setdefault((port, what, ack), []).append([float(f.split("=")[1]) for f in figures])
print("%-6s %-15s %-8s %12s %12s %8s %8s %8s %8s" %
      ("port", "what", "ack", "requests/s", "orders/s", "p50", "p99", "p99.9", "max us"))
for key, rows in runs.items():
    m = [statistics.median(column) for column in zip(*rows)]
    print("%-6s %-15s %-8s %12.0f %12.0f %8.0f %8.0f %8.0f %8.0f" % (*key, *m[:6]))
END
