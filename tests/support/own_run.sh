#!/bin/bash
# Runs a program with a /run of its own, where that is allowed, and fails if it leaves a file of
# doorbuster or the EAL there. So what other engines have in /run is not taken for the program's.
#
#   tests/support/own_run.sh PROGRAM [ARGUMENTS...]
set -u

if [ "${1-}" = --inside ]; then
	shift
	mount -t tmpfs tmpfs /run || exit 1
	"$@" &
	child=$!
	trap 'kill "$child" 2>/dev/null' INT TERM
	wait "$child"
	rc=$?
	left=$(find /run/doorbuster /run/dpdk 2>/dev/null)
	[ -z "$left" ] || { echo "left behind:" "$left"; exit 1; }
	exit "$rc"
fi
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
	exec unshare --mount --propagation private "$0" --inside "$@"
fi
exec "$@"
