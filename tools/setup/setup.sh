#!/bin/sh
# Installs the Debian packages that build, tests, checks and demo need. Never changes anything
# else; does nothing when all of them are there, and needs root and apt only when one is missing.
#
#   tools/setup/setup.sh          what everything needs
#   tools/setup/setup.sh bench    what only `make bench` does; no service of theirs is started
set -eu

# Compilers (clang builds the XDP program); what the engine links; machine set-up by hand and in
# tests; tests and fuzzers (dpdk-dev brings testpmd); brokers; benchmarks; checks.
packages="
	gcc libc6-dev make pkg-config clang llvm
	libdpdk-dev libbpf-dev libxdp-dev libnuma-dev
	libjemalloc-dev liburcu-dev liburing-dev libsodium-dev libxxhash-dev libjansson-dev
	libpcap-dev zlib1g-dev libzstd-dev
	libmicrohttpd-dev
	iproute2 procps util-linux ethtool
	libcriterion-dev libclang-rt-14-dev dpdk-dev jq iputils-ping e2fsprogs
	wireshark-common tcpdump tcpreplay python3-scapy zstd sqlite3
	nats-server libnats-dev librdkafka-dev postgresql pgbouncer libpq-dev openssl
	bpftool python3 python3-jsonschema valgrind
	clang-format clang-tidy cppcheck shellcheck git
"

# What the engine is compared with, their client libraries, and the plots.
bench_packages="
	redis-server libhiredis-dev postgresql-15 libpq-dev python3-matplotlib linux-perf
"
case ${1:-} in
'') ;;
bench) packages=$bench_packages ;;
*) echo "usage: tools/setup/setup.sh [bench]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "set-up: no apt here, nothing installed; by their names in Debian 12 these are needed:"
	# shellcheck disable=SC2086 # the list is to be split
	echo "set-up:" $packages
	exit 0
fi
# shellcheck disable=SC2086 # the list is to be split
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $packages 2>/dev/null || true)
missing=
for package in $packages; do
	case "
$installed
" in
	*"
$package installed
"*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "set-up: missing packages:$missing" >&2
	echo "set-up: run as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "set-up: installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# Services that a package brings must not start by themselves: Debian asks this program, for the
# time of the installation.
policy=
trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
trap 'exit 130' INT TERM
if [ ! -e /usr/sbin/policy-rc.d ]; then
	policy=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
# An image's package list may be empty or stale: it is fetched, but only when something is missing.
# shellcheck disable=SC2086
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } \
	>"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "set-up: apt-get failed, its last lines stand above; missing:$missing" >&2
	exit 1
fi
