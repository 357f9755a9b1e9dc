#!/bin/bash
# Proves that every rule of tidy.sh still finds what it must find: a small tree of bad samples, and
# for each the line that must be printed; and a good tree, for which nothing may be printed.
set -u
tidy=$(cd "$(dirname "$0")" && pwd)/tidy.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

fresh() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree"/{engine/{sale,lane,worker,journal},net,tests/engine/sale,tests/net}
	printf '/* Guarantees nothing. */\nint good(void)\n{\n\t%s return 1;\n}\n' \
		'CHECK(x); DCHECK(y);' >"$tree/engine/sale/good.c"
	echo >"$tree/tests/engine/sale/test_good.c"
	echo 'DROP(GOOD, "text")' >"$tree/net/drop.def"
	echo 'VERDICT(FINE, 1, "fine")' >"$tree/net/verdict.def"
	echo 'FINE' >"$tree/net/WIRE.md"
	printf '/* Counts. */\nint x = DROP_GOOD;\n' >"$tree/net/count.c"
	echo 'net/count.c tests/engine/sale/test_good.c it is only here for its row' \
		>"$tree/tests/covered.txt"
	printf '%s\n' '# Rooms.' net 'engine/sale' '    net/wire.h' >"$tree/tests/layers.txt"
}

# The rules that start no interpreter. The others run only on samples of their own.
plain='lines functions calls headers tests rows names commits'
rules=$plain

# The tree as it is must make tidy print exactly one line, which matches.
finds() { # PATTERN
	local said
	said=$(TIDY_RULES=$rules "$tidy" "$tree")
	if [ $? = 0 ] || ! grep -qE -- "$1" <<<"$said" || [ "$(wc -l <<<"$said")" != 1 ]; then
		printf 'tidy_self: expected one line like "%s", got:\n%s\n' "$1" "$said"
		failed=1
	fi
	fresh
}

# The tree as it is must make tidy print nothing.
finds_nothing() { # WHAT
	local said
	if ! said=$("$tidy" "$tree") || [ -n "$said" ]; then
		printf 'tidy_self: %s is found bad:\n%s\n' "$1" "$said"
		failed=1
	fi
}

fresh
finds_nothing 'the good tree'

file=$tree/engine/sale/good.c
printf 'int x; \n' >>"$file"; finds 'good.c:6: trailing white space'
printf 'int x;\r\n' >>"$file"; finds 'good.c:6: carriage return'
printf '\t%093d\n' 0 >>"$file"; finds 'good.c:6: 101 columns'
printf '# %099d\n' 0 >"$tree/net/good.py"; finds 'good.py:1: 101 columns'
printf '#if 0\n#endif\n' >>"$file"; finds 'good.c:6: dead code'
printf '/* TODO: later */\n' >>"$file"; finds 'good.c:6: do it'
yes 'int x;' | head -n 900 >>"$file"; finds 'good.c: 905 lines'
{ echo 'int f(void)'; echo '{'; yes ';' | head -n 71; echo '}'; } >>"$file"
finds 'good.c:7: function of 71 lines'
for call in strcpy sprintf strcat gets atoi strtok system popen rand localtime; do
	printf '\t%s(x);\n' $call >>"$file"
	finds "good.c:6: banned call:.*$call"
done
printf '\tx = "strcpy(x)"; /* strcpy(x) */ // strcpy(x)\n\tsnprintf(x);\n' >>"$file"
printf '\tatoi();\n' >>"$file"; finds 'good.c:8: banned call'
printf '/* Decides. */\n\tcalloc(1, 1);\n' >"$tree/engine/sale/decide.c"
echo >"$tree/tests/engine/sale/test_decide.c"; finds 'decide.c:2: no heap'
printf '/* A header. */\n#ifndef DB_GOOD_H\n#define DB_GOOD_H\n#endif\n' >"$tree/engine/sale/good.h"
finds 'good.h:1: header guard is not DB_ENGINE_SALE_GOOD_H'
sed -i 1d "$tree/net/count.c"; finds 'count.c:1: does not begin with a comment'

rules=layers
rooms=$tree/tests/layers.txt
header() { # PATH INCLUDE
	local guard
	guard=DB_$(tr 'a-z/.' 'A-Z__' <<<"$1")
	printf '/* A header. */\n#ifndef %s\n#define %s\n#include "%s"\n#endif\n' "$guard" \
		"$guard" "$2" >"$tree/$1"
}
echo '#include "net/wire.h"' >>"$file"; finds_nothing 'an allowed include'; fresh
echo '#include "net/count.h"' >>"$file"; finds 'good.c:6: engine/sale may not include net/count.h'
echo '  #  include  "engine/sale/good.h"' >>"$tree/net/count.c"
finds 'count.c:3: net may not include engine/sale/good.h'
echo '#include "tests/sale.h"' >>"$file"; finds 'good.c:6: engine/sale may not include tests/'
echo '#include "good.h"' >>"$file"; finds 'good.c:6: engine/sale may not include good.h'
sed -i /net$/d "$rooms"; sed -i s,net/wire.h,, "$rooms"; finds 'count.c:1: net has no row'
cp "$file" "$tree/engine/lane/lane.c"
mkdir "$tree/tests/engine/lane"; echo >"$tree/tests/engine/lane/test_lane.c"
finds 'lane.c:1: engine/lane has no row'
cp "$file" "$tree/engine/good.c"; finds 'good.c:1: engine/good.c has no row'
echo 'engine/lane net' >>"$rooms"; finds 'layers.txt:5: engine/lane has no sources'
printf '%s\n' 'engine/sale net' net >"$rooms"
finds 'layers.txt:1: engine/sale may include net, which has no row above it'
rm "$rooms"; mkdir "$rooms"
if ! "$tidy" "$tree" | grep -q IsADirectoryError; then
	echo "tidy_self: layers.txt can't be read, but tidy does not report it"
	failed=1
fi
fresh
header engine/sale/good.h engine/sale/other.h; header engine/sale/other.h engine/sale/good.h
finds 'good.h:1: a circle of includes: engine/sale/good.h, engine/sale/other.h'
header engine/sale/good.h net/wire.h; header engine/sale/other.h net/wire.h
printf '#include "engine/sale/%s.h"\n' good other >"$tree/engine/sale/other.c"
echo >"$tree/tests/engine/sale/test_other.c"; echo '#include "engine/sale/other.h"' >>"$file"
finds 'good.c:1: a circle of includes: engine/sale/good, engine/sale/other$'
# A circle by a header that has no .c of its own.
header engine/sale/good.h net/wire.h; header engine/sale/between.h engine/sale/good.h
printf '#include "engine/sale/%s.h"\n' other between >"$tree/engine/sale/other.c"
echo >"$tree/tests/engine/sale/test_other.c"; header engine/sale/other.h net/wire.h
echo '#include "engine/sale/other.h"' >>"$file"
finds 'good.c:1: a circle of includes: engine/sale/good, engine/sale/other$'

rules=$plain
rm "$tree/tests/engine/sale/test_good.c"
echo 'net/count.c tests/covered.txt reason' >"$tree/tests/covered.txt"
finds 'good.c:1: no tests/engine/sale/test_good.c'
: >"$tree/tests/covered.txt"; finds 'count.c:1: no tests/net/test_count.c'
echo 'net/count.c tests/gone.sh reason' >"$tree/tests/covered.txt"; finds 'gone.sh, named for'
echo 'net/count.c tests/covered.txt' >"$tree/tests/covered.txt"; finds 'no reason given'
echo 'net/gone.c tests/covered.txt reason' >>"$tree/tests/covered.txt"
finds 'gone.c does not exist'
echo >"$tree/tests/net/test_count.c"; finds 'drop the line'
echo 'DROP(OTHER, "text")' >>"$tree/net/drop.def"; finds 'DROP_OTHER is counted nowhere'
echo 'VERDICT(OTHER, 2, "text")' >>"$tree/net/verdict.def"; finds 'OTHER is not explained'
rules=docs
page=$tree/net/WIRE.md
{ echo '# A part'; echo '[it](../engine/sale/good.c), [self](#a-part), `good.c`'; } >>"$page"
echo 'see [this](gone.md)' >>"$page"; finds 'WIRE.md:4: link to gone.md'
echo '[part](WIRE.md#another)' >>"$page"; finds 'WIRE.md:2: .*it has no such heading'
echo 'in `engine/sale/gone.c`' >>"$page"; finds 'WIRE.md:2: there is no engine/sale/gone.c'
echo '`gone_*.c` and `engine/sale/go*.c`' >>"$page"; finds 'WIRE.md:2: there is no gone_'
printf '    tests/gone.sh          # runs it\n' >>"$page"; finds 'WIRE.md:2: there is no tests/gone'
rules=assertions
# Two functions and one assertion: whatever else looks like an assertion is a macro, a comment, a
# string, another word. Then one and one: a brace in the first column may belong to an initialiser.
{
	printf '#define CHECK(x) \\\n\tDCHECK(x)\n/* CHECK(1)\n * DCHECK(1) */\n'
	printf 'int more(void)\n{\n\tputs("CHECK(1)"); // CHECK(1)\n\tBCHECK(1);\n}\n'
} >>"$file"
sed -i 's/ DCHECK(y);//' "$file"
finds 'good.c:11: engine/sale has 1 assertions in 2 functions, 1.00 a function'
sed -i 's/CHECK(x); DCHECK(y);//' "$file"
printf 'static_assert(1, "one");\nstatic const int rows[] = /* (two) */\n{\n\t1,\n};\n' >>"$file"
finds_nothing 'one assertion in one function'
fresh
rmdir "$tree/engine/lane"; finds '^engine/lane:1: no such room'
rules=$plain
mkdir "$tree/misc"; finds 'misc: a top-level name'

git -C "$tree" init -q -b main
commit() {
	git -C "$tree" -c user.name=x -c user.email=x@localhost commit -q --allow-empty -m "$1"
}
commit 'engine: sell a thing'
commit 'net: WIRE.md, a worked example'
finds_nothing 'a good commit'
for subject in 'Engine: sell' 'engine: Sell' 'sell a thing' 'engine: sell it.' \
	"engine: $(printf '%060d' 0)"; do
	commit "$subject"
	finds '^commit [0-9a-f]+: '
	git -C "$tree" reset -q --hard HEAD~1 2>/dev/null
done
exit $failed
