# The comparison of `make bench-check`: on given counts, beside the reference that is kept, it fails
# on a case that has grown by more than 3 %, on a new one and on a removed one.
# time limit: 20 s
. "$(dirname "$0")/lib.sh"

REFERENCE=bench/instructions.txt
[ "$(grep -vc '^#' $REFERENCE)" -gt 0 ] || fail "no case in $REFERENCE"

# COUNTED in awk, of the reference; what it says is in $WORK/said.
compared() { # CODE AWK
	local rc=0
	grep -v '^#' $REFERENCE | awk "$2" >"$WORK/counted"
	bench/instructions.sh --compare $REFERENCE "$WORK/counted" >"$WORK/said" || rc=$?
	expect_eq "exit code of '$2': $(cat "$WORK/said")" "$1" $rc
}

compared 0 '{ print }'
compared 0 '{ print $1, $2 * 1.029 }'
expect_match "all well" 'nothing has grown' "$(cat "$WORK/said")"
compared 1 '{ print $1, $2 * ($1 == "packet/decode-1" ? 1.031 : 1) }'
expect_match "which" 'packet/decode-1 .* \+3.1 %  GROWN' "$(cat "$WORK/said")"
expect_match "how many" 'FAILED: 1 of the cases' "$(cat "$WORK/said")"
expect_eq "others" 1 "$(grep -c GROWN "$WORK/said")"
compared 0 '{ print $1, $2 * 0.9 }'
expect_match "less" 'append/append .* shrunk' "$(cat "$WORK/said")"
compared 1 '$1 != "append/append"'
expect_match "gone" 'append/append: no longer counted' "$(cat "$WORK/said")"
compared 1 '{ print } END { print "append/other 5" }'
expect_match "new" 'append/other .* new' "$(cat "$WORK/said")"

: >"$WORK/counted"
rc=0
bench/instructions.sh --compare $REFERENCE "$WORK/counted" 2>"$WORK/said" || rc=$?
expect_eq "exit code without a count" 2 $rc
