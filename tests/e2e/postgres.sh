# A test's own PostgreSQL, on a socket in its directory, as user nobody: it refuses to run as root.
# Sourced after lib.sh.
PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$PG_BIN/postgres" ] || skip "no PostgreSQL"
# A socket's path must be short, and user nobody must be able to reach it.
PG_DIR=$(mktemp -d /run/pg.XXXX)
PG_STORE=$WORK/pg
# shellcheck disable=SC2034 # the test's
PG_URL="host=$PG_DIR dbname=postgres user=nobody"

as_nobody() {
	setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

# Makes it the first time; PG_PID.
start_postgres() {
	if [ ! -e "$PG_DIR/data" ]; then
		chmod 755 "$PG_DIR"
		# $WORK may be where user nobody has no access: its files come in through a mount.
		mkdir -p "$PG_STORE" "$PG_DIR/data"
		mount --bind "$PG_STORE" "$PG_DIR/data"
		chown nobody:nogroup "$PG_DIR" "$PG_DIR/data"
		chmod 700 "$PG_DIR/data"
		as_nobody "$PG_BIN/initdb" -D "$PG_DIR/data" -A trust -U nobody --no-sync \
			>"$WORK/initdb.log" 2>&1 || fail "initdb: $(cat "$WORK/initdb.log")"
	fi
	setpriv --reuid nobody --regid nogroup --clear-groups \
		"$PG_BIN/postgres" -D "$PG_DIR/data" -k "$PG_DIR" -h '' \
		-c max_wal_size=256MB -c shared_buffers=64MB >>"$WORK/pg.log" 2>&1 &
	PG_PID=$!
	wait_for "PostgreSQL" as_nobody "$PG_BIN/pg_isready" -h "$PG_DIR"
}

# As in a crash: what it had not written to its log is gone.
kill9_postgres() {
	local pids
	kill -9 $PG_PID
	wait $PG_PID 2>/dev/null || true
	# A new one refuses to start while a process of the old one has its memory.
	while pids=$(pgrep -u nobody -x postgres); do
		kill -9 $pids 2>/dev/null || true
		sleep 0.02
	done
	rm -f "$PG_STORE/postmaster.pid"
}

stop_postgres() {
	kill -TERM "$PG_PID"
	wait $PG_PID || true
	umount -l "$PG_DIR/data"
	rm -r "$PG_DIR"
}

sql() { # QUERY
	"$PG_BIN/psql" -X -h "$PG_DIR" -U nobody -d postgres -Atq -c "$1"
}
