#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Postgres: a PostgreSQL cluster private to one folder.
#
# PostgreSQL refuses to run as root. Started by root, the server runs as the
# user `postgres` (else `nobody`); where that user cannot reach the folder, the
# data lie in /var/lib/toasties-galore and DIR/postgres.data says where.
# Started by another user, it runs as that user.
#
# Who may connect: through the socket those who can enter its folder, which are
# the server's user and root; over TCP (127.0.0.1) the role `galore` with the
# password in DIR/postgres.pgpass. No password is in DATABASE_URL.
#
# Invariants: a folder has at most one server; its port and its socket stay the
# same from start to start as long as they are free; `start` returns 0 only when
# the database `galore` accepts connections.
set -euo pipefail

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../dev/server.sh" postgres

MAJOR=15
# Read by server.sh, as is what the functions below set for it.
# shellcheck disable=SC2034
TITLE="PostgreSQL $MAJOR" N_PORTS=1

forget_pg_env
PG_BIN=${PG_BIN:-/usr/lib/postgresql/$MAJOR/bin}
STOP_DEADLINE_MS=30000
QUIT_DEADLINE_MS=5000
TEST=
# The address of a socket has room for 107 bytes; this leaves some for its name.
SOCKET_DIR_MAX=80

help() {
	cat <<-'TEXT'
	usage: postgres.sh start DIR [--test] [--watch-pid PID]
	       postgres.sh stop|status|env|remove DIR

	start    start the server of DIR, whose cluster is made if there is none;
	         returns when it serves
	stop     stop it; its data stay
	status   its address and 0 when it serves, 1 when it does not
	env      print DIR/postgres.env: DATABASE_URL=postgresql://...
	remove   stop it and forget its data

	--test           for tests alone: quick, and not safe from a power cut
	--watch-pid PID  stop it when process PID has gone

	PG_BIN is the folder of PostgreSQL's programs.
	TEXT
}

# ---- whose server, and where -----------------------------------------------

# choose_owner sets OWNER, the user that the server runs as, and AS, what goes
# before a command of that user's.
choose_owner() {
	OWNER=$(id -un 2>/dev/null) || die \
		"the user $(id -u) has no name, without which PostgreSQL does not run" \
		"add it to /etc/passwd, or set DATABASE_URL to a server that is there already"
	AS=(env)
	[[ $(id -u) == 0 ]] || return 0
	OWNER=postgres
	getent passwd "$OWNER" >/dev/null || OWNER=nobody
	AS=(setpriv "--reuid=$OWNER" "--regid=$(id -g "$OWNER")" --init-groups
		--inh-caps=-all env "HOME=/")
}

# choose_data sets DATA. Once chosen, it stays.
choose_data() {
	local base=/var/lib/toasties-galore
	read_word "$DIR/postgres.data"
	DATA=${REPLY:-$DIR/data}
	[[ -z $REPLY && ! -e $DATA ]] || return 0
	"${AS[@]}" test -x "$DIR" && return 0
	[[ -d $base ]] || mkdir -m 0755 -- "$base" || die \
		"the user '$OWNER' cannot enter '$DIR', and '$base' cannot be made" \
		"use a folder that '$OWNER' can enter"
	DATA=$(mktemp -d "$base/postgres.XXXXXX")/data
	chown "$OWNER" "${DATA%/data}"
	write_file "$DIR/postgres.data" "$DATA"
	say "the user '$OWNER' cannot enter '$DIR', so the data lie in '$DATA'"
}

# choose_socket sets SOCKET: beside the data if the name is short and plain,
# else in /tmp. The one of the last start is made again when it has gone.
choose_socket() {
	local beside=${DATA%/data}/socket
	read_word "$DIR/postgres.socket"
	SOCKET=$REPLY
	if [[ -z $SOCKET && ${#beside} -le $SOCKET_DIR_MAX ]] &&
		[[ $beside =~ ^[A-Za-z0-9_./-]+$ ]]; then
		SOCKET=$beside
	fi
	if [[ $SOCKET == /* ]] && mkdir -m 0700 -- "$SOCKET" 2>/dev/null; then
		chown "$OWNER" "$SOCKET"
	fi
	# A folder of the owner's with the mode that lets nobody else in.
	if [[ $SOCKET != /* || ! -d $SOCKET || -L $SOCKET ||
		$(stat -c '%U %a' -- "$SOCKET") != "$OWNER 700" ]]; then
		SOCKET=$(mktemp -d /tmp/galore-postgres.XXXXXX)
		chown "$OWNER" "$SOCKET"
	fi
	write_file "$DIR/postgres.socket" "$SOCKET"
}

# ---- the cluster -----------------------------------------------------------

# check_cluster: what is in DATA is ours to start.
check_cluster() {
	read_word "$DATA/PG_VERSION"
	if [[ -z $REPLY ]]; then
		[[ ! -e $DATA || -z $(ls -A -- "$DATA") ]] || die \
			"'$DATA' is no PostgreSQL cluster, and not empty" \
			"look at what is in it; '$SELF' remove '$DIR' deletes it"
	elif [[ $REPLY != "$MAJOR" ]]; then
		die "the cluster in '$DATA' was made by PostgreSQL $REPLY, this is $MAJOR" \
			"to keep what is in it, dump it with PostgreSQL $REPLY or use pg_upgrade" \
			"to forget it: '$SELF' remove '$DIR' (for make run: make clean-run)"
	elif [[ $(stat -c %U -- "$DATA") != "$OWNER" ]]; then
		die "the cluster in '$DATA' belongs to the user '$(stat -c %U -- "$DATA")', the server would run as '$OWNER'" \
			"start it as the user who made it, or use another folder"
	fi
}

# Made apart and then renamed, so that a cluster is whole or not there.
make_cluster() {
	local fresh=$DATA.new out start
	now_ms start
	say "making a cluster in '$DATA'"
	rm -rf -- "$fresh" "$DATA"
	mkdir -m 0700 -- "$fresh"
	chown "$OWNER" "$fresh"
	out=$(cd / && "${AS[@]}" "$PG_BIN/initdb" -D "$fresh" -U postgres -E UTF8 \
		--locale=C.UTF-8 --auth-local=trust \
		--auth-host=scram-sha-256 ${TEST:+--no-sync} 2>&1 </dev/null) || {
		printf '%s\n' "$out" | tail -n 5 | sed 's/^/    /' >&2
		rm -rf -- "$fresh"
		die "the cluster cannot be made in '$DATA'" \
			"is the disk full? does another program own the folder?"
	}
	mv -- "$fresh" "$DATA"
	seconds_since "$start"
	say "made it in $REPLY s"
}

# The role that programs use owns its database and may make roles and schemas
# for tests; it is no superuser. Done once, and again after a crash half-way.
make_database() {
	local password for_tests='' made=yes
	[[ ! -f $DATA/galore.made ]] || return 0
	password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
	(umask 077 && write_file "$DIR/postgres.pgpass" \
		"127.0.0.1:*:*:galore:$password")
	# A test takes the standby away that commits wait for.
	[[ -z $TEST ]] || for_tests='
	GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO galore;
	\connect template1
	GRANT EXECUTE ON FUNCTION pg_reload_conf() TO galore;'
	PGCONNECT_TIMEOUT=60 "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 \
		-d "postgresql://postgres@:${PORTS[0]}/postgres?host=$SOCKET" \
		>/dev/null 9>&- <<-SQL || made=no
	SET client_min_messages = warning;
	SELECT 'CREATE ROLE galore' WHERE NOT EXISTS
		(SELECT FROM pg_roles WHERE rolname = 'galore') \\gexec
	ALTER ROLE galore LOGIN CREATEDB CREATEROLE PASSWORD '$password';
	GRANT pg_monitor, pg_signal_backend TO galore;
	SELECT 'CREATE DATABASE galore OWNER galore' WHERE NOT EXISTS
		(SELECT FROM pg_database WHERE datname = 'galore') \\gexec
	$for_tests
	SQL
	[[ $made == yes ]] || die "the database 'galore' cannot be made" \
		"the server's log is '$DIR/postgres.log'"
	: >"$DATA/galore.made"
}

# ---- the server ------------------------------------------------------------

# write_settings: the whole of postgresql.conf, so that nothing old stays.
write_settings() {
	local test=()
	[[ -z $TEST ]] || test=(
		"# For tests: a crash of a server must end the run, not be hidden."
		"restart_after_crash = off"
		"max_connections = 200"
		"fsync = off"
		"full_page_writes = off"
	)
	# The server's user has to read it, whatever our own umask is.
	(umask 022 && write_file "$DATA/postgresql.conf" \
		"listen_addresses = '127.0.0.1'" \
		"port = ${PORTS[0]}" \
		"unix_socket_directories = '$SOCKET'" \
		"unix_socket_permissions = 0700" \
		"$(sed -e '/^#/d' -e '/^$/d' "$HERE/postgresql.conf")" \
		"${test[@]}")
}

# leftovers sets REPLY: processes of a server that was killed, which still have
# its shared memory. Each has the data folder as its working folder.
leftovers() {
	local proc
	REPLY=
	for proc in /proc/[0-9]*; do
		[[ ! $proc/cwd -ef $DATA || ! $proc/exe -ef $PG_BIN/postgres ]] ||
			REPLY+=" ${proc#/proc/}"
	done
}

no_leftovers() {
	leftovers
	[[ -z $REPLY ]]
}

# clear_stale: a server that was killed left a pid file, and its number may be
# that of another program by now, which would keep ours from starting. The file
# may go once the last process of the old server has gone.
clear_stale() {
	[[ -e $DATA/postmaster.pid ]] || return 0
	until within 10000 0.05 no_leftovers; do
		leftovers
		say "ending what a killed server left:$REPLY"
		# shellcheck disable=SC2086 # a list of numbers
		kill -KILL $REPLY 2>/dev/null || :
	done
	rm -f -- "$DATA/postmaster.pid" "$SOCKET"/.s.PGSQL.*
}

# ---- what server.sh asks for -----------------------------------------------

server_open() {
	read_word "$DIR/postgres.data"
	DATA=${REPLY:-$DIR/data}
	MARK=$DATA
	# What the server itself says goes before what we noted.
	PID_FILES=("$DATA/postmaster.pid" "$DIR/postgres.pid")
}

# server_option --test
server_option() {
	[[ $1 == --test ]] || return 1
	TEST=yes
	REPLY=1
}

server_prepare() {
	[[ -x $PG_BIN/postgres && -x $PG_BIN/initdb ]] || die \
		"PostgreSQL $MAJOR is not in '$PG_BIN'" \
		"infra/dev/bootstrap.sh --need run installs what is missing" \
		"or set PG_BIN to the folder of its programs, or DATABASE_URL to a server that is there already"
	choose_owner
	choose_data
	server_open
	check_cluster
	[[ -f $DATA/PG_VERSION ]] || make_cluster
	choose_socket
}

server_launch() {
	write_settings
	clear_stale
	# The server may not be able to enter the folder that we are in.
	cd /
	server_spawn setsid "${AS[@]}" "$PG_BIN/postgres" -D "$DATA"
}

# server_up: the server itself writes `ready` into its pid file.
server_up() {
	local line
	mapfile -t line 2>/dev/null <"$DATA/postmaster.pid" || line=()
	[[ ${line[0]-} == "$PID" && ${line[7]-} == ready* ]]
}

server_fill() {
	local file=$DIR/postgres.pgpass
	make_database
	[[ $file =~ ^[A-Za-z0-9_./-]+$ ]] ||
		file=$(printf '%s' "$file" | od -An -v -tx1 |
			tr -d ' \n' | sed 's/../%&/g')
	# Through the socket, and over TCP for a client that needs that (a proxy in
	# between, say); the password stays in its file.
	ENV=("DATABASE_URL=postgresql://galore@:${PORTS[0]}/galore?host=$SOCKET"
		"DATABASE_URL_TCP=postgresql://galore@127.0.0.1:${PORTS[0]}/galore?passfile=$file")
}

server_answers() {
	"$PG_BIN/pg_isready" -q -t 5 -d "$1"
}

# server_end PID: fast (sessions are ended), then immediate, then killed.
server_end() {
	local asked_ms
	# One that has only just begun does not hear it yet.
	for ((asked_ms = 0; asked_ms < STOP_DEADLINE_MS; asked_ms += 1000)); do
		kill -INT "$1" 2>/dev/null || :
		wait_gone "$1" 1000 && return 0
	done
	end_process "$1" "$QUIT_DEADLINE_MS" QUIT
}

# server_clear: the socket's folder.
server_clear() {
	read_word "$DIR/postgres.socket"
	[[ -n $REPLY && -d $REPLY ]] || return 0
	rm -f -- "$REPLY"/.s.PGSQL.*
	rmdir -- "$REPLY" || :
}

server_forget() {
	[[ $DATA != /var/lib/toasties-galore/postgres.*/data ]] ||
		rm -rf -- "${DATA%/data}"
	rm -rf -- "$DIR/data" "$DIR/data.new"
	rm -f -- "$DIR"/postgres.{data,socket,pgpass}
}

server_main "$@"
