#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Run: the whole shop on this machine, in one folder.
#
# It is one more server of server.sh: its process is the supervisor, which
# starts Kafka and Postgres side by side, declares topics and tables, deploys
# grill, workers and storefront, starts one `overlord agent`, which runs them,
# waits until all are ready, and starts again a server or an agent that died.
# It ends in the reverse order. `start` passes on what the supervisor says,
# until it is ready (DETACH=1) or until it ends.
#
# Invariants: nothing outlives the supervisor, for the agent gets SIGTERM from
# the kernel when it dies, programs get it when the agent dies, and the servers
# have watchers; a signal is heard at any moment, since what takes long is a job
# in the background that is waited for.
set -euo pipefail
# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/server.sh" run

# Read by server.sh. What is in our log has been passed on.
# shellcheck disable=SC2034
TITLE="the shop" N_PORTS=0 LOG_SHOWN=yes
RUN_DIR=${RUN_DIR:-$ROOT/.run}
BIN=${BIN:-$ROOT/build/rel/bin}
PORT=${PORT:-7000}
DETACH=${DETACH:-}
CHILLYBINS=${CHILLYBINS:-}
JAFFLRS=${JAFFLRS:-}
TALLYS=${TALLYS:-}
GRILLSIM_PLATES=${GRILLSIM_PLATES:-8}
GRILL=grill-1

# Long, since the first start fetches Kafka; a supervisor that ends is seen at
# once.
# shellcheck disable=SC2034
SERVER_START_DEADLINE_MS=1800000
# Long, since the machine may be busy.
READY_DEADLINE_MS=120000
# A worker ends its batch, publishes and leaves within this.
STOP_DEADLINE_MS=30000
# The agent's three layers, one after the other.
AGENT_DEADLINE_MS=100000
# A server's own script asks, waits and kills within this.
SERVER_DEADLINE_MS=60000
# Longest way down: three layers of programs, then jobs, then the servers.
SUPERVISOR_DEADLINE_MS=240000
FIRST_STOCK='{"stall":"main","items":[
	{"ingredient":"bread","quantity":100},
	{"ingredient":"cheese","quantity":50},
	{"ingredient":"vegemite","quantity":50},
	{"ingredient":"ham","quantity":50},
	{"ingredient":"tomato","quantity":50},
	{"ingredient":"pineapple","quantity":20}]}'

help() {
	cat <<-'TEXT'
	usage: run.sh start|stop|status|env|clean

	start    start everything, print the address, stay until Ctrl-C
	stop     stop it from another terminal, or after DETACH=1
	status   the address and 0 when it runs, 1 when it does not
	env      where its servers are, as NAME=value; overlord --run reads it
	clean    stop it and forget its state

	PORT=7000          the storefront's port
	RUN_DIR=.run       where state and logs lie
	DETACH=1           return when everything is ready
	CHILLYBINS= JAFFLRS= TALLYS=    how many of each worker (as many as
	                   in the last run, or 1)
	GRILLSIM_PLATES= GRILLSIM_SPEED=    the grill's plates (8) and speed
	KAFKA_BROKERS= DATABASE_URL=    servers that are there already
	BIN=build/rel/bin  the programs
	TEXT
}

# ---- programs --------------------------------------------------------------

OWN=() AGENT='' STOPPING='' INTERRUPTED='' FOLLOWS=''

# colours SERVICE prints those in which it runs from BIN, or from where BIN was
# in the last run, or blue if it was never deployed.
colours() {
	read_word "$DIR/run.bin"
	awk -v service="$1" -v bin=" $KEPT" -v old=" ${REPLY:-$KEPT}" '
		function ends(end) {
			return substr($0, length($0) - length(end) + 1) == end
		}
		$1 == service { deployed = 1 }
		$1 == service && (ends(bin) || ends(old)) { print $2 }
		END { if (!deployed) print "blue" }' "$DIR/log/deployments.log"
}

# keep_version sets KEPT: a copy of the programs, named by what they are. So a
# build changes nothing that is deployed. Copies that nothing names go.
keep_version() {
	local digest old programs=(chillybin grillsim jafflr storefront tally)
	digest=$(cd -- "$BIN" && sha256sum -- "${programs[@]}" | sha256sum)
	KEPT=$DIR/versions/${digest:0:16}
	for old in "$DIR"/versions/*; do
		[[ ! -d $old || $old == "$KEPT" ]] ||
			grep -q -F -e "$old" "$DIR/log/deployments.log" ||
			rm -rf -- "$old"
	done
	[[ ! -d $KEPT ]] || return 0
	rm -rf -- "$KEPT.new" && mkdir -p -- "$KEPT.new" &&
		(cd -- "$BIN" && cp -- "${programs[@]}" "$KEPT.new/") &&
		mv -- "$KEPT.new" "$KEPT"
}

# enter SERVICE COUNT [SETTING]: it runs from KEPT in these colours. What was
# deployed from another folder stays, and so does an empty COUNT.
enter() {
	local colour options=(--from "$KEPT" --force --execute)
	[[ -z $2 ]] || options+=(--instances "$2")
	[[ -z ${3-} ]] || options+=(--settings "$3")
	for colour in $(colours "$1"); do
		"$BIN/overlord" deploy "$1" "$colour" "${options[@]}" ||
			return 1
	done
}

# enter_all: what shall run. A grill that is started again has its address
# again.
enter_all() {
	"$BIN/overlord" deployments >"$DIR/log/deployments.log" &&
		keep_version &&
		enter grillsim '' "ADDR=$GRILL_ADDR" &&
		enter chillybin "$CHILLYBINS" && enter jafflr "$JAFFLRS" &&
		enter tally "$TALLYS" &&
		enter storefront '' "ADDR=127.0.0.1:$PORT" &&
		write_file "$DIR/run.bin" "$KEPT"
}

# agent_start: it runs what is entered. It gets SIGTERM when we are killed, and
# its programs get it when the agent is.
agent_start() {
	(
		export AGENT_DIR=$DIR AGENT_LOG_LEVEL=warn GRILLSIM_PLATES \
			GRILLSIM_LOG=$DIR/log/grill-edges.log
		exec setpriv --pdeathsig TERM "$BIN/overlord" agent --autoscale \
			--name "${HOSTNAME:0:40}-$PORT" --bound --drain
	) </dev/null &
	AGENT=$!
	disown
	proc_note "$DIR/pid/agent" "$AGENT"
}

# agent_stop: everything leaves in order; what does not is killed by it.
agent_stop() {
	[[ $AGENT ]] || return 0
	end_process "$AGENT" "$AGENT_DEADLINE_MS" ||
		say "the agent had to be killed"
}

# job NAME COMMAND...: a process that ends by itself; it is waited for below.
job() {
	"${@:2}" </dev/null >"$DIR/log/$1.log" 2>&1 &
	JOB[$1]=$!
}

job_wait() {
	job_end "$1" && return 0
	log_tail "$DIR/log/$1.log"
	fail "$2"
}

# ---- up --------------------------------------------------------------------

check_programs() {
	local name
	for name in storefront chillybin jafflr tally overlord grillsim; do
		[[ -x $BIN/$name ]] || die "there is no program '$BIN/$name'" \
			"make programs builds them; BIN= is where they are"
	done
	command -v setpriv curl >/dev/null || die "setpriv or curl is missing" \
		"infra/dev/bootstrap.sh --need run installs what is missing"
}

check_settings() {
	local name
	[[ $PORT =~ ^[1-9][0-9]{0,4}$ && $PORT -le 65535 ]] ||
		usage_die "PORT='$PORT' is no port"
	for name in CHILLYBINS JAFFLRS TALLYS GRILLSIM_PLATES; do
		[[ ${!name:-0} =~ ^(0|[1-9][0-9]{0,2})$ ]] || usage_die \
			"$name='${!name}' is no number"
	done
}

check_port() {
	local port
	port_taken "$PORT" || return 0
	port=$PORT
	while port_taken "$port"; do
		port=$((port % 65535 + 1))
	done
	die "port $PORT is taken by another program" \
		"PORT=$port is free: make run PORT=$port"
}

stop_command() {
	printf 'make stop'
	[[ $DIR == "$ROOT/.run" ]] || printf " RUN_DIR='%s'" "$DIR"
}

make_folders() {
	local log
	mkdir -p -- "$DIR/log" "$DIR/pid" "$DIR/probe"
	# The grill has its memory from its own log.
	for log in "$DIR"/log/*.log; do
		[[ ! -f $log || -L $log || $log == */grill-edges.log ]] ||
			mv -f -- "$log" "$log.1"
	done
	ln -sfn ../run.log "$DIR/log/run.log"
	ln -sfn ../kafka/kafka.log "$DIR/log/kafka.log"
	ln -sfn ../postgres/postgres.log "$DIR/log/postgres.log"
}

# write_addresses: for clients from outside, while it runs. Those of our own
# servers are remembered beyond that: a shell in whose environment they still
# are, and that starts the shop again, means ours, to be started first.
write_addresses() {
	local name lines=()
	for name in KAFKA_BROKERS DATABASE_URL DB_SCHEMA TOPIC_SUFFIX; do
		[[ -z ${!name-} ]] || lines+=("$name=${!name}")
	done
	[[ ${#OWN[@]} == 0 ]] || for name in "${OWN[@]}"; do
		cat -- "$DIR/$name/$name.env"
	done >"$DIR/own.env"
	write_file "$DIR/run.env" "${lines[@]}"
}

# forget_own: addresses of this folder's own servers say nothing new.
forget_own() {
	local name
	for name in KAFKA_BROKERS DATABASE_URL; do
		[[ -n ${!name-} ]] || continue
		cut -d = -f 2- -- "$DIR/own.env" 2>/dev/null |
			grep -q -x -F -e "${!name}" || continue
		say "$name is that of '$DIR' itself, starting what is there"
		unset "$name"
	done
}

# declare_all: tables, what is deployed and the grill while Kafka still starts,
# then topics.
declare_all() {
	[[ -n ${DATABASE_URL-} ]] || forget_pg_env
	own_wait "$DIR" postgres || fail "there is no Postgres"
	job migrate "$BIN/overlord" migrate up --execute
	job_wait migrate "the tables cannot be made"
	pick_port
	GRILL_ADDR=127.0.0.1:$REPLY
	job deploy enter_all
	job grill "$BIN/overlord" grill set "$GRILL" --address "$GRILL_ADDR" \
		--plates "$GRILLSIM_PLATES" --execute
	own_wait "$DIR" kafka || fail "there is no Kafka"
	write_addresses
	job topics "$BIN/overlord" topics apply --execute
	job_wait topics "the topics cannot be made"
	job_wait grill "the grill cannot be entered"
	job_wait deploy "the programs cannot be deployed"
}

# ready_or_gone: all programs are, or the agent has died.
ready_or_gone() {
	proc_gone "${JOB[ready]}" || proc_gone "$AGENT"
}

start_programs() {
	# It was free when we began, and the servers took their time.
	! port_taken "$PORT" ||
		fail "port $PORT has been taken by another program meanwhile"
	agent_start
	job ready "$BIN/overlord" deployments --wait
	# It says itself what is not ready in time.
	within $((2 * READY_DEADLINE_MS)) 0.02 ready_or_gone || :
	proc_alive "$AGENT" || fail "the agent has ended"
	job_wait ready "not all programs got ready"
}

# stock_get sets STOCK: what the stall `main` has, without white space.
stock_get() {
	STOCK=$(http -m 10 "http://127.0.0.1:$PORT/stock?stall=main") ||
		return 1
	STOCK=${STOCK//[[:space:]]/}
}

# stock_arrived: all of it; the ingredients come one after the other.
stock_arrived() {
	local items=${FIRST_STOCK//[!\}]/} there
	stock_get || return 1
	there=${STOCK//[!:]/}
	[[ ${#there} -ge $((${#items} - 1)) ]]
}

# first_stock: an empty shop cannot be tried. Orders and stock go the same way,
# so it waits until the stock has come out at the other end. An answer may take
# its time on a busy machine; no answer is no empty shop.
first_stock() {
	within "$READY_DEADLINE_MS" 0.2 stock_get ||
		fail "the storefront does not say what is in stock"
	[[ $STOCK == '{}' ]] || return 0
	http -o /dev/null -m 60 -H 'content-type: application/json' \
		-d "$FIRST_STOCK" "http://127.0.0.1:$PORT/restock" || {
		say "the first stock was not accepted; the shop is open but empty"
		return 0
	}
	within "$READY_DEADLINE_MS" 0.05 stock_arrived ||
		fail "the first stock was accepted, but does not arrive"
	say "stocked the stall 'main' for the first time"
}

# ---- while it runs ---------------------------------------------------------

# tend_agent: start it again when it has died; its programs died with it.
tend_agent() {
	proc_alive "$AGENT" && return 0
	say "the agent has died, starting it again"
	agent_start
}

# tend_server NAME: start a server of ours that has died again.
tend_server() {
	if [[ -n ${JOB[$1]-} ]]; then
		proc_alive "${JOB[$1]}" && return 0
		job_end "$1" || fail "$1 cannot be started again"
		return 0
	fi
	read_word "$DIR/$1/$1.pid"
	proc_alive "$REPLY" && return 0
	say "$1 has died, starting it again; see '$DIR/$1/$1.log.1'"
	own_start "$DIR" "$1"
}

# tend: until a signal comes. Between two looks it reads from a pipe to which
# nothing is written: a signal ends that.
tend() {
	local never name
	exec {never}<> <(:)
	while :; do
		tend_agent
		for name in "${OWN[@]}"; do tend_server "$name"; done
		read -r -t 0.5 -u "$never" || :
	done
}

# ---- down ------------------------------------------------------------------

stop_jobs() {
	local name
	for name in "${!JOB[@]}"; do
		end_process "${JOB[$name]}" "$SERVER_DEADLINE_MS" || :
	done
	JOB=()
}

forget_run() {
	rm -rf -- "$DIR/pid" "$DIR/probe"
	rm -f -- "$DIR"/run.{ready,address,env}
}

# shut_down STATUS: the one way out once the supervisor has begun.
shut_down() {
	local start
	[[ -z $STOPPING ]] || return 0
	STOPPING=yes
	trap 'say "stopping already"' INT TERM HUP
	trap - EXIT
	now_ms start
	say "stopping"
	agent_stop
	stop_jobs
	own_stop "$DIR" stop
	forget_run
	seconds_since "$start"
	say "stopped after $REPLY s; the state stays in '$DIR'"
	exit "$1"
}

# fail MESSAGE: what cannot go on goes down in order.
fail() {
	say "error: $1"
	hint "logs are in '$DIR/log'"
	shut_down 1
}

# ---- the supervisor as a server --------------------------------------------

supervise() {
	local begin name
	now_ms begin
	trap 'shut_down 0' INT TERM HUP
	trap 'shut_down $?' EXIT
	make_folders
	write_file "$DIR/run.address" "http://127.0.0.1:$PORT/"
	[[ -n ${KAFKA_BROKERS-} ]] || OWN+=(kafka)
	[[ -n ${DATABASE_URL-} ]] || OWN+=(postgres)
	for name in "${OWN[@]}"; do own_start "$DIR" "$name"; done
	declare_all
	start_programs
	first_stock
	seconds_since "$begin"
	say "ready after $REPLY s: http://127.0.0.1:$PORT/"
	if [[ $DETACH ]]; then
		say "$(stop_command) stops it; logs are in '$DIR/log'"
	else
		say "Ctrl-C stops it; logs are in '$DIR/log'"
	fi
	write_file "$DIR/run.ready" "$$"
	tend
}

server_open() {
	MARK=galore.run=$DIR
	PID_FILES=("$DIR/run.pid")
}

server_prepare() {
	forget_own
	server_clear
	check_port
	BIN=$(cd -- "$BIN" && pwd -P)
}

server_launch() {
	cd -- "$ROOT"
	export RUN_DIR=$DIR BIN PORT DETACH CHILLYBINS JAFFLRS TALLYS \
		GRILLSIM_PLATES
	: >"$DIR/run.log"
	exec 7<"$DIR/run.log"
	FOLLOWS=yes
	server_spawn setsid "$SELF" supervise "$MARK"
}

# then_pass_on COMMAND...: and what the supervisor has said. It asks first, so
# that the last words are not missed.
then_pass_on() {
	local r=0
	"$@" || r=1
	[[ -z $FOLLOWS ]] || cat <&7 >&2 || :
	return "$r"
}

server_up() {
	then_pass_on test -e "$DIR/run.ready"
}

gone() {
	then_pass_on proc_gone "$1"
}

server_fill() {
	mapfile -t ENV <"$DIR/run.env"
}

server_end() {
	kill -TERM "$1" 2>/dev/null || :
	within "$SUPERVISOR_DEADLINE_MS" 0.02 gone "$1" || {
		end_process "$1" 0 || :
		return 1
	}
	[[ $FOLLOWS ]] || say "stopped; the state stays in '$DIR'"
}

# server_clear: what a supervisor left that was killed. What it started is known
# by number and birth.
server_clear() {
	local file
	[[ -d $DIR/pid ]] || return 0
	for file in "$DIR"/pid/*; do
		! proc_noted "$file" || end_process "$REPLY" "$STOP_DEADLINE_MS" || :
	done
	own_stop "$DIR" stop
	forget_run
}

# server_forget: what we made, by name: RUN_DIR may be anybody's folder.
server_forget() {
	own_stop "$DIR" remove
	rm -rf -- "$DIR/log" "$DIR/versions" "$DIR/own.env" "$DIR/run.bin"
	say "forgot the state of '$DIR'"
}

# ---- verbs -----------------------------------------------------------------

# start: with DETACH=1 until it is ready, else until it ends. A watcher ends it
# when we are killed.
start() {
	local watch=(--watch-pid $$)
	check_settings
	check_programs
	! server_pid || {
		read_word "$DIR/run.address"
		die "it runs already in '$DIR'${REPLY:+, at $REPLY}" \
			"$(stop_command) stops it; RUN_DIR= and PORT= start another"
	}
	[[ ! $DETACH ]] || watch=()
	server_main start "$DIR" "${watch[@]}"
	exec 9>&-
	[[ -z $DETACH ]] || return 0
	trap 'INTERRUPTED=yes' INT TERM HUP
	until gone "$PID" || [[ $INTERRUPTED ]]; do
		sleep 0.1 || :
	done
	server_stop
	[[ ! $INTERRUPTED ]] || return 0
	grep -q '^run: stopped' "$DIR/run.log" || die "the shop was killed" \
		"the next start clears what is left of it"
	! grep -q '^run: error' "$DIR/run.log"
}

# stop: also one that still starts, whose lock we get when it has gone.
stop() {
	if server_pid; then
		kill -TERM "$REPLY" 2>/dev/null || :
	else
		say "nothing runs in '$DIR'"
	fi
	server_main stop "$DIR"
}

status() {
	server_pid || {
		say "nothing runs in '$DIR'"
		return 1
	}
	cat -- "$DIR/run.address" 2>/dev/null || :
	[[ -e $DIR/run.ready ]] && return 0
	say "still starting"
	return 1
}

case ${1-} in
start | supervise) ;;
watch) RUN_DIR=$2 ;;
stop | status | env | clean)
	[[ -d $RUN_DIR ]] || {
		say "nothing runs in '$RUN_DIR'"
		[[ $1 == stop || $1 == clean ]]
		exit
	} ;;
*)
	server_main "$@"
	exit
	;;
esac
folder_open "$RUN_DIR"
server_open
case $1 in
start | supervise | stop | status) "$1" ;;
env) server_main env "$DIR" ;;
clean) server_main remove "$DIR" ;;
watch) server_main "$@" ;;
esac
