#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Postgres: a PostgreSQL cluster private to one folder.
#
# PostgreSQL refuses to run as root. Started by root, the server runs as the
# user `postgres` (else `nobody`); where that user cannot reach the folder, the
# data lie in /var/lib/toasties-galore and DIR/postgres.data says where.
# Started by anybody else, it runs as who started it.
#
# Who may connect: through the socket whoever can enter its folder, which only
# the server's user and root can; over TCP (127.0.0.1) the role `galore` with
# the password in DIR/postgres.pgpass. No password is in DATABASE_URL.
#
# Invariants: a folder has at most one server; its port and its socket stay the
# same from start to start as long as nobody else took them; `start` returns 0
# only when the database `galore` takes connections.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
SELF=$HERE/postgres.sh
# Read by server.sh.
# shellcheck disable=SC2034
SERVER=postgres
# shellcheck source=infra/dev/server.sh
. "$HERE/../dev/server.sh"

MAJOR=15
PG_BIN=${PG_BIN:-/usr/lib/postgresql/$MAJOR/bin}
START_DEADLINE_MS=60000
STOP_DEADLINE_MS=30000
# The address of a socket has room for 107 bytes; this leaves some for its name.
SOCKET_DIR_MAX=80

help() {
	cat <<-'TEXT'
	usage: postgres.sh init|start DIR [--test] [--watch-pid PID]
	       postgres.sh stop|status|env|remove DIR

	init     make the cluster of DIR if there is none
	start    start the server of DIR (init, if need be); returns when it serves
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

# as_owner COMMAND...: as the user that the server runs as.
as_owner() {
	"${AS[@]}" "$@"
}

choose_owner() {
	OWNER=$(id -un)
	AS=()
	[[ $(id -u) == 0 ]] || {
		AS=(env)
		return 0
	}
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
	as_owner test -x "$DIR" && return 0
	[[ -d $base ]] || mkdir -m 0755 -- "$base"
	DATA=$(mktemp -d "$base/postgres.XXXXXX")/data
	chown "$OWNER" "${DATA%/data}"
	write_file "$DIR/postgres.data" "$DATA"
	say "the user '$OWNER' cannot enter '$DIR', so the data lie in '$DATA'"
}

# A folder of the owner's with the mode that lets nobody else in.
socket_dir_right() {
	[[ -d $1 && ! -L $1 && $(stat -c '%U %a' -- "$1") == "$OWNER 700" ]]
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
	if [[ -n $SOCKET ]] && mkdir -m 0700 -- "$SOCKET" 2>/dev/null; then
		chown "$OWNER" "$SOCKET"
	fi
	if [[ -z $SOCKET ]] || ! socket_dir_right "$SOCKET"; then
		SOCKET=$(mktemp -d /tmp/galore-postgres.XXXXXX)
		chown "$OWNER" "$SOCKET"
	fi
	write_file "$DIR/postgres.socket" "$SOCKET"
}

# ---- the cluster -----------------------------------------------------------

check_programs() {
	[[ -x $PG_BIN/postgres && -x $PG_BIN/initdb ]] || die \
		"PostgreSQL $MAJOR is not in '$PG_BIN'" \
		"infra/dev/bootstrap.sh --need run installs what is missing" \
		"or set PG_BIN to the folder of its programs, or DATABASE_URL to a server that is there already"
}

check_cluster() {
	read_word "$DATA/PG_VERSION"
	if [[ -n $REPLY && $REPLY != "$MAJOR" ]]; then
		die "the cluster in '$DATA' was made by PostgreSQL $REPLY, this is $MAJOR" \
			"to keep what is in it, dump it with PostgreSQL $REPLY or use pg_upgrade" \
			"to forget it: '$SELF' remove '$DIR' (for make run: make clean-run)"
	fi
	if [[ -n $REPLY && $(stat -c %U -- "$DATA") != "$OWNER" ]]; then
		die "the cluster in '$DATA' belongs to the user '$(stat -c %U -- "$DATA")', the server would run as '$OWNER'" \
			"start it as who made it, or use another folder"
	fi
	[[ -z $REPLY && -e $DATA ]] || return 0
	[[ -z $(ls -A -- "$DATA") ]] || die \
		"'$DATA' is no PostgreSQL cluster, and not empty" \
		"look at what is in it; '$SELF' remove '$DIR' deletes it"
}

# Made apart and then renamed, so that a cluster is whole or not there.
init_cluster() {
	local fresh=$DATA.new out start
	[[ ! -f $DATA/PG_VERSION ]] || return 0
	now_ms
	start=$REPLY
	say "making a cluster in '$DATA'"
	rm -rf -- "$fresh" "$DATA"
	mkdir -m 0700 -- "$fresh"
	chown "$OWNER" "$fresh"
	out=$(cd / && as_owner "$PG_BIN/initdb" -D "$fresh" -U postgres -E UTF8 \
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
	local password
	[[ ! -f $DATA/galore.made ]] || return 0
	password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
	(umask 077 && write_file "$DIR/postgres.pgpass" \
		"127.0.0.1:*:*:galore:$password")
	psql_admin <<-SQL
	SET client_min_messages = warning;
	SELECT 'CREATE ROLE galore' WHERE NOT EXISTS
		(SELECT FROM pg_roles WHERE rolname = 'galore') \\gexec
	ALTER ROLE galore LOGIN CREATEDB CREATEROLE PASSWORD '$password';
	GRANT pg_monitor, pg_signal_backend TO galore;
	SELECT 'CREATE DATABASE galore OWNER galore' WHERE NOT EXISTS
		(SELECT FROM pg_database WHERE datname = 'galore') \\gexec
	SQL
	: >"$DATA/galore.made"
}

psql_admin() {
	PGCONNECT_TIMEOUT=10 psql -X -q -v ON_ERROR_STOP=1 \
		-d "postgresql://postgres@:$PORT/postgres?host=$SOCKET" \
		>/dev/null 9>&- ||
		die "the database 'galore' cannot be made" \
			"the server's log is '$DIR/postgres.log'"
}

# ---- the server ------------------------------------------------------------

# write_settings: the whole of postgresql.conf, so that nothing lingers.
write_settings() {
	local test=()
	[[ -z $TEST ]] || test=(
		"# For tests: a crash of a server must end the run, not be hidden."
		"restart_after_crash = off"
		"max_connections = 200"
		"fsync = off"
		"full_page_writes = off"
	)
	write_file "$DATA/postgresql.conf" \
		"listen_addresses = '127.0.0.1'" \
		"port = $PORT" \
		"unix_socket_directories = '$SOCKET'" \
		"unix_socket_permissions = 0700" \
		"$(sed -e '/^#/d' -e '/^$/d' "$HERE/postgresql.conf")" \
		${test[@]+"${test[@]}"}
}

# choose_port: that of the last start if it is free.
choose_port() {
	read_word "$DIR/postgres.port"
	PORT=$REPLY
	if [[ -z $PORT ]]; then
		pick_port
		PORT=$REPLY
	elif port_taken "$PORT"; then
		pick_port
		say "port $PORT is taken by another program, using $REPLY"
		PORT=$REPLY
	fi
	write_file "$DIR/postgres.port" "$PORT"
}

launch() {
	(cd / && exec setsid "${AS[@]}" "$PG_BIN/postgres" -D "$DATA") \
		</dev/null >>"$DIR/postgres.log" 2>&1 9>&- &
	PID=$!
	disown
	write_file "$DIR/postgres.pid" "$PID"
}

# wait_serving: true when it takes connections; false when it ended, or took
# too long. The server itself writes `ready` into its pid file.
wait_serving() {
	local start end said line
	now_ms
	start=$REPLY
	end=$((start + START_DEADLINE_MS))
	said=$((start + 5000))
	while :; do
		mapfile -t line 2>/dev/null <"$DATA/postmaster.pid" || line=()
		[[ ${line[0]-} == "$PID" && ${line[7]-} == ready* ]] && return 0
		proc_alive "$PID" || return 1
		now_ms
		[[ $REPLY -lt $end ]] || return 1
		if [[ $REPLY -gt $said ]]; then
			seconds_since "$start"
			say "still starting after $REPLY s"
			said=$((said + said - start))
		fi
		sleep 0.02
	done 2>/dev/null
}

# server_pid sets REPLY: the process of the server of DIR, empty when none.
server_pid() {
	local pid r=0
	read_word "$DIR/postgres.data"
	DATA=${REPLY:-$DIR/data}
	read_word "$DATA/postmaster.pid"
	[[ -n $REPLY ]] || read_word "$DIR/postgres.pid"
	pid=$REPLY
	proc_has "$pid" "$DATA" || r=1 pid=
	REPLY=$pid
	return "$r"
}

# leftovers sets REPLY: processes of a server that was killed, which still have
# its shared memory. Each has the data folder as its working folder.
leftovers() {
	local proc
	REPLY=
	for proc in /proc/[0-9]*; do
		[[ $proc/cwd -ef $DATA && $proc/exe -ef $PG_BIN/postgres ]] &&
			REPLY+=" ${proc#/proc/}"
	done
	return 0
}

# clear_stale: a server that was killed left a pid file, and its number may be
# a stranger's by now, who would keep ours from starting. The file may go once
# the last process of the old server has gone.
clear_stale() {
	local end
	[[ -e $DATA/postmaster.pid ]] || return 0
	now_ms
	end=$((REPLY + 10000))
	leftovers
	while [[ -n $REPLY ]]; do
		now_ms
		[[ $REPLY -lt $end ]] || {
			leftovers
			say "ending what a killed server left:$REPLY"
			# shellcheck disable=SC2086 # a list of numbers
			kill -KILL $REPLY 2>/dev/null || :
			end=$((end + 10000))
		}
		sleep 0.05
		leftovers
	done
	rm -f -- "$DATA/postmaster.pid" "$SOCKET"/.s.PGSQL.*
}

# start_once: true when it serves; 2 when somebody else got the port first.
start_once() {
	choose_port
	write_settings
	[[ ! -f $DIR/postgres.log ]] ||
		mv -f "$DIR/postgres.log" "$DIR/postgres.log.1"
	clear_stale
	launch
	wait_serving && return 0
	end_server "$PID" || :
	rm -f -- "$DIR/postgres.pid"
	grep -q 'Address already in use' "$DIR/postgres.log" || return 1
	rm -f -- "$DIR/postgres.port"
	return 2
}

# end_server PID: fast (sessions are ended), then immediate, then killed.
end_server() {
	end_process "$1" "$STOP_DEADLINE_MS" INT && return 0
	say "the server of '$DIR' had to be killed"
}

init() {
	check_programs
	choose_owner
	choose_data
	check_cluster
	init_cluster
}

take_folder() {
	lock_take "$DIR/postgres.lock" "$START_DEADLINE_MS" ||
		die "another process is starting or stopping the server of '$DIR'"
}

# give_up: a start that is interrupted leaves nothing behind.
give_up() {
	trap '' INT TERM HUP
	[[ -z $PID ]] || end_server "$PID" || :
	rm -f -- "$DIR/postgres.pid" "$DIR/postgres.lock"
	die "interrupted"
}

start() {
	local begin try r
	take_folder
	if server_pid; then
		die "the server of '$DIR' runs already (process $REPLY)" \
			"'$SELF' stop '$DIR' ends it"
	fi
	rm -f -- "$DIR/postgres.pid" "$DIR/postgres.env"
	init
	now_ms
	begin=$REPLY
	choose_socket
	PID=''
	trap give_up INT TERM HUP
	for ((try = 0; try < 5; try++)); do
		r=0
		start_once || r=$?
		[[ $r == 2 ]] || break
	done
	if [[ $r != 0 ]]; then
		log_tail "$DIR/postgres.log"
		die "PostgreSQL did not begin to serve" \
			"the whole log is '$DIR/postgres.log'"
	fi
	make_database
	write_env
	[[ -z $WATCH ]] || watch_start "$SELF" "$DIR" "$WATCH"
	seconds_since "$begin"
	say "serves at 127.0.0.1:$PORT and in '$SOCKET' after $REPLY s"
}

# write_env: the address through the socket, and the one over TCP for whoever
# needs one (a proxy in between, say); the password stays in its file.
write_env() {
	local file=$DIR/postgres.pgpass
	[[ $file =~ ^[A-Za-z0-9_./-]+$ ]] ||
		file=$(printf '%s' "$file" | od -An -v -tx1 |
			tr -d ' \n' | sed 's/../%&/g')
	write_file "$DIR/postgres.env" \
		"DATABASE_URL=postgresql://galore@:$PORT/galore?host=$SOCKET" \
		"DATABASE_URL_TCP=postgresql://galore@127.0.0.1:$PORT/galore?passfile=$file"
}

# stop: also the second time, and when there never was a server.
stop() {
	take_folder
	if server_pid; then
		end_server "$REPLY"
	fi
	watch_end "$SELF" "$DIR"
	read_word "$DIR/postgres.socket"
	if [[ -n $REPLY && -d $REPLY ]]; then
		rm -f -- "$REPLY"/.s.PGSQL.*
		rmdir -- "$REPLY" || :
	fi
	rm -f -- "$DIR/postgres.pid" "$DIR/postgres.env" "$DIR/postgres.lock"
	exec 9>&-
}

status() {
	if server_pid; then
		read_word "$DIR/postgres.env"
		if [[ -n $REPLY ]] && "$PG_BIN/pg_isready" -q -t 5 \
			-d "${REPLY#DATABASE_URL=}"; then
			printf '%s\n' "${REPLY#DATABASE_URL=}"
			return 0
		fi
		say "the server of '$DIR' runs, but does not serve"
		return 1
	fi
	say "no server runs in '$DIR'"
	return 1
}

remove() {
	stop
	read_word "$DIR/postgres.data"
	if [[ $REPLY == /var/lib/toasties-galore/postgres.*/data ]]; then
		rm -rf -- "${REPLY%/data}"
	fi
	rm -rf -- "$DIR/data" "$DIR/data.new"
	rm -f -- "$DIR"/postgres.{data,socket,port,pgpass,log,log.1}
	rmdir -- "$DIR" 2>/dev/null || :
}

main() {
	local verb=${1:-help}
	shift || :
	TEST='' WATCH=''
	case $verb in
	help | --help | -h) help && return 0 ;;
	init | start | stop | status | env | remove | watch) ;;
	*) usage_die "there is no '$verb'" ;;
	esac
	folder_open "${1-}"
	shift
	if [[ $verb == watch ]]; then
		watch_run "$SELF" "$DIR" "$1" "$2" "$DIR/postgres.pid"
		return
	fi
	while [[ $# -gt 0 ]]; do
		case $1 in
		--test) TEST=yes && shift ;;
		--watch-pid) WATCH=${2:?} && shift 2 ;;
		*) usage_die "'$1' is not understood" ;;
		esac
	done
	case $verb in
	env) cat -- "$DIR/postgres.env" 2>/dev/null || status ;;
	init) take_folder && init && rm -f -- "$DIR/postgres.lock" ;;
	*) "$verb" ;;
	esac
}

main "$@"
