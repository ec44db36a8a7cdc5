# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Server: one background server that lives in one folder, and what the scripts
# have in common: messages, deadlines, processes, ports, locks, the cache of
# what is fetched. Sourced, with the name of the script in messages.
#
# Invariants: a process is signalled only after its command line has been seen
# to be ours, since a number in an old pid file may be anybody's by now; a
# zombie counts as gone; every wait has a deadline; the holder of a folder's
# lock is the only one who starts or stops what lives in it, and no server
# inherits the lock; a start that does not come to its end, for whatever
# reason, ends what it started.
# shellcheck disable=SC2153

# What the caller's shell has set must not lead us astray.
unset CDPATH
SERVER=$1
HERE=$(cd -- "$(dirname -- "$0")" && pwd -P)
SELF=$HERE/${0##*/}
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
# The reader of our output may leave before us (`make run | tee log`, a closed
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
	hint "'$0 help' lists the commands"
	exit 2
}

# ---- time ------------------------------------------------------------------

# now_ms [NAME] sets NAME, or REPLY: milliseconds since the machine was started:
# setting the clock moves no deadline. No process is made.
now_ms() {
	local up
	IFS=' ' read -r up _ </proc/uptime
	printf -v "${1:-REPLY}" %d $((10#${up/./} * 10))
}

# seconds_since START_MS sets REPLY: "1.4".
seconds_since() {
	now_ms
	local d=$(((REPLY - $1) / 100))
	REPLY=$((d / 10)).$((d % 10))
}

# within MS PAUSE COMMAND...: true as soon as the command is, asked every PAUSE
# seconds; false when it is not within MS.
within() {
	local within_end within_pause=$2
	now_ms
	within_end=$((REPLY + $1))
	shift 2
	until "$@"; do
		now_ms
		[[ $REPLY -lt $within_end ]] || return 1
		sleep "$within_pause" 9>&-
	done
}

# ---- processes -------------------------------------------------------------

# proc_stat PID sets STAT: state, parent and so on; empty when it is gone.
proc_stat() {
	local line
	STAT=()
	[[ $1 =~ ^[0-9]+$ ]] || return 0
	{ IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
	read -r -a STAT <<<"${line##*) }"
}

proc_alive() {
	proc_stat "$1"
	[[ ${STAT[0]-X} != [ZX] ]]
}

proc_gone() {
	! proc_alive "$1"
}

# proc_born PID sets REPLY: the tick it was started at; with the pid it names
# one process for as long as the machine is up.
proc_born() {
	proc_stat "$1"
	REPLY=${STAT[19]-}
}

# proc_note FILE PID, and proc_noted FILE, which sets REPLY: the process that the
# file names, if it is still that one.
proc_note() {
	proc_born "$2"
	write_file "$1" "$2 $REPLY"
}

proc_noted() {
	local pid born
	read_word "$1"
	read -r pid born _ <<<"$REPLY" || :
	proc_born "${pid-}"
	[[ -n ${born-} && $REPLY == "$born" ]] && proc_alive "$pid" || return 1
	REPLY=$pid
}

# proc_has PID WORD...: alive, and each WORD is one whole argument of it.
proc_has() {
	local pid=$1 word argument
	proc_alive "$pid" || return 1
	for word in "${@:2}"; do
		while IFS= read -r -d '' argument || return 1; do
			[[ $argument != "$word" ]] || break
		done 2>/dev/null <"/proc/$pid/cmdline"
	done
}

# wait_gone PID MS: true when the process has gone within MS.
wait_gone() {
	within "$2" 0.02 proc_gone "$1"
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

# ---- files, ports, locks ---------------------------------------------------

# read_word FILE sets REPLY: the first line of it, or nothing.
read_word() {
	REPLY=
	{ IFS= read -r REPLY <"$1"; } 2>/dev/null || :
}

# write_file FILE TEXT...: whole or not at all; a line for each TEXT.
write_file() {
	if ! { printf '%s\n' "${@:2}" >"$1.new" && mv -f -- "$1.new" "$1"; }; then
		die "cannot write the file '$1'" "is the disk full?"
	fi
}

# export_file FILE: the settings that a server wrote for its clients.
export_file() {
	local line
	while IFS= read -r line; do
		export "${line?}"
	done <"$1"
}

# log_tail FILE [LINES]: the end of a log, which may say why.
log_tail() {
	[[ -s $1 ]] || return 0
	say "the end of '$1':"
	tail -n "${2:-15}" -- "$1" | sed 's/^/    /' >&2
}

# port_taken PORT: a program listens there, at any local address.
port_taken() {
	local hex
	printf -v hex ':%04X ' "$1"
	grep -q -E "^ *[0-9]+: [0-9A-F]+${hex}[0-9A-F]+:[0-9A-F]+ 0A " \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# pick_port sets REPLY: a free port below those that the kernel gives out to
# clients. It may be gone again when it is used: the server then tries anew.
pick_port() {
	local i
	for ((i = 0; i < 200; i++)); do
		REPLY=$((15000 + SRANDOM % 17000))
		port_taken "$REPLY" || return 0
	done
	die "no free port between 15000 and 32000"
}

# http OPTION... URL: past any proxy, and whatever ~/.curlrc says.
http() {
	curl -q -s -f --noproxy '*' "$@"
}

# port_ready FILE: the program that wrote its port into it says it is ready.
port_ready() {
	read_word "$1"
	[[ -n $REPLY ]] &&
		http -o /dev/null -m 2 "http://127.0.0.1:${REPLY##*:}/readyz"
}

# lock_try FILE: on descriptor 9, for as long as this shell lives. The file may
# have been removed by its last holder: what counts is what bears the name now.
lock_try() {
	exec 9>>"$1" || die "cannot open the lock '$1'"
	flock -n 9 && [[ /proc/self/fd/9 -ef $1 ]] && return 0
	exec 9>&-
	return 1
}

# lock_take FILE MS: true when the lock is ours within MS.
lock_take() {
	within "$2" 0.05 lock_try "$1"
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

# forget_pg_env: what the caller's shell says of another Postgres must not
# lead clients of ours there, nor make them ask for what ours does not have.
forget_pg_env() {
	local name
	for name in "${!PG@}"; do
		[[ $name == PG_BIN ]] || unset "$name"
	done
}

# ---- what is fetched once --------------------------------------------------

# cache_folder NAME sets REPLY: a folder beside all checkouts.
cache_folder() {
	local home=${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6 || :)}
	REPLY=${XDG_CACHE_HOME:-$home/.cache}/toasties-galore
	[[ $REPLY == /* ]] || REPLY=$PWD/$REPLY
	[[ $REPLY != *:* ]] ||
		die "the cache folder '$REPLY' may not have a colon in its name" \
			"set XDG_CACHE_HOME to another folder"
	mkdir -p -- "$REPLY" 2>/dev/null || :
	[[ -d $REPLY && -w $REPLY ]] ||
		die "cannot write to the cache folder '$REPLY'" \
			"set XDG_CACHE_HOME to a folder that $(id -un) may write to"
	REPLY=$REPLY/$1
}

# fetch_alone FOLDER COMMAND...: one fetcher at a time; the second finds the
# work of the first done. It runs in the background in a group of its own, so
# that a signal that we get ends all that it has begun.
fetch_alone() {
	local fetcher r=0
	: >>"$1.lock" || die "cannot open the lock '$1.lock'" \
		"give it to $(id -un), or set XDG_CACHE_HOME to another folder"
	flock -n "$1.lock" true ||
		say "another process fetches into '$1', waiting for it"
	setsid flock -o -w 600 "$1.lock" "${@:2}" </dev/null 9>&- &
	fetcher=$!
	trap 'fetch_end "$fetcher"; die "interrupted"' INT TERM HUP
	wait "$fetcher" || r=$?
	trap - INT TERM HUP
	return "$r"
}

fetch_end() {
	trap '' INT TERM HUP
	kill -TERM -- "-$1" 2>/dev/null || :
	end_process "$1" 5000 || :
	within 5000 0.02 group_gone "$1" || kill -KILL -- "-$1" 2>/dev/null || :
}

group_gone() {
	! kill -0 -- "-$1" 2>/dev/null
}

# ---- the server of a folder ------------------------------------------------
#
# The script of a server sets TITLE, its name in messages; N_PORTS, how many
# ports are chosen for it (with 0 it says itself where it serves); and LOG_SHOWN,
# when its log need not be shown again. It defines:
#
#	server_open          the folder is DIR: PID_FILES that may name the
#	                     process, MARK that its command line bears
#	server_option WORD...  sets REPLY: how many of the words are its own
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
PID='' WATCH='' PORTS=() ENV=() LOG_SHOWN=''

# server_pid sets REPLY: the process of the server of DIR, empty when none.
server_pid() {
	local file
	for file in "${PID_FILES[@]}"; do
		read_word "$file"
		! proc_has "$REPLY" "$MARK" || return 0
	done
	REPLY=
	return 1
}

server_lock() {
	# Longer than any start or stop may take.
	lock_take "$DIR/$SERVER.lock" 300000 ||
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

# server_decided: it serves, or it has ended. Says now and then that it waits.
server_decided() {
	server_up || proc_gone "$PID" || {
		seconds_since "$BEGAN_MS"
		[[ ${REPLY%.*} -lt $SAY_AFTER_S ]] || {
			say "still starting after $REPLY s"
			SAY_AFTER_S=$((2 * SAY_AFTER_S))
		}
		return 1
	}
}

# server_wait: true when PID serves; false when it ended, or took too long.
server_wait() {
	now_ms BEGAN_MS
	SAY_AFTER_S=5
	within "$SERVER_START_DEADLINE_MS" 0.03 server_decided &&
		proc_alive "$PID"
}

# server_try: true when it serves. It is watched from its first moment.
server_try() {
	local log=$DIR/$SERVER.log
	[[ ! -f $log ]] || mv -f -- "$log" "$log.1"
	[[ $N_PORTS == 0 ]] || ports_choose
	server_launch
	[[ -z $WATCH ]] || watch_start
	server_wait && return 0
	server_drop
	return 1
}

# port_was_lost: another program got a port between our choice and its use.
port_was_lost() {
	[[ $N_PORTS -gt 0 ]] || return 1
	grep -q 'Address already in use' "$DIR/$SERVER.log" || return 1
	rm -f -- "$DIR/$SERVER.ports"
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
	local begin try=1
	server_lock
	! server_pid || die "the server of '$DIR' runs already (process $REPLY)" \
		"'$SELF' stop '$DIR' ends it"
	trap server_give_up EXIT
	trap 'die "interrupted"' INT TERM HUP
	rm -f -- "$DIR/$SERVER".{pid,env}
	server_prepare
	now_ms begin
	until server_try; do
		if [[ $((try++)) -lt 5 ]] && port_was_lost; then
			continue
		fi
		[[ $LOG_SHOWN ]] || log_tail "$DIR/$SERVER.log"
		die "$TITLE did not begin to serve" \
			"the whole log is '$DIR/$SERVER.log'"
	done
	server_fill
	write_file "$DIR/$SERVER.env" "${ENV[@]}"
	trap - EXIT INT TERM HUP
	[[ $N_PORTS -gt 0 ]] || return 0
	seconds_since "$begin"
	say "$TITLE serves at 127.0.0.1:${PORTS[0]} after $REPLY s"
}

# server_down: also the second time, and when there never was a server.
server_down() {
	server_lock
	! server_pid || server_end "$REPLY" ||
		say "the server of '$DIR' had to be killed"
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
	server_pid || {
		say "nothing runs in '$DIR'"
		return 1
	}
	read_word "$DIR/$SERVER.env"
	if [[ -n $REPLY ]] && (server_answers "${REPLY#*=}"); then
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
	local verb=${1:-help}
	case $verb in
	help | --help | -h)
		help
		return
		;;
	start | stop | status | env | remove | watch) ;;
	*) usage_die "there is no '$verb'" ;;
	esac
	folder_open "${2-}"
	shift 2
	server_open
	while [[ $verb != watch && $# -gt 0 ]]; do
		if [[ $1 == --watch-pid && ${2-} =~ ^[0-9]+$ ]]; then
			WATCH=$2
			REPLY=2
		else
			server_option "$@" || usage_die "'$*' is not understood"
		fi
		shift "$REPLY"
	done
	"server_$verb" "$@"
}

# ---- servers for one who needs them ----------------------------------------

# By name: processes of ours that end by themselves.
declare -A JOB=()

# job_end NAME: waits for it; true when it went well.
job_end() {
	local r=0
	wait "${JOB[$1]}" || r=$?
	unset "JOB[$1]"
	return "$r"
}

# own_start DIR NAME [OPTION]...: begins to start the kafka or the postgres of
# DIR, which ends with us.
own_start() {
	"$ROOT/infra/$2/$2.sh" start "$1/$2" --watch-pid $$ "${@:3}" </dev/null &
	JOB[$2]=$!
}

# own_wait DIR NAME: false when it cannot serve. Exports where it is.
own_wait() {
	[[ ${JOB[$2]-} ]] || return 0
	job_end "$2" || return 1
	export_file "$1/$2/$2.env"
}

# own_stop DIR stop|remove: those of DIR, side by side.
own_stop() {
	local name pids=() pid
	for name in kafka postgres; do
		[[ -d $1/$name ]] || continue
		"$ROOT/infra/$name/$name.sh" "$2" "$1/$name" 9>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait_gone "$pid" 60000 || say "a server in '$1' does not stop"
	done
}

# ---- the watcher of a server -----------------------------------------------

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

# server_watch SERVER_PID PID BORN: what the watcher does. It ends by itself when
# the server has gone. It waits on a pipe to which nothing is written, since a
# process that sleeps would outlive it.
server_watch() {
	local never
	exec {never}<> <(:)
	while proc_alive "$1"; do
		proc_born "$2"
		if [[ $REPLY != "$3" ]] || proc_gone "$2"; then
			rm -f -- "$DIR/watch.pid"
			exec "$SELF" stop "$DIR"
		fi
		read -r -t 0.5 -u "$never" || :
	done
}

# watch_end: the watcher is not needed any more.
watch_end() {
	read_word "$DIR/watch.pid"
	rm -f -- "$DIR/watch.pid"
	! proc_has "$REPLY" "$SELF" "$DIR" || end_process "$REPLY" 2000 || :
}
