#!/bin/bash
# Do the tests notice? Applies each fault of tests/mutate/*.patch to a copy of the tree under
# build/, builds that and runs the unit tests, then the test that the patch names besides them. A
# line a mutant, and a count; exit code 1 if one survives, or a patch no longer applies.
#
#   tests/mutate/run.sh [NAME...]    default: all
#
# A patch begins with `# Breaks: what`; `# Killer: e2e NAME` or `# Killer: sim ARGUMENTS` names a
# test beyond the unit tests. The working tree is never touched, and nothing is left behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS
UNIT=build/debug/tests/unit
SIM=build/debug/tests/sim/sim
# Those of the engine.
SUITES="@($(sed -nE 's/^Test\(([a-z0-9_]+),.*/\1/p' tests/engine/*/test_*.c | sort -u |
	paste -sd'|'))/*"
LIMIT_S=120
SIM_LIMIT_S=600

# Processes that still run a program of this slot: a test that hangs outlives its parent.
end_left() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		[[ $(readlink "$exe") == "$MUTATE/$SLOT/"* ]] || continue
		exe=${exe%/exe}
		kill -9 "${exe##*/}" 2>/dev/null
	done
}

run_unit() { # UNIT FILTER LOG
	local rc=0
	timeout --foreground -k 5 $LIMIT_S "$1" -j1 --fail-fast --timeout 30 --filter "$2" \
		>"$3" 2>&1 || rc=$?
	[ $rc -lt 124 ] || end_left
	return $rc
}

# 0 and the test that fails, 1 if none does, 2 and a line if it is unclear. A busy machine makes
# tests fail, too: a test that took long, or ended without output, counts only if it does so again,
# and never if it also fails without the fault.
unit_failure() { # LOG
	local before='' line name
	for _ in 1 2 3; do
		run_unit "$UNIT" "$SUITES" "$1" && return 1
		line=$(grep -a -m 1 '^\[FAIL\] ' "$1")
		name=$(sed -E 's/^\[FAIL\] ([A-Za-z0-9_:]+): .*/\1/' <<<"$line")
		[ -n "$name" ] || continue
		if [ "$name" = "$before" ] || [[ $line != *'Timed out'* ]]; then
			run_unit "$MUTATE/sound" "${name/::/\/}" "$1.sound" && echo "$name" &&
				return 0
			echo "$name fails without the fault, too"
			return 2
		fi
		before=$name
	done
	echo "the unit tests hang, and not twice in the same"
	return 2
}

# 0 and by which test, if the tests notice; 1 if they don't; 2 and why, if that is unclear here.
killer() { # PATCH LOG
	local rc=0 named kind what
	named=$(sed -n 's/^# Killer: //p' "$1")
	read -r kind what <<<"$named"

	unit_failure "$2" || rc=$?
	[ $rc = 1 ] || return $rc
	rc=0
	case $kind in
	'') return 1 ;;
	e2e)
		# They look at what is on the machine: one at a time.
		flock "$MUTATE/e2e.lock" tests/run --only "$what" >"$2" 2>&1 || rc=1
		grep -q ' skipped$' "$2" && echo "e2e $what is skipped here" && return 2
		;;
	sim)
		[ -f "$SIM" ] || { echo "there is no $SIM" && return 2; }
		# The simulator is relinked with the fault, and run with the arguments that the
		# patch gives.
		make -s MODE=debug "$SIM" >"$2" 2>&1 || return 2
		# shellcheck disable=SC2086
		timeout --foreground -k 5 $SIM_LIMIT_S "$SIM" $what >"$2" 2>&1 || rc=1
		# That it did not run, or not to its end, is no finding.
		if [ $rc = 1 ] && ! grep -aqE 'seed [0-9]+ failed|NEVER HAPPENED' "$2"; then
			echo "the simulator found nothing, and did not end well" && return 2
		fi
		;;
	*) echo "killer '$kind' is none of e2e, sim" && return 2 ;;
	esac
	[ $rc = 1 ] && echo "$named"
}

# One mutant, in the tree of its slot. Writes its result and the reason into a file of its own.
mutant() { # PATCH
	local name start word by log=$MUTATE/$SLOT.log
	name=$(basename "$1" .patch)
	start=$(date +%s%N)
	cd "$MUTATE/$SLOT" || exit 1
	mkdir -p tmp
	if ! sed -n 1p "$1" | grep -q '^# Breaks: '; then
		word=BROKEN by='its first line does not say what it breaks'
	elif ! git apply "$1" >"$log" 2>&1; then
		word=BROKEN by='no longer applies'
	else
		if ! make -s MODE=debug "$UNIT" >"$log" 2>&1; then
			word=BROKEN by='does not build'
		else
			by=$(killer "$1" "$log")
			case $? in
			0) word=killed by="by $by" ;;
			1) word=SURVIVED by=$(sed -n '1s/^# Breaks: //p' "$1") ;;
			*) word=BROKEN ;;
			esac
		fi
		git apply -R "$1" || exit 1
	fi
	rm -rf tmp
	echo "$word" >"$MUTATE/$name.word"
	printf '%-32s %-8s %s, %d s\n' "$name" "$word" "$by" \
		$((($(date +%s%N) - start) / 1000000000))
	[ "$word" != BROKEN ] || ! [ -s "$log" ] || tail -n 5 "$log" | sed 's/^/    | /'
}

if [ "${1:-}" = --one ]; then
	# git must not see the repository, or it applies nothing outside of it.
	export GIT_CEILING_DIRECTORIES=$MUTATE DB_TEST_DIR=$MUTATE/$SLOT/tmp
	mutant "$2"
	exit 0
fi

patches=()
for name in "${@:-*}"; do
	for patch in tests/mutate/$name.patch; do
		[ -e "$patch" ] || { echo "there is no $patch" >&2; exit 2; }
		patches+=("$PWD/$patch")
	done
done
if ! make --no-print-directory -j"$(nproc)" MODE=debug tests-built; then
	echo "the build failed"
	exit 1
fi

MUTATE=$PWD/build/mutate.$$
export MUTATE
group=
finish() {
	[ -z "$group" ] || kill -- "-$group" 2>/dev/null
	wait
	rm -rf "$MUTATE"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Objects keep their times, so that only sources that a patch touches are compiled.
jobs=$(nproc)
for slot in $(seq "$jobs"); do
	mkdir -p "$MUTATE/$slot/build"
	cp -a Makefile README.md engine net alloc tools bench tests "$MUTATE/$slot/"
	mkdir "$MUTATE/$slot/build/debug"
	for part in build/debug/*; do
		[ "$part" = build/debug/e2e ] || cp -a "$part" "$MUTATE/$slot/build/debug/"
	done
done

cp "$UNIT" "$MUTATE/sound"
printf '%s\0' "${patches[@]}" |
	setsid xargs -0 -n 1 -P "$jobs" --process-slot-var=SLOT_0 \
		bash -c 'SLOT=$((SLOT_0 + 1)) exec tests/mutate/run.sh --one "$0"' &
group=$!
wait "$group"
group=

killed=$(cat "$MUTATE"/*.word | grep -c '^killed$')
survived=$(cat "$MUTATE"/*.word | grep -c '^SURVIVED$')
other=$((${#patches[@]} - killed - survived))
echo "${#patches[@]} mutants: $killed killed, $survived survived, $other broken"
[ "$killed" = ${#patches[@]} ]
