#!/bin/bash
# House style as a failing test, for what a formatter and a compiler don't see. Prints one line a
# finding, `file:line: what`; exit code 1 if there is any. Changes nothing.
#
#   tests/tidy.sh [DIR]    default: this repository
#
# TIDY_RULES: only these rules, by their names at the end.
# tests/tidy_self.sh proves that each rule still finds something.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$tests/..}" || exit 2
export LC_ALL=C.UTF-8

COLUMNS_MAX=100
FUNCTION_LINES_MAX=70
FILE_LINES_MAX=800
SUBJECT_COLUMNS_MAX=60
TOP_LEVEL='engine|net|alloc|tools|bench|tests|findings|build|Makefile|README.md'
# Unbounded, locale-bound, not thread-safe or going through a shell.
BANNED='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|system|popen|tmpnam|mktemp'
BANNED+='|alloca|rand|srand|random|setjmp|longjmp|strncpy|strncat|asctime|ctime|gmtime|localtime'
# The path of a request: no memory from the heap, no text, no waiting.
HOT='engine/(admission/admit|lane/answer|sale/(decide|index|offers|orders|buyers))\.c'
HOT+='|net/(decode|reply|tag|neighbour)\.c'
HOT_BANNED='malloc|calloc|realloc|free|strdup|printf|fprintf|usleep|nanosleep'

sources=$(find engine net alloc tools bench tests \( -name '*.c' -o -name '*.h' \) 2>/dev/null |
	sort)
texts=$(find . \( -path ./.git -o -path ./build \) -prune -o -type f \( -name '*.[chS]' \
	-o -name '*.def' -o -name '*.py' -o -name '*.sh' -o -name '*.md' -o -name Makefile \
	-o -path './tests/run' -o -path './tests/check' -o -path './.ci/*' \) -print |
	sed 's|^\./||' | sort)
found=$(mktemp)
trap 'rm -f "$found"' EXIT

tidy_lines() {
	# shellcheck disable=SC2086
	awk -v columns_max=$COLUMNS_MAX -v file_max=$FILE_LINES_MAX '
		function say(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }
		FNR == 1 && NR > 1 && lines > file_max { print last ": " lines " lines; split it" }
		{ lines = FNR; last = FILENAME }
		/[ \t]$/ { say("trailing white space") }
		/\r/ { say("carriage return") }
		FILENAME !~ /\.md$/ {
			text = $0
			width = 0
			while ((tab = index(text, "\t")) > 0) {
				width += tab - 1
				width += 8 - width % 8
				text = substr(text, tab + 1)
			}
			if (width + length(text) > columns_max)
				say(width + length(text) " columns, " columns_max " is the most")
		}
		FILENAME ~ /\.[ch]$/ && /^#[ \t]*if[ \t]+0/ { say("dead code; git remembers it") }
		FILENAME !~ /tidy(_self)?\.sh$/ &&
		/(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK)([^A-Za-z_]|$)/ {
			say("do it, or open an issue")
		}
		END { if (lines > file_max) print last ": " lines " lines; split it" }
	' $texts
}

# In Linux style a function starts and ends at a brace in the first column.
tidy_functions() {
	# shellcheck disable=SC2086
	awk -v most=$FUNCTION_LINES_MAX '
		FNR == 1 { start = 0 }
		/^\{/ { start = FNR }
		/^\}/ && start {
			if (FNR - start - 1 > most)
				printf "%s:%d: function of %d lines, %d is the most\n", \
					FILENAME, start, FNR - start - 1, most
			start = 0
		}' $sources
}

# Comments and strings may name functions that code must not call.
tidy_calls() {
	# shellcheck disable=SC2086
	awk -v banned="$BANNED" -v hot="^($HOT)\$" -v hot_banned="$HOT_BANNED" '
		function has(words) { return $0 ~ "(^|[^A-Za-z0-9_>.])(" words ") ?\\(" }
		{
			gsub(/\\"/, ""); gsub(/"[^"]*"/, "\"\""); sub(/\/\/.*/, "")
			gsub(/\/\*[^*]*\*\//, ""); sub(/^[ \t]*\/?\*.*/, "")
		}
		has(banned) { printf "%s:%d: banned call: %s\n", FILENAME, FNR, $0 }
		FILENAME ~ hot && has(hot_banned) {
			printf "%s:%d: no heap, text or waiting on the path of a request: %s\n", \
				FILENAME, FNR, $0
		}' $sources
}

tidy_headers() {
	local file guard
	for file in $(grep '\.h$' <<<"$sources"); do
		guard=DB_$(tr 'a-z/.' 'A-Z__' <<<"$file")
		[ "$(grep -cE "^#(ifndef|define) $guard\$" "$file")" = 2 ] ||
			echo "$file:1: header guard is not $guard"
	done
	for file in $sources; do
		case $file in
		*.h | */main.c) ;;
		# A .c needs no such comment if its header of the same name has one.
		*) [ -e "${file%.c}.h" ] && continue ;;
		esac
		head -n 2 "$file" | grep -qE '^(/\*|//)' || [[ $file == tests/*/test_* ]] ||
			echo "$file:1: does not begin with a comment that says what it guarantees"
	done
}

# Every source has a test that mirrors its path, or a line in tests/covered.txt: what else covers
# it, and why.
tidy_tests() {
	local file stem test line
	for file in $(grep -E '^(engine/[^/]*|net|alloc)/[^/]*\.c$' <<<"$sources"); do
		stem=$(basename "$file" .c)
		test=tests/$(dirname "$file")/test_$stem.c
		line=$(grep -E "^$file " tests/covered.txt 2>/dev/null)
		if [ -e "$test" ]; then
			[ -z "$line" ] || echo "tests/covered.txt: $file has $test; drop the line"
		elif [ -z "$line" ]; then
			echo "$file:1: no $test, and no line in tests/covered.txt"
		fi
	done
	while read -r file test line; do
		[ -n "$file" ] && [ "${file:0:1}" != '#' ] || continue
		[ -e "$file" ] || echo "tests/covered.txt: $file does not exist"
		[ -e "$test" ] || echo "tests/covered.txt: $test, named for $file, does not exist"
		[ -n "$line" ] || echo "tests/covered.txt: no reason given for $file"
	done < <(cat tests/covered.txt 2>/dev/null)
}

# The plan of the house. A script that fails of itself is a finding, too.
tidy_layers() {
	"$tests/include_graph.py" --check . 2>&1
}

# A row of a .def must be used by code and explained by a page.
tidy_rows() {
	local name
	for name in $(sed -nE 's/^DROP\(([A-Z0-9_]+),.*/\1/p' net/drop.def 2>/dev/null); do
		grep -qrE "DROP_$name\b" --include='*.c' engine net ||
			echo "net/drop.def: DROP_$name is counted nowhere"
	done
	for name in $(sed -nE 's/^VERDICT\(([A-Z0-9_]+),.*/\1/p' net/verdict.def 2>/dev/null); do
		grep -qE "\b$name\b" net/WIRE.md 2>/dev/null ||
			echo "net/verdict.def: $name is not explained in net/WIRE.md"
	done
}

# A page must not name a file that does not exist.
tidy_docs() {
	python3 "$tests/docs.py" .
}

# A room that decides a sale must assert what it assumes: each has a minimum of assertions.
tidy_assertions() {
	"$tests/assertions.py" --check .
}

tidy_names() {
	find . -maxdepth 1 -mindepth 1 ! -name '.*' -printf '%P\n' | grep -vxE "$TOP_LEVEL" |
		sed 's/.*/&: a top-level name that design does not give/'
}

tidy_commits() {
	git rev-parse -q --verify HEAD >/dev/null 2>&1 || return 0
	git log --no-merges --format='%h %s' | awk -v most=$SUBJECT_COLUMNS_MAX '
		{ id = $1; subject = substr($0, length($1) + 2) }
		length(subject) > most {
			print "commit " id ": subject of " length(subject) " columns: " subject
		}
		# A file keeps the upper and lower case of its name.
		subject !~ /^[a-z][a-z0-9_.-]*: ([^A-Z]|[A-Z]+\.md[ ,])/ || subject ~ /\.$/ {
			print "commit " id ": not `area: verb in lower case`: " subject
		}'
}

RULES=${TIDY_RULES:-lines functions calls headers layers tests rows assertions docs names commits}
for rule in $RULES; do
	tidy_$rule
done >"$found"
cat "$found"
[ ! -s "$found" ]
