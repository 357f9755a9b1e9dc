# An engine is drained and started again and again: the state is the same each time, the sale goes
# on, and a catalog may gain SKUs.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,100,100,2,,, 2,100,100,0,,,
start_engine
for n in $(seq 1 20); do
	expect_verdict ACCEPTED "sku=$((n % 2 + 1)),buyer=$n,id=$(id "$n")"
done
stop_engine
hash=$(drained state_hash)
verify_agrees

for round in 1 2 3; do
	start_engine
	expect_match "ready line" 'offers_added=0$' "$(ready_line)"
	stop_engine
	expect_eq "state hash after restart $round" "$hash" "$(drained state_hash)"
done

make_catalog 1,100,100,2,,, 2,100,100,0,,, 3,7,50,0,,,
start_engine
expect_match "ready line" 'offers_added=1$' "$(ready_line)"
expect_verdict ACCEPTED sku=3,buyer=1,id=$(id 30)
expect_verdict ACCEPTED "sku=2,buyer=1,id=$(id 1)"
expect_verdict ACCEPTED "sku=1,buyer=2,id=$(id 31)"
expect_verdict LIMIT_REACHED "sku=1,buyer=2,id=$(id 32)"
stop_engine
expect_eq "orders" 22 "$(drained orders)"
verify_agrees

# The catalog that a journal asks for can be printed; nothing of it differs.
"$BIN/doorbuster" journal dump "$DATA" --catalog >"$WORK/dumped.csv"
expect_eq "the catalog of the journal" "$(cat "$CATALOG")" "$(cat "$WORK/dumped.csv")"
"$BIN/doorbuster" journal dump "$DATA" --catalog --against "$CATALOG" >"$WORK/against" ||
	fail "a difference: $(cat "$WORK/against")"

# What differs is all said, and refused: a SKU that is no longer in the catalog would go on selling.
refused_start() { # PATTERN ARGS...
	local pattern=$1 rc=0
	shift

	"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" "$@" >"$WORK/refused.out" \
		2>"$WORK/refused.err" || rc=$?
	expect_eq "exit code of a refused start" 2 $rc
	expect_match "last line" "^doorbuster-serve: catalog and lanes: .*$pattern" \
		"$(tail -n 1 "$WORK/refused.err")"
}
make_catalog 3,8,60,0,,, 4,9,10,0,,,
refused_start '1 have other terms and 2 are missing.*--catalog-differs keep'
cat >"$WORK/differences" <<END
$CATALOG: SKU 1 is on sale and missing here: 1,100,100,2,,,
$CATALOG: SKU 2 is on sale and missing here: 2,100,100,0,,,
$CATALOG:2: SKU 3 is on sale with stock 7, the file says 8; unit_price 50, the file says 60
$CATALOG:3: SKU 4 is new: it is not on sale yet
END
grep '^/.*: SKU' "$WORK/refused.err" | diff "$WORK/differences" - || fail "differences at the start"
rc=0
"$BIN/doorbuster" journal dump "$DATA" --catalog --against "$CATALOG" >"$WORK/against" || rc=$?
expect_eq "exit code where something differs" 1 $rc
head -n -1 "$WORK/against" | diff "$WORK/differences" - || fail "differences of the tool"
expect_match "counts" '^3 SKUs on sale: 0 .*, 1 with .*, 2 missing in the file, 1 new in it$' \
	"$(tail -n 1 "$WORK/against")"
# New SKUs alone are what a catalog may gain, unless the operator wants none.
make_catalog 1,100,100,2,,, 2,100,100,0,,, 3,7,50,0,,, 4,9,10,0,,,
refused_start '1 SKUs are new' --catalog-differs refuse
# Another event's file, whatever the mode.
make_catalog 5,9,10,0,,, 6,9,10,0,,,
refused_start 'none of its SKUs is on sale in .* as if it were of another event'
refused_start 'none of its SKUs is on sale' --catalog-differs keep

# Kept: a SKU that is no longer in the catalog stays on sale with the terms of the journal.
make_catalog 3,8,60,0,,,
start_engine --catalog-differs keep
expect_match "what is said" '2 missing in the file' "$(cat "$ENGINE_OUT.err")"
expect_verdict ACCEPTED sku=1,buyer=200,id=$(id 33)
stop_engine
verify_agrees
"$BIN/doorbuster" journal dump "$DATA" --catalog >"$CATALOG"
start_engine --catalog-differs refuse
expect_match "ready line" 'offers_added=0$' "$(ready_line)"
stop_engine
