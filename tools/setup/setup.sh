#!/bin/sh
# Installs the Debian packages that build, tests, checks and demo need. Never changes anything
# else; does nothing when all of them are there, and needs root and apt only when one is missing.
set -eu

# Compilers (clang builds the XDP program); what the engine links; machine set-up by hand and in
# tests; tests and fuzzers (dpdk-dev brings testpmd); benchmarks; checks.
packages="
	gcc libc6-dev make pkg-config clang llvm
	libdpdk-dev libbpf-dev libxdp-dev libnuma-dev
	libjemalloc-dev liburcu-dev liburing-dev libsodium-dev libxxhash-dev libjansson-dev
	libpcap-dev zlib1g-dev libzstd-dev
	libmicrohttpd-dev
	iproute2 procps util-linux ethtool
	libcriterion-dev libclang-rt-14-dev dpdk-dev jq iputils-ping e2fsprogs
	wireshark-common tcpdump zstd
	bpftool python3 valgrind
	clang-format clang-tidy cppcheck shellcheck git
"

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
trap 'rm -f "$log"' EXIT
# An image's package list may be empty or stale: it is fetched, but only when something is missing.
# shellcheck disable=SC2086
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } \
	>"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "set-up: apt-get failed, its last lines stand above; missing:$missing" >&2
	exit 1
fi
