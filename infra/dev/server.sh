# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Server: one background server that lives in one folder. Sourced by
# infra/kafka/kafka.sh and infra/postgres/postgres.sh; the words it has for
# talk, processes, ports and locks serve infra/dev/run.sh as well.
#
# Invariants: a process is signalled only after its command line has been seen
# to be ours, since a number in an old pid file may be anybody's by now; a
# zombie counts as gone; every wait has a deadline; whoever holds a folder's
# lock is the only one who starts or stops what lives in it, and no server
# inherits the lock.
#
# The file that sources this one sets SERVER to the name used in messages.
# shellcheck disable=SC2153

say() {
	printf '%s: %s\n' "$SERVER" "$*" >&2
}

hint() {
	printf 'HINT: %s\n' "$*" >&2
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

# now_ms sets REPLY: milliseconds, for deadlines. No process is made.
now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	REPLY=$((t / 1000))
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
	printf '%s\n' "$@" >"$file.new"
	mv -f "$file.new" "$file"
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
		exec 9>>"$1"
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

# watch_start SCRIPT DIR PID: let the server of DIR be stopped by `SCRIPT stop
# DIR` when process PID has gone, however that came about.
watch_start() {
	proc_alive "$3" || die "process $3, to be watched, is not there"
	proc_born "$3"
	setsid "$1" watch "$2" "$3" "$REPLY" </dev/null >/dev/null 2>&1 9>&- &
	write_file "$2/watch.pid" "$!"
}

# watch_run SCRIPT DIR PID BORN SERVER_FILE: what the watcher does. It ends by
# itself when the server has gone (SERVER_FILE holds no living process).
watch_run() {
	local server
	read_word "$5"
	server=$REPLY
	while proc_alive "$server"; do
		proc_born "$3"
		if [[ $REPLY != "$4" ]] || ! proc_alive "$3"; then
			rm -f -- "$2/watch.pid"
			exec "$1" stop "$2"
		fi
		sleep 0.5
	done
}

# watch_end SCRIPT DIR: the watcher is not needed any more.
watch_end() {
	local pid
	read_word "$2/watch.pid"
	pid=$REPLY
	rm -f -- "$2/watch.pid"
	if [[ -n $pid ]] && proc_has "$pid" "$1" && proc_has "$pid" "$2"; then
		end_process "$pid" 2000 || :
	fi
}
