#!/bin/bash
# Runs every fuzzer in DIR (a MODE=fuzz build) for a while, from its checked-in corpus; what it
# learns stays in build/. Exit code 1 and the input's path when one finds something.
#
#   tests/fuzz.sh DIR [SECONDS]
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:?"name the directory of the fuzz build"}
seconds=${2:-20}
failed=0

for fuzzer in "$build"/tests/fuzz/fuzz_*; do
	[ -x "$fuzzer" ] && [ -f "$fuzzer" ] || continue
	case $fuzzer in *.o | *.d) continue ;; esac
	name=$(basename "$fuzzer")
	corpus=tests/fuzz/corpus/${name#fuzz_}
	learnt=$build/corpus/$name
	log=$build/$name.log
	mkdir -p "$learnt"
	if "$fuzzer" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
		-artifact_prefix="$build/$name-" "$learnt" $([ -d "$corpus" ] && echo "$corpus") \
		>"$log" 2>&1; then
		printf '%-20s passed  %s\n' "$name" "$(grep -o '^Done.*' "$log")"
	else
		printf '%-20s FAILED  %s\n' "$name" "$log"
		tail -n 40 "$log"
		failed=1
	fi
done
exit $failed
