#!/bin/bash
# `make bench`: every benchmark in turn, each beside what it is compared with. Needs a machine that
# does nothing else; takes about two minutes and 2 GiB under build/, which it removes.
#
#   bench/run.sh BUILD [ROUNDS]
set -eu
cd "$(dirname "$0")/.."
bin=${1:?"name the directory of the build"}
rounds=${2:-3}
work=$(mktemp -d "$PWD/build/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
last_cpu=$(($(nproc) - 1))

echo "decide, without network and journal:"
taskset -c $last_cpu "$bin/bench/bench_decide"
echo
echo "tags, one by one beside many at once:"
taskset -c $last_cpu "$bin/bench/bench_tag"
echo
echo "journal, without network and decide, beside raw durable writes:"
taskset -c $last_cpu "$bin/bench/bench_journal" "$work/journal"
rm -rf "$work/journal"
echo
echo "recovery of 10 M orders, from the lane and from a checkpoint:"
taskset -c $last_cpu "$bin/bench/bench_recover" "$work/recover"
echo
if [ "$(id -u)" != 0 ]; then
	echo "whole path: skipped, namespaces and AF_XDP need root"
	exit 0
fi
echo "whole path, beside testpmd on the same port:"
bench/whole_path.sh "$rounds"
