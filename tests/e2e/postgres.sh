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
		-c fsync=off -c max_wal_size=256MB -c shared_buffers=64MB >>"$WORK/pg.log" 2>&1 &
	PG_PID=$!
	show_at_failure "$WORK/pg.log"
	wait_for "PostgreSQL" as_nobody "$PG_BIN/pg_isready" -h "$PG_DIR"
}

# As in a crash: what it had not written to its log is gone. What it had, the kernel still has.
kill9_postgres() {
	local pids
	end9 $PG_PID
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

sql() { # QUERY, or queries on stdin
	"$PG_BIN/psql" -X -h "$PG_DIR" -U nobody -d postgres -Atq -v ON_ERROR_STOP=1 ${1:+-c "$1"}
}

# A real PgBouncer in transaction mode before it: PGBOUNCER_URL, in front of which `user=` goes. It
# has few connections to the server, so that clients meet what others left there.
export PGBOUNCER_URL="host=$PG_DIR port=6432 dbname=postgres"
PGBOUNCER=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)

start_pgbouncer() { # USER...
	[ -x "$PGBOUNCER" ] || skip "no PgBouncer"
	printf '"%s" ""\n' "$@" >"$PG_DIR/users"
	cat >"$PG_DIR/pgbouncer.ini" <<-END
		[databases]
		postgres = host=$PG_DIR
		[pgbouncer]
		pool_mode = transaction
		default_pool_size = 2
		server_login_retry = 1
		unix_socket_dir = $PG_DIR
		auth_type = trust
		auth_file = $PG_DIR/users
		admin_users = nobody
	END
	chmod 644 "$PG_DIR/users" "$PG_DIR/pgbouncer.ini"
	setpriv --reuid nobody --regid nogroup --clear-groups \
		"$PGBOUNCER" "$PG_DIR/pgbouncer.ini" >>"$WORK/pgbouncer.log" 2>&1 &
	PGBOUNCER_PID=$!
	wait_for "PgBouncer" as_nobody "$PG_BIN/pg_isready" -h "$PG_DIR" -p 6432
}

stop_pgbouncer() {
	kill -TERM "$PGBOUNCER_PID"
	wait "$PGBOUNCER_PID" || true
}
