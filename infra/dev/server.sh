# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Server: one background server that lives in one folder. Sourced by
# infra/kafka/kafka.sh and infra/postgres/postgres.sh, which add what is theirs
# (see "the server of a folder"); the words it has for talk, processes, ports
# and locks serve other scripts as well.
#
# Invariants: a process is signalled only after its command line has been seen
# to be ours, since a number in an old pid file may be anybody's by now; a
# zombie counts as gone; every wait has a deadline; whoever holds a folder's
# lock is the only one who starts or stops what lives in it, and no server
# inherits the lock; a start that does not come to its end, for whatever
# reason, ends what it started.
#
# The file that sources this one sets SERVER to the name used in messages.
# shellcheck disable=SC2153

# What the caller's shell has set for himself must not lead us astray.
unset CDPATH
# Whoever reads our words may leave before us (`make run | tee log`, a closed
# window): that ends no script half-way.
trap : PIPE

say() {
	printf '%s: %s\n' "$SERVER" "$*" >&2 || :
}

hint() {
	printf 'HINT: %s\n' "$*" >&2 || :
}

# die MESSAGE [HINT]...: one reason, then what to do about it.
die() {
	say "error: $1"
	shift
	local h
	for h in "$@"; do hint "$h"; done
	exit 1
}

usage_die() {
	say "error: $1"
	hint "'$0 help' lists what can be said"
	exit 2
}

# now_ms sets REPLY: milliseconds since the machine was started, for deadlines:
# a clock that is set right while we wait moves none. No process is made.
now_ms() {
	local up
	IFS=' ' read -r up _ </proc/uptime
	REPLY=$((10#${up/./} * 10))
}

# seconds_since START_MS sets REPLY: "1.4".
seconds_since() {
	local start=$1 d
	now_ms
	d=$(((REPLY - start) / 100))
	REPLY=$((d / 10)).$((d % 10))
}

# proc_state PID sets REPLY: the letter of its state, empty when it is gone.
proc_state() {
	local line
	REPLY=
	[[ $1 =~ ^[0-9]+$ ]] || return 0
	{ IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
	line=${line##*) }
	REPLY=${line%% *}
}

proc_alive() {
	proc_state "$1"
	[[ -n $REPLY && $REPLY != Z && $REPLY != X ]]
}

# proc_born PID sets REPLY: the tick it was started at; with the pid it names
# one process for as long as the machine is up.
proc_born() {
	local line
	local -a field
	REPLY=
	{ IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
	read -r -a field <<<"${line##*) }"
	REPLY=${field[19]-}
}

# proc_has PID WORD: alive, and WORD is one whole argument of its command.
proc_has() {
	local word
	proc_alive "$1" || return 1
	while IFS= read -r -d '' word; do
		[[ $word == "$2" ]] && return 0
	done 2>/dev/null <"/proc/$1/cmdline"
	return 1
}

# wait_gone PID MS: true when the process has gone within MS.
wait_gone() {
	local end
	now_ms
	end=$((REPLY + $2))
	while proc_alive "$1"; do
		now_ms
		[[ $REPLY -lt $end ]] || return 1
		sleep 0.02
	done
}

# end_process PID MS [SIGNAL]: ask, wait MS, then kill. True when it went by
# itself. The caller has made sure whose process it is.
end_process() {
	kill -"${3:-TERM}" "$1" 2>/dev/null || :
	wait_gone "$1" "$2" && return 0
	kill -KILL "$1" 2>/dev/null || :
	wait_gone "$1" 10000 || die "process $1 does not go even when killed"
	return 1
}

# read_word FILE sets REPLY: the first line of it, or nothing.
read_word() {
	REPLY=
	{ IFS= read -r REPLY <"$1"; } 2>/dev/null || :
}

# write_file FILE TEXT...: whole or not at all; a line for each TEXT.
write_file() {
	local file=$1
	shift
	if printf '%s\n' "$@" >"$file.new" && mv -f -- "$file.new" "$file"; then
		return 0
	fi
	die "cannot write the file '$file'" "is the disk full?"
}

# port_taken PORT: somebody listens there, whichever local address it is.
port_taken() {
	local hex
	printf -v hex ':%04X ' "$1"
	grep -q -E "^ *[0-9]+: [0-9A-F]+${hex}[0-9A-F]+:[0-9A-F]+ 0A " \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# pick_port sets REPLY: a free port below those that the kernel gives out to
# clients. It may be gone again when it is used: who binds it tries anew.
pick_port() {
	local i
	for ((i = 0; i < 200; i++)); do
		REPLY=$((15000 + SRANDOM % 17000))
		port_taken "$REPLY" || return 0
	done
	die "no free port between 15000 and 32000"
}

# lock_take FILE MS: on descriptor 9, for as long as this shell lives; true
# when it is ours. The file may be removed by who held it before: what counts
# is the file that bears the name now.
lock_take() {
	local end
	now_ms
	end=$((REPLY + $2))
	while :; do
		exec 9>>"$1" || die "cannot open the lock '$1'"
		if flock -n 9; then
			[[ /proc/self/fd/9 -ef $1 ]] && return 0
		fi
		exec 9>&-
		now_ms
		[[ $REPLY -lt $end ]] || return 1
		sleep 0.05
	done
}

# folder_open DIR sets DIR to its real path, and makes it if need be.
folder_open() {
	[[ -n ${1-} && $1 != -* ]] || usage_die "which folder?"
	[[ ! -e $1 || -d $1 ]] || die "'$1' is no folder"
	mkdir -p -- "$1" 2>/dev/null ||
		die "cannot make the folder '$1'" \
			"give a folder that $(id -un) may write to"
	DIR=$(cd -- "$1" && pwd -P)
	[[ -w $DIR ]] || die "cannot write to the folder '$DIR'" \
		"give a folder that $(id -un) may write to"
}

# log_tail FILE: the end of a log, for whoever has to find out why.
log_tail() {
	[[ -s $1 ]] || return 0
	say "the end of '$1':"
	tail -n "${2:-15}" -- "$1" | sed 's/^/    /' >&2
}

# export_file FILE: the settings that a server wrote for its clients.
export_file() {
	local line
	while IFS= read -r line; do
		export "${line?}"
	done <"$1"
}

# forget_pg_env: what the caller's shell says of another Postgres must not
# lead clients of ours there, nor make them ask for what ours does not have.
forget_pg_env() {
	local name
	for name in "${!PG@}"; do
		[[ $name == PG_BIN ]] || unset "$name"
	done
}

# ---- the server of a folder ------------------------------------------------
#
# The script of a server sets, besides SERVER, its own path SELF, its name in
# messages TITLE, and N_PORTS, and defines:
#
#	server_open          the folder is DIR: PID_FILES that may name the
#	                     process, MARK that its command line bears
#	server_option WORD...  sets REPLY: how many words it took of them
#	server_prepare       what must be there before the first try to start
#	server_launch        settings for PORTS, then server_spawn
#	server_up            the process PID serves; asked until it does
#	server_fill          what is to be made in a server that serves; sets
#	                     ENV, lines for its clients, the address first
#	server_answers ADDRESS  it answers now
#	server_end PID       true when it ended without force
#	server_clear         what a server that has ended leaves outside DIR
#	server_forget        its data
#
# In DIR lie, by the server's name: .pid, .env (there while it serves), .ports
# (kept for the next start), .log, .log.1 and .lock.

# Many times what a start takes, since the machine may be busy with other work;
# one that fails is seen at once, by its end.
SERVER_START_DEADLINE_MS=180000
PID='' WATCH='' PORTS=() ENV=()

# server_pid sets REPLY: the process of the server of DIR, empty when none.
server_pid() {
	local file pid
	for file in "${PID_FILES[@]}"; do
		read_word "$file"
		pid=$REPLY
		if proc_has "$pid" "$MARK"; then
			REPLY=$pid
			return 0
		fi
	done
	REPLY=
	return 1
}

server_take_folder() {
	lock_take "$DIR/$SERVER.lock" "$SERVER_START_DEADLINE_MS" ||
		die "another process is starting or stopping the server of '$DIR'"
}

# ports_choose sets PORTS: those of the last start, as far as they are free.
# Clients know the first, so it is said when that is another one now.
ports_choose() {
	local i old
	read_word "$DIR/$SERVER.ports"
	IFS=' ' read -r -a PORTS <<<"$REPLY"
	old=${PORTS[0]-}
	for ((i = 0; i < N_PORTS; i++)); do
		while [[ ! ${PORTS[i]-} =~ ^[0-9]+$ ]] ||
			[[ " ${PORTS[*]:0:i} " == *" ${PORTS[i]} "* ]] ||
			port_taken "${PORTS[i]}"; do
			pick_port
			PORTS[i]=$REPLY
		done
	done
	[[ -z $old || $old == "${PORTS[0]}" ]] ||
		say "port $old is taken by another program, using ${PORTS[0]}"
	write_file "$DIR/$SERVER.ports" "${PORTS[*]}"
}

# server_spawn COMMAND...: in the background, without our locks; sets PID.
server_spawn() {
	"$@" </dev/null >>"$DIR/$SERVER.log" 2>&1 8>&- 9>&- &
	PID=$!
	disown
	write_file "$DIR/$SERVER.pid" "$PID"
}

# server_wait: true when PID serves; false when it ended, or took too long.
server_wait() {
	local start end said
	now_ms
	start=$REPLY
	end=$((start + SERVER_START_DEADLINE_MS))
	said=$((start + 5000))
	until server_up; do
		proc_alive "$PID" || return 1
		now_ms
		[[ $REPLY -lt $end ]] || return 1
		if [[ $REPLY -gt $said ]]; then
			seconds_since "$start"
			say "still starting after $REPLY s"
			said=$((said + said - start))
		fi
		sleep 0.03
	done
	proc_alive "$PID"
}

# server_try: true when it serves; 2 when somebody else got a port first. It is
# watched from its first moment.
server_try() {
	local log=$DIR/$SERVER.log
	[[ ! -f $log ]] || mv -f -- "$log" "$log.1"
	ports_choose
	server_launch
	[[ -z $WATCH ]] || watch_start
	server_wait && return 0
	server_drop
	grep -q 'Address already in use' "$log" || return 1
	rm -f -- "$DIR/$SERVER.ports"
	return 2
}

# server_drop: the process that did not come to serve.
server_drop() {
	[[ -z $PID ]] || server_end "$PID" || :
	PID=''
	watch_end
	rm -f -- "$DIR/$SERVER".{pid,env}
}

# server_give_up: a start that does not come to its end leaves nothing behind.
server_give_up() {
	trap '' INT TERM HUP
	server_drop
	server_clear
	rm -f -- "$DIR/$SERVER.lock"
}

server_start() {
	local begin try r
	server_take_folder
	if server_pid; then
		die "the server of '$DIR' runs already (process $REPLY)" \
			"'$SELF' stop '$DIR' ends it"
	fi
	trap server_give_up EXIT
	trap 'die "interrupted"' INT TERM HUP
	rm -f -- "$DIR/$SERVER".{pid,env}
	server_prepare
	now_ms
	begin=$REPLY
	for ((try = 0; try < 5; try++)); do
		r=0
		server_try || r=$?
		[[ $r == 2 ]] || break
	done
	if [[ $r != 0 ]]; then
		log_tail "$DIR/$SERVER.log"
		die "$TITLE did not begin to serve" \
			"the whole log is '$DIR/$SERVER.log'"
	fi
	server_fill
	write_file "$DIR/$SERVER.env" "${ENV[@]}"
	trap - EXIT INT TERM HUP
	seconds_since "$begin"
	say "$TITLE serves at 127.0.0.1:${PORTS[0]} after $REPLY s"
}

# server_down: also the second time, and when there never was a server.
server_down() {
	server_take_folder
	if server_pid; then
		server_end "$REPLY" || say "the server of '$DIR' had to be killed"
	fi
	watch_end
	server_clear
	rm -f -- "$DIR/$SERVER".{pid,env}
}

server_stop() {
	server_down
	rm -f -- "$DIR/$SERVER.lock"
}

server_remove() {
	server_down
	server_forget
	rm -f -- "$DIR/$SERVER".{ports,log,log.1,lock}
	rmdir -- "$DIR" 2>/dev/null || :
}

server_status() {
	if ! server_pid; then
		say "no server runs in '$DIR'"
		return 1
	fi
	read_word "$DIR/$SERVER.env"
	REPLY=${REPLY#*=}
	if [[ -n $REPLY ]] && server_answers "$REPLY"; then
		read_word "$DIR/$SERVER.env"
		printf '%s\n' "${REPLY#*=}"
		return 0
	fi
	say "the server of '$DIR' runs, but does not serve"
	return 1
}

server_env() {
	cat -- "$DIR/$SERVER.env" 2>/dev/null || server_status
}

# server_main VERB DIR [OPTION]...
server_main() {
	local verb=$1
	folder_open "${2-}"
	shift 2
	server_open
	if [[ $verb == watch ]]; then
		watch_run "$@"
		return
	fi
	while [[ $# -gt 0 ]]; do
		if [[ $1 == --watch-pid && ${2-} =~ ^[0-9]+$ ]]; then
			WATCH=$2
			REPLY=2
		else
			server_option "$@" || usage_die "'$*' is not understood"
		fi
		shift "$REPLY"
	done
	"server_$verb"
}

# ---- who watches it --------------------------------------------------------

# watch_start: let the server of DIR be stopped when process WATCH has gone,
# however that came about. Should we be in the middle of a start then, the
# watcher waits for its end.
watch_start() {
	proc_alive "$WATCH" || die "process $WATCH, to be watched, is not there"
	proc_born "$WATCH"
	setsid "$SELF" watch "$DIR" "$PID" "$WATCH" "$REPLY" \
		</dev/null >/dev/null 2>&1 8>&- 9>&- &
	write_file "$DIR/watch.pid" "$!"
}

# watch_run SERVER_PID PID BORN: what the watcher does. It ends by itself when
# the server has gone. It waits on a pipe that nobody writes to, since a
# process that sleeps would outlive it.
watch_run() {
	local never
	exec {never}<> <(:)
	while proc_alive "$1"; do
		proc_born "$2"
		if [[ $REPLY != "$3" ]] || ! proc_alive "$2"; then
			rm -f -- "$DIR/watch.pid"
			exec "$SELF" stop "$DIR"
		fi
		read -r -t 0.5 -u "$never" || :
	done
}

# watch_end: the watcher is not needed any more.
watch_end() {
	local pid
	read_word "$DIR/watch.pid"
	pid=$REPLY
	rm -f -- "$DIR/watch.pid"
	if [[ -n $pid ]] && proc_has "$pid" "$SELF" && proc_has "$pid" "$DIR"; then
		end_process "$pid" 2000 || :
	fi
}
