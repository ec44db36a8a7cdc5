#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Kafka: a real Apache Kafka of one node (KRaft), private to one folder.
#
# The jars come from Maven Central once, into a cache beside all checkouts, and
# are looked at before each start: exactly those that sha256.txt names, with
# exactly those sums. The class path names each of them, so that nothing else
# is ever loaded. A class archive beside them halves the time to start.
#
# Invariants: a folder has at most one server; its client port stays the same
# from start to start as long as nobody else took it; `start` returns 0 only
# after the broker has answered a metadata request and can serve groups.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
SELF=$HERE/kafka.sh
# Read by server.sh.
# shellcheck disable=SC2034
SERVER=kafka
# shellcheck source=infra/dev/server.sh
. "$HERE/../dev/server.sh"

VERSION=${KAFKA_VERSION:-4.3.1}
HEAP_MB=${KAFKA_HEAP_MB:-256}
LIST=$HERE/$VERSION/sha256.txt
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/toasties-galore
JARS=$CACHE/kafka-$VERSION
JAVA=${JAVA:-java}
COPY_JARS=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
# Several times what a start takes on a machine that is busy with other work.
START_DEADLINE_MS=60000
STOP_DEADLINE_MS=15000
FETCH_DEADLINE_S=600

help() {
	cat <<-'TEXT'
	usage: kafka.sh fetch
	       kafka.sh start DIR [--watch-pid PID] [--set KEY=VALUE]...
	       kafka.sh stop|status|env|remove DIR
	       kafka.sh tool CLASS [ARGUMENT]...

	fetch    get and check the jars, make the class archive
	start    start the server of DIR; returns when it serves
	stop     stop it; its data stay
	status   its address and 0 when it serves, 1 when it does not
	env      print DIR/kafka.env: KAFKA_BROKERS=127.0.0.1:PORT
	remove   stop it and forget its data
	tool     run one of Kafka's own tools by the name of its class

	--watch-pid PID  stop it when process PID has gone
	--set KEY=VALUE  one more setting of the broker

	KAFKA_VERSION picks the version: 4.3.1 (default) or 3.9.2.
	KAFKA_HEAP_MB is the broker's heap: 256 carry 2400 partitions.
	TEXT
}

# ---- the jars --------------------------------------------------------------

check_version() {
	[[ $VERSION =~ ^[0-9][0-9.]*$ && -f $LIST ]] || die \
		"there is no list of checksums for Kafka '$VERSION'" \
		"KAFKA_VERSION is one of: $(cd "$HERE" && echo [0-9]*)"
}

# jars_right DIR sets WRONG: exactly the jars of the list, with their sums.
jars_right() {
	local jar sum name
	local -A listed=()
	WRONG="there is no folder '$1'"
	[[ -d $1 ]] || return 1
	while read -r sum name; do
		listed[$name]=$sum
	done <"$LIST"
	for jar in "$1"/*.jar; do
		WRONG="'$jar' is not on the list of checksums"
		[[ ${listed[${jar##*/}]-} ]] || return 1
	done
	WRONG=$(cd -- "$1" && sha256sum --strict --quiet -c "$LIST" 2>&1)
}

# class_path DIR sets REPLY: the jars of the list and no others.
class_path() {
	local name
	REPLY=
	while read -r _ name; do
		REPLY+=:$1/$name
	done <"$LIST"
	REPLY=${REPLY#:}
}

need_java() {
	command -v "$JAVA" >/dev/null || die "there is no '$JAVA'" \
		"infra/dev/bootstrap.sh --need run installs what is missing" \
		"or set JAVA to a Java 17 or later"
}

# The lock of the cache is descriptor 8. Concurrent fetchers wait for the first
# and then find its work done.
fetch_jars() {
	local fresh start
	[[ $CACHE != *:* ]] ||
		die "the cache folder '$CACHE' may not have a colon in its name" \
			"set XDG_CACHE_HOME to another folder"
	mkdir -p -- "$CACHE" || die "cannot make the cache folder '$CACHE'" \
		"set XDG_CACHE_HOME to a folder that may be written to"
	exec 8>>"$JARS.lock"
	flock -n 8 || {
		say "another process fetches Kafka $VERSION, waiting for it"
		flock -w "$FETCH_DEADLINE_S" 8 ||
			die "the other fetch of Kafka $VERSION does not end"
	}
	jars_right "$JARS" && return 0
	[[ ! -d $JARS ]] || say "the cache is damaged: $WRONG; fetching again"

	command -v mvn >/dev/null || die \
		"Maven, which fetches Kafka, is not installed" \
		"infra/dev/bootstrap.sh --need run installs what is missing"
	now_ms
	start=$REPLY
	say "fetching Kafka $VERSION (40 MB, once) into '$JARS'"
	rm -rf -- "$JARS".new.*
	fresh=$(mktemp -d "$JARS.new.XXXXXX")
	fetch_into "$fresh"
	rm -rf -- "$JARS"
	chmod 0755 "$fresh"
	mv -- "$fresh" "$JARS"
	seconds_since "$start"
	say "fetched and checked Kafka $VERSION in $REPLY s"
}

fetch_into() {
	local out
	out=$(timeout "$FETCH_DEADLINE_S" mvn -B -ntp -q -C \
		-Dstyle.color=never -f "$HERE/$VERSION/pom.xml" \
		"$COPY_JARS" -DincludeScope=runtime \
		"-DoutputDirectory=$1" 2>&1 8>&-) || {
		rm -rf -- "$1"
		printf '%s\n' "$out" | grep -F '[ERROR]' | head -n 2 |
			sed 's/^.*\[ERROR\]/   /' >&2 || :
		die "Kafka $VERSION cannot be fetched" \
			"is there a way to Maven Central? a proxy or mirror is set in ~/.m2/settings.xml" \
			"or set KAFKA_BROKERS to a Kafka that is there already"
	}
	jars_right "$1" || {
		rm -rf -- "$1"
		die "what was fetched is not what was asked for: $WRONG" \
			"the source may be tampered with: do not use it; the sums are in '$LIST'"
	}
}

# ---- the class archive -----------------------------------------------------

# archive_name sets REPLY: an archive is good for one build of one Java.
archive_name() {
	local home id
	home=$(readlink -f -- "$(command -v "$JAVA")")
	home=${home%/bin/*}
	id=$(stat -L -c '%n %s %Y' "$home/lib/server/libjvm.so" 2>/dev/null |
		cksum) || :
	REPLY=$JARS/classes-${id%% *}.jsa
}

# archive_make FILE: a broker starts, serves and ends; what it loaded is kept.
# Without an archive everything works, only slower: so a failure is said, no
# more. The lock of the cache is held.
archive_make() {
	local DIR EXTRA=() PID PORT CONTROLLER_PORT
	[[ -w $JARS ]] || return 0
	say "making the class archive of Kafka $VERSION (once)"
	DIR=$(mktemp -d "$JARS.new.XXXXXX")
	pick_ports
	write_settings
	format_data
	launch "-XX:ArchiveClassesAtExit=$DIR/classes.jsa" 8>&-
	if wait_serving && end_process "$PID" "$START_DEADLINE_MS" &&
		[[ -s $DIR/classes.jsa ]]; then
		mv -f -- "$DIR/classes.jsa" "$1"
	else
		end_process "$PID" 0 || :
		say "the class archive could not be made, will do without"
	fi
	rm -rf -- "$DIR"
}

fetch() {
	check_version
	need_java
	archive_name
	local archive=$REPLY
	jars_right "$JARS" && [[ -s $archive || ! -w $JARS ]] && return 0
	fetch_jars
	[[ -s $archive ]] || archive_make "$archive"
	exec 8>&-
}

# ---- the server ------------------------------------------------------------

# write_settings: from PORT and CONTROLLER_PORT; EXTRA lines come last and win.
write_settings() {
	local data=${DIR//\\/\\\\}/data
	write_file "$DIR/server.properties" \
		"process.roles=broker,controller" \
		"node.id=1" \
		"listeners=PLAINTEXT://127.0.0.1:$PORT,CONTROLLER://127.0.0.1:$CONTROLLER_PORT" \
		"advertised.listeners=PLAINTEXT://127.0.0.1:$PORT" \
		"controller.listener.names=CONTROLLER" \
		"controller.quorum.voters=1@127.0.0.1:$CONTROLLER_PORT" \
		"log.dirs=$data" \
		"$(sed -e '/^#/d' -e '/^$/d' "$HERE/server.properties")" \
		${EXTRA[@]+"${EXTRA[@]}"}
}

# java_run ARGUMENT...: does not return. FRONT is what goes before the command.
java_run() {
	class_path "$JARS"
	local path=$REPLY
	archive_name
	local archive=()
	[[ ! -s $REPLY ]] || archive=("-XX:SharedArchiveFile=$REPLY")
	exec ${FRONT-} "$JAVA" ${archive[@]+"${archive[@]}"} -XX:+UseSerialGC \
		-XX:-UsePerfData -Xshare:auto -Xlog:cds=off \
		-Xlog:cds+dynamic=off \
		"-Dlog4j2.configurationFile=$HERE/log4j2.properties" \
		"-Dlog4j.configuration=file:$HERE/log4j.properties" \
		-cp "$path" "$@"
}

# format_data: an empty folder becomes the log of a new cluster.
format_data() {
	local id=- out
	read_word "$DIR/data/meta.properties"
	[[ -z $REPLY ]] || return 0
	while [[ $id == -* ]]; do
		id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_')
		id=${id%==}
	done
	out=$( (java_run -Xmx64m -XX:TieredStopAtLevel=1 kafka.tools.StorageTool \
		format -t "$id" -c "$DIR/server.properties") 2>&1) || {
		printf '%s\n' "$out" | tail -n 5 | sed 's/^/    /' >&2
		die "the folder '$DIR/data' cannot be formatted"
	}
	write_file "$DIR/kafka.version" "$VERSION"
}

# launch [JVM OPTION]... sets PID. Whoever locked the folder keeps the lock to
# itself.
launch() {
	ulimit -S -n "$(ulimit -H -n)"
	(FRONT=setsid java_run "$@" "-Xmx${HEAP_MB}m" "-Dgalore.kafka=$DIR" kafka.Kafka \
		"$DIR/server.properties") \
		</dev/null >>"$DIR/kafka.log" 2>&1 9>&- &
	PID=$!
	disown
	write_file "$DIR/kafka.pid" "$PID"
}

# ask PORT REQUEST BYTES sets REPLY: the first bytes of the answer, in hex. A
# request is its length, then API key, version, correlation 1, no client id.
ask() {
	local n=$3
	REPLY=$(
		exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
		printf '%b' "$2" >&3
		timeout 5 head -c "$n" <&3 | od -An -v -tx1 | tr -d ' \n'
	) && [[ ${#REPLY} == $((2 * n)) ]]
}

# serving PORT: a metadata request (version 1, no topics) is answered and
# names at least one broker.
serving() {
	ask "$1" '\0\0\0\016\0\03\0\01\0\0\0\01\0377\0377\0\0\0\0' 12 &&
		[[ ${REPLY:16:8} != 00000000 ]]
}

# settled PORT: what the first group and the first producer would otherwise
# wait for, for seconds (a client told to come again takes its time), has been
# made or loaded: the coordinator of a group `ready` is found and knows it, and
# a producer gets its id.
settled() {
	ask "$1" '\0\0\0\021\0\012\0\0\0\0\0\01\0377\0377\0\05ready' 10 &&
		come_again "${REPLY:16:4}" && return 1
	ask "$1" '\0\0\0\025\0\017\0\0\0\0\0\01\0377\0377\0\0\0\01\0\05ready' 14 &&
		come_again "${REPLY:24:4}" && return 1
	ask "$1" '\0\0\0\020\0\026\0\0\0\0\0\01\0377\0377\0377\0377\0\0\0\0' 14 &&
		come_again "${REPLY:24:4}" && return 1
	return 0
}

# come_again ERROR: coordinator is loading, not available, elsewhere.
come_again() {
	[[ $1 == 000e || $1 == 000f || $1 == 0010 ]]
}

# wait_serving: true when it serves; false when it ended, or took too long.
wait_serving() {
	local start end said
	now_ms
	start=$REPLY
	end=$((start + START_DEADLINE_MS))
	said=$((start + 5000))
	until serving "$PORT" && settled "$PORT"; do
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

# server_pid sets REPLY: the process of the server of DIR, empty when none.
server_pid() {
	local pid r=0
	read_word "$DIR/kafka.pid"
	pid=$REPLY
	proc_has "$pid" "-Dgalore.kafka=$DIR" || r=1 pid=
	REPLY=$pid
	return "$r"
}

pick_ports() {
	pick_port
	PORT=$REPLY
	CONTROLLER_PORT=$REPLY
	while [[ $CONTROLLER_PORT == "$PORT" ]]; do
		pick_port
		CONTROLLER_PORT=$REPLY
	done
}

# choose_ports: those of the last start if they are free.
choose_ports() {
	local old
	read_word "$DIR/kafka.ports"
	read -r PORT CONTROLLER_PORT <<<"$REPLY" || :
	if [[ -z ${CONTROLLER_PORT-} ]]; then
		pick_ports
	elif port_taken "$PORT"; then
		old=$PORT
		pick_ports
		say "port $old is taken by another program, using $PORT"
	elif port_taken "$CONTROLLER_PORT"; then
		old=$PORT
		pick_ports
		PORT=$old
	fi
	write_file "$DIR/kafka.ports" "$PORT $CONTROLLER_PORT"
}

check_data() {
	local newest
	read_word "$DIR/kafka.version"
	[[ -n $REPLY ]] || return 0
	newest=$(printf '%s\n' "$REPLY" "$VERSION" | sort -V | tail -n 1)
	[[ $newest == "$VERSION" ]] || die \
		"the data in '$DIR' were written by Kafka $REPLY, which $VERSION cannot read" \
		"set KAFKA_VERSION=$REPLY, or forget them: '$SELF' remove '$DIR'"
	write_file "$DIR/kafka.version" "$VERSION"
}

# start_once: true when it serves; 2 when somebody else got the port first.
start_once() {
	choose_ports
	write_settings
	format_data
	[[ ! -f $DIR/kafka.log ]] || mv -f "$DIR/kafka.log" "$DIR/kafka.log.1"
	launch
	wait_serving && return 0
	end_process "$PID" "$STOP_DEADLINE_MS" || :
	rm -f -- "$DIR/kafka.pid"
	grep -q 'Address already in use' "$DIR/kafka.log" || return 1
	rm -f -- "$DIR/kafka.ports"
	return 2
}

# give_up: a start that is interrupted leaves nothing behind.
give_up() {
	trap '' INT TERM HUP
	[[ -z $PID ]] || end_process "$PID" "$STOP_DEADLINE_MS" || :
	rm -f -- "$DIR/kafka.pid" "$DIR/kafka.lock"
	die "interrupted"
}

start() {
	local begin try r
	fetch
	lock_take "$DIR/kafka.lock" "$START_DEADLINE_MS" ||
		die "another process is starting or stopping the server of '$DIR'"
	if server_pid; then
		die "the server of '$DIR' runs already (process $REPLY)" \
			"'$SELF' stop '$DIR' ends it"
	fi
	rm -f -- "$DIR/kafka.pid" "$DIR/kafka.env"
	check_data
	PID=''
	trap give_up INT TERM HUP
	now_ms
	begin=$REPLY
	for ((try = 0; try < 5; try++)); do
		r=0
		start_once || r=$?
		[[ $r == 2 ]] || break
	done
	if [[ $r != 0 ]]; then
		log_tail "$DIR/kafka.log"
		die "Kafka $VERSION did not begin to serve" \
			"the whole log is '$DIR/kafka.log'"
	fi
	write_file "$DIR/kafka.env" "KAFKA_BROKERS=127.0.0.1:$PORT"
	[[ -z $WATCH ]] || watch_start "$SELF" "$DIR" "$WATCH"
	seconds_since "$begin"
	say "$VERSION serves at 127.0.0.1:$PORT after $REPLY s"
}

# stop: also the second time, and when there never was a server.
stop() {
	lock_take "$DIR/kafka.lock" "$START_DEADLINE_MS" ||
		die "another process is starting or stopping the server of '$DIR'"
	if server_pid; then
		end_process "$REPLY" "$STOP_DEADLINE_MS" ||
			say "the server of '$DIR' had to be killed"
	fi
	watch_end "$SELF" "$DIR"
	rm -f -- "$DIR/kafka.pid" "$DIR/kafka.env" "$DIR/kafka.lock"
	exec 9>&-
}

status() {
	local port
	if server_pid; then
		read_word "$DIR/kafka.ports"
		port=${REPLY%% *}
		if serving "$port"; then
			printf '127.0.0.1:%s\n' "$port"
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
	rm -rf -- "$DIR/data"
	rm -f -- "$DIR"/kafka.{ports,version,log,log.1} "$DIR/server.properties"
	rmdir -- "$DIR" 2>/dev/null || :
}

main() {
	local verb=${1:-help}
	shift || :
	EXTRA=() WATCH=
	case $verb in
	help | --help | -h) help && return 0 ;;
	fetch) fetch && say "$VERSION is in '$JARS'" && return 0 ;;
	tool) fetch && java_run -Xmx128m -XX:TieredStopAtLevel=1 "$@" ;;
	start | stop | status | env | remove | watch) ;;
	*) usage_die "there is no '$verb'" ;;
	esac
	folder_open "${1-}"
	shift
	if [[ $verb == watch ]]; then
		watch_run "$SELF" "$DIR" "$1" "$2" "$DIR/kafka.pid"
		return
	fi
	while [[ $# -gt 0 ]]; do
		case $1 in
		--watch-pid) WATCH=${2:?} && shift 2 ;;
		--set) EXTRA+=("${2:?}") && shift 2 ;;
		*) usage_die "'$1' is not understood" ;;
		esac
	done
	case $verb in
	env) cat -- "$DIR/kafka.env" 2>/dev/null || status ;;
	*) "$verb" ;;
	esac
}

main "$@"
