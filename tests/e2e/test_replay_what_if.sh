# Sales side by side over one capture: a change by --set does the same as a catalog with that
# change, each sale gives what it gives alone, and table, CSV and page agree.
. "$(dirname "$0")/lib.sh"

KEY=000102030405060708090a0b0c0d0e0f
(umask 077; echo "1 $KEY" >"$KEYS")
check_page=$PWD/tests/e2e/page_check.py
cd "$WORK" || exit
# SKU 2 opens 4 ms after the first request; a unit of SKU 3 costs the most there is.
rest=("2,150,250,0,2027-01-15T08:00:00.004Z,," "3,5000,18446744073709551615,2,,,")
make_catalog 1,100,4999,1,,, "${rest[@]}"
printf '%s\n' "$CATALOG_HEADER" 1,300,4999,2,,, "${rest[@]}" >other.csv
"$BIN/tests/e2e/make_capture" --key $KEY --requests 3000 --entries 4 --buyers 400 --skus 3 \
	--quantity-max 1 >sale.pcap

replay() { # ARGS...
	"$BIN/doorbuster" replay sale.pcap --offline --keys "$KEYS" "$@"
}
replay --catalog "$CATALOG" --json >alone.json
replay --catalog other.csv --json >other.json
replay --catalog "$CATALOG" --set 'sku=1 stock=300 limit_per_buyer=2' --catalog other.csv \
	--set 'sku=* stock=0' --csv sales.csv --buyers-csv buyers.csv --html page.html --json \
	>all.json
expect_eq "first sale" "$(json '.sales[0].state_hash' alone.json)" \
	"$(json '.sales[0].state_hash' all.json)"
expect_eq "sale of --set" "$(json '.sales[0].state_hash' other.json)" \
	"$(json '.sales[1].state_hash' all.json)"
expect_eq "sale of the other catalog" "$(json '.sales[0].state_hash' other.json)" \
	"$(json '.sales[2].state_hash' all.json)"
expect_eq "orders without stock" 0 "$(jq '.sales[3].orders' all.json)"

# CSV: sums are the JSON's, channels add up to their SKU.
python3 - <<'PYTHON' || fail "the CSV does not add up"
import csv, json
sales = json.load(open("all.json"))["sales"]
rows = list(csv.DictReader(open("sales.csv")))
channels = {}
for row in rows:
    if row["channel"]:
        key = (row["sale"], row["sku"])
        units, revenue = channels.get(key, (0, 0))
        channels[key] = units + int(row["units"]), revenue + int(row["revenue"])
for number, sale in enumerate(sales, 1):
    mine = [r for r in rows if r["sale"] == str(number) and not r["channel"]]
    assert {r["name"] for r in mine} == {sale["name"]}
    assert len(mine) == 3, mine
    assert sum(int(r["units"]) for r in mine) == sale["units"]
    assert sum(int(r["orders"]) for r in mine) == sale["orders"]
    assert str(sum(int(r["revenue"]) for r in mine)) == sale["revenue"]
    assert sale["units"] == 0 or int(sale["revenue"]) > 1 << 64, sale["revenue"]
    for r in mine:
        assert int(r["stock"]) == int(r["units"]) + int(r["left"]), r
        assert (r["sold_out_at"] != "") == (r["left"] == "0" and r["units"] != "0"), r
        assert channels.get((str(number), r["sku"]), (0, 0)) == (
            int(r["units"]), int(r["revenue"])), r
        price = {"1": 4999, "2": 250, "3": (1 << 64) - 1}[r["sku"]]
        assert int(r["revenue"]) == price * int(r["units"]), r
        opened = "2027-01-15T08:00:00.004Z" if r["sku"] == "2" else "2027-01-15T08:00:00Z"
        assert r["opened_at"] == opened, r
first, second = "1: " + sales[0]["name"], "2: " + sales[1]["name"]
buyers = list(csv.DictReader(open("buyers.csv")))
assert len(buyers) > 0
more = sum(1 for b in buyers if b["sku"] == "1" and int(b[second]) > int(b[first]))
print("more", more)
open("more", "w").write(str(more))
gained = sum(int(b[second]) - int(b[first]) for b in buyers)
assert gained == sales[1]["units"] - sales[0]["units"], gained
PYTHON
replay --catalog "$CATALOG" --set 'sku=1 stock=300 limit_per_buyer=2' >table
expect_eq "buyers of SKU 1 who get more, by the table" "$(cat more)" \
	"$(grep -A 1 '^1  ' table | awk 'NR == 2 { print $(NF - 1) }')"

# Two sales whose names differ only after byte 127 are two sales, with their whole names.
long="sku=1 $(printf 'limit_per_buyer=1 %.0s' $(seq 10))"
replay --catalog "$CATALOG" --set "${long}stock=10" --set "${long}stock=20" --csv long.csv --json \
	>long.json
expect_eq "a long name" "${long}stock=20" "$(json '.sales[2].name' long.json)"
expect_eq "units of two long names" "10 20" "$(python3 - <<'PYTHON'
import csv
rows = [r for r in csv.DictReader(open("long.csv")) if r["sku"] == "1" and not r["channel"]]
print(*(r["units"] for r in rows if r["sale"] in "23"))
PYTHON
)"

# Of many channels and SKUs the best of any of the sales are shown, with a note that there are more.
(echo "$CATALOG_HEADER"; for sku in $(seq 30); do echo "$sku,$((sku * 2)),1,0,,,"; done) >many.csv
"$BIN/tests/e2e/make_capture" --key $KEY --requests 4000 --entries 4 --skus 30 --channels 50 \
	>sale.pcap
replay --catalog many.csv --set 'sku=1 stock=100' --csv many_sales.csv >table
expect_match "SKUs left out" 'the 20 best sold of 30 SKUs' "$(cat table)"
grep -q '^1  ' table || fail "what the second sale sold most of is not shown"
expect_match "channels left out" 'the 20 best of [0-9]+ channels of sale 2' "$(cat table)"
python3 - <<'PYTHON' || fail "the channels shown are not the best"
import collections, csv, re
sold = collections.Counter()
for r in csv.DictReader(open("many_sales.csv")):
    if r["sale"] == "1" and r["channel"]:
        sold[int(r["channel"])] += int(r["units"])
table = open("table").read()
shown = [(int(c), int(u)) for c, u in re.findall(r"(?m)^channel (\d+) +1 +(\d+)", table)]
assert len(shown) == 20 and all(sold[c] == u for c, u in shown), shown
assert [u for _, u in shown] == sorted(sold.values(), reverse=True)[:20], shown
PYTHON

# The page: a curve a sale and SKU; its figures are those of the CSV; nothing from elsewhere.
expect_eq "curves on the page" 12 "$(grep -c '<path' page.html)"
! grep -E 'https?:|src=|href=|@import|<script' page.html || fail "the page needs another file"
# Sales 2 and 3 are the same terms in other words.
expect_eq "equal curves" 5 "$(grep -o 'the same curve as sale' page.html | wc -l)"
expect_match "an opening" 'Opening: 2027-01-15T08:00:00.004Z' "$(cat page.html)"
python3 "$check_page" page.html sales.csv || fail "the page is not as it should be"

refuse() { # PATTERN ARGS...
	local pattern=$1 rc=0
	shift

	replay "$@" >out 2>err || rc=$?
	expect_eq "exit code of $*" 2 $rc
	expect_match "what $* says" "$pattern" "$(cat err)"
}
refuse '--set.*SKU 9 is not in' --catalog "$CATALOG" --set 'sku=9 stock=1'
refuse '--set.*comes before' --set 'sku=1 stock=1' --catalog "$CATALOG"
refuse '--journal: of one sale' --catalog "$CATALOG" --set 'sku=1 stock=1' --journal j
refuse '--html /nowhere/page' --catalog "$CATALOG" --html /nowhere/page
refuse '--set.*closes before it opens' --catalog "$CATALOG" \
	--set 'sku=1 closes_at=1970-01-01T00:00:00Z'
refuse '--set.*no column' --catalog "$CATALOG" --set 'sku=77'
refuse '--rate: only with --to' --catalog "$CATALOG" --rate 5
