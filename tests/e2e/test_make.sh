# The Makefile, on a small tree of its own: `make test` ends with the line that counts the tests,
# whether they pass or fail; a source that is deleted stays in no archive; an unknown MODE is
# refused.
. "$(dirname "$0")/lib.sh"

TREE=$WORK/tree
ARCHIVE=build/debug/libdoorbuster.a

in_tree() { # MAKE-ARGS...
	env -u MAKEFLAGS -u MFLAGS make -C "$TREE" --no-print-directory "$@"
}

script() { # FILE LINE...
	printf '%s\n' '#!/bin/sh' "${@:2}" >"$TREE/$1"
	chmod 755 "$TREE/$1"
}

expect_end() { # RC LAST-LINE MAKE-ARGS...
	local want=$1 line=$2 rc=0
	shift 2

	in_tree "$@" >"$WORK/out" 2>&1 || rc=$?
	expect_eq "last line of make $*" "$line" "$(tail -n 1 "$WORK/out")"
	expect_eq "exit code of make $*" "$want" "$rc"
}

members() {
	in_tree MODE=debug $ARCHIVE >/dev/null
	(cd "$TREE" && ar t $ARCHIVE | tr '\n' ' ')
}

mkdir -p "$TREE"/{engine/base,net,alloc,tools/setup,bench,tests}
cp Makefile "$TREE/"
script tools/setup/setup.sh 'exit 0'

script tests/run 'echo "set up for $*"' 'echo "3 passed, 2 failed"' 'exit 1'
expect_end 1 '3 passed, 2 failed' test
expect_match "mode" 'set up for --mode debug' "$(cat "$WORK/out")"
expect_end 1 '3 passed, 2 failed' -j2 test V=1
expect_end 1 '3 passed, 2 failed' asan
expect_match "mode" 'set up for --mode asan' "$(cat "$WORK/out")"
script tests/run 'echo "5 passed, 0 failed"'
expect_end 0 '5 passed, 0 failed' test
expect_end 0 '5 passed, 0 failed' setup test
! in_tree MODE=debgu all >"$WORK/out" 2>&1 || fail "built in an unknown mode"
expect_match "why" 'MODE=debgu: there is release, debug' "$(tail -n 1 "$WORK/out")"

echo 'int one(void); int one(void) { return 1; }' >"$TREE/engine/base/one.c"
echo 'int two(void); int two(void) { return 2; }' >"$TREE/engine/base/two.c"
expect_eq "members" 'one.o two.o ' "$(members)"
rm "$TREE/engine/base/two.c"
expect_eq "members when one is deleted" 'one.o ' "$(members)"
before=$(stat -c %y "$TREE/$ARCHIVE")
members >/dev/null
expect_eq "time of the archive, nothing changed" "$before" "$(stat -c %y "$TREE/$ARCHIVE")"
sed -i 's/^CFLAGS_debug := /&-DOTHER /' "$TREE/Makefile"
in_tree MODE=debug V=1 $ARCHIVE >"$WORK/out"
expect_match "what is compiled with other flags" '-DOTHER .*one.c' "$(cat "$WORK/out")"
