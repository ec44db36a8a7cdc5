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
# from start to start as long as it is free; `start` returns 0 only after the
# broker has answered a metadata request and can serve groups.
set -euo pipefail

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../dev/server.sh" kafka

VERSION=${KAFKA_VERSION:-4.3.1}
# Read by server.sh, as is what the functions below set for it.
# shellcheck disable=SC2034
TITLE="Kafka $VERSION" N_PORTS=2

HEAP_MB=${KAFKA_HEAP_MB:-256}
LIST=$HERE/$VERSION/sha256.txt
JAVA=${JAVA:-java}
COPY_JARS=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
STOP_DEADLINE_MS=30000
EXTRA=()

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

# jars_right DIR sets WRONG: exactly the jars of the list, with their sums.
jars_right() {
	local strangers
	WRONG="there is no folder '$1'"
	[[ -d $1 ]] || return 1
	strangers=$(find "$1" -name '*.jar' -printf '%f\n' |
		grep -v -x -F -f <(sed 's/^.*  //' "$LIST")) || :
	WRONG="'$1/${strangers%%$'\n'*}' is not on the list of checksums"
	[[ -z $strangers ]] || return 1
	WRONG=$(cd -- "$1" && sha256sum --strict --quiet -c "$LIST" 2>&1)
}

# fetch [now] sets JARS and ARCHIVE, which is good for one build of one Java.
fetch() {
	[[ $VERSION =~ ^[0-9][0-9.]*$ && -f $LIST ]] || die \
		"there is no list of checksums for Kafka '$VERSION'" \
		"KAFKA_VERSION is one of: $(cd "$HERE" && echo [0-9]*)"
	JAVA=$(command -v "$JAVA") || die "there is no '$JAVA'" \
		"infra/dev/bootstrap.sh --need run installs what is missing" \
		"or set JAVA to a Java 17 or later"
	[[ $JAVA == /* ]] || JAVA=$PWD/$JAVA
	cache_folder "kafka-$VERSION"
	JARS=$REPLY
	REPLY=$(readlink -f -- "$JAVA")
	REPLY=$(stat -L -c '%n %s %Y' "${REPLY%/bin/*}/lib/server/libjvm.so" \
		2>/dev/null | cksum) || :
	ARCHIVE=$JARS/classes-${REPLY%% *}.jsa
	jars_right "$JARS" && [[ -s $ARCHIVE || ! -w $JARS ]] && return 0
	if [[ ${1-} == now ]]; then
		fetch_now
	else
		JAVA=$JAVA fetch_alone "$JARS" "$SELF" fetch-now
	fi
}

# fetch_now: the rest of `fetch`, under the lock and in a process of its own.
fetch_now() {
	trap 'rm -rf -- "$JARS".new.*' EXIT
	trap 'exit 1' INT TERM HUP
	jars_right "$JARS" || {
		[[ ! -d $JARS ]] ||
			say "the cache is damaged: $WRONG; fetching again"
		fetch_jars
	}
	[[ -s $ARCHIVE || ! -w $JARS ]] || archive_make
}

# fetch_jars: by Maven, whose settings name a proxy or a mirror.
fetch_jars() {
	local start fresh r=0
	command -v mvn >/dev/null || die \
		"Maven, which fetches Kafka, is not installed" \
		"infra/dev/bootstrap.sh --need run installs what is missing"
	now_ms start
	say "fetching Kafka $VERSION (40 MB, once) into '$JARS'"
	fresh=$(mktemp -d "$JARS.new.XXXXXX")
	mkdir -m 0755 -- "$fresh/jars"
	MAVEN_OPTS="${MAVEN_OPTS-} -XX:-UsePerfData" timeout --foreground \
		-k 5 600 mvn -B -ntp -q -C -Dstyle.color=never \
		-f "$HERE/$VERSION/pom.xml" "$COPY_JARS" \
		-DincludeScope=runtime "-DoutputDirectory=$fresh/jars" \
		>"$fresh/mvn.log" 2>&1 || r=$?
	if [[ $r != 0 ]]; then
		[[ $r != 124 ]] || say "not done in 600 s"
		{ grep -F '[ERROR]' "$fresh/mvn.log" || cat -- "$fresh/mvn.log"; } |
			head -n 2 | sed 's/^\(.*\[ERROR\]\)*/   /' >&2 || :
		die "Kafka $VERSION cannot be fetched" \
			"is there a way to Maven Central? a proxy or mirror is set in ~/.m2/settings.xml" \
			"or set KAFKA_BROKERS to a Kafka that is there already"
	fi
	jars_right "$fresh/jars" || die \
		"what was fetched is not what was asked for: $WRONG" \
		"the source may be tampered with: do not use it; the sums are in '$LIST'"
	rm -rf -- "$JARS"
	mv -- "$fresh/jars" "$JARS"
	seconds_since "$start"
	say "fetched and checked Kafka $VERSION in $REPLY s"
}

# archive_make: a broker starts, serves and ends; what it loaded is kept.
# Without an archive everything works, only slower: so a failure is said, no
# more. Java is looked at here, which is once a Java.
archive_make() {
	local said
	said=$("$JAVA" -XX:-UsePerfData -version 2>&1) || :
	[[ $said =~ version\ \"([0-9]+) && ${BASH_REMATCH[1]} -ge 17 ]] || die \
		"Kafka needs Java 17 or later; '$JAVA' says: ${said%%$'\n'*}" \
		"set JAVA, to /usr/lib/jvm/java-17-openjdk-amd64/bin/java, say"
	say "making the class archive of Kafka $VERSION (once)"
	DIR=$(mktemp -d "$JARS.new.XXXXXX")
	ports_choose
	server_launch "-XX:ArchiveClassesAtExit=$DIR/classes.jsa"
	trap 'end_process "$PID" 0; rm -rf -- "$JARS".new.*' EXIT
	if server_wait && end_process "$PID" "$SERVER_START_DEADLINE_MS" &&
		[[ -s $DIR/classes.jsa ]]; then
		mv -f -- "$DIR/classes.jsa" "$ARCHIVE"
	else
		say "the class archive could not be made, will do without"
	fi
}

# ---- the server ------------------------------------------------------------

# java_run ARGUMENT...: does not return. FRONT is what goes before the command.
java_run() {
	local archive=() path
	path=$(sed "s|^.*  |$JARS/|" "$LIST" | paste -s -d :)
	[[ ! -s $ARCHIVE ]] || archive=("-XX:SharedArchiveFile=$ARCHIVE")
	# File names are bytes of UTF-8, and errors English, whatever is set.
	export LC_ALL=C.UTF-8
	exec ${FRONT-} "$JAVA" "${archive[@]}" -XX:+UseSerialGC \
		-XX:-UsePerfData -Xshare:auto -Xlog:cds=off \
		-Xlog:cds+dynamic=off \
		"-Dlog4j2.configurationFile=$HERE/log4j2.properties" \
		"-Dlog4j.configuration=file:$HERE/log4j.properties" \
		-cp "$path" "$@"
}

# java_here ARGUMENT...: the same for what belongs to DIR.
java_here() {
	cd -- "$DIR"
	java_run "$@"
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
	out=$( (java_here -Xmx64m -XX:TieredStopAtLevel=1 kafka.tools.StorageTool \
		format -t "$id" -c server.properties) 2>&1 </dev/null) || {
		printf '%s\n' "$out" | tail -n 5 | sed 's/^/    /' >&2
		die "the folder '$DIR/data' cannot be formatted"
	}
	write_file "$DIR/kafka.version" "$VERSION"
}

# server_launch [JVM OPTION]...: EXTRA settings come last and win. The folder of
# the data has no name of its own here: a list of paths and a file of properties
# have signs that mean something.
server_launch() {
	write_file "$DIR/server.properties" \
		"process.roles=broker,controller" \
		"node.id=1" \
		"listeners=PLAINTEXT://127.0.0.1:${PORTS[0]},CONTROLLER://127.0.0.1:${PORTS[1]}" \
		"advertised.listeners=PLAINTEXT://127.0.0.1:${PORTS[0]}" \
		"controller.listener.names=CONTROLLER" \
		"controller.quorum.voters=1@127.0.0.1:${PORTS[1]}" \
		"log.dirs=data" \
		"$(sed -e '/^#/d' -e '/^$/d' "$HERE/server.properties")" \
		"${EXTRA[@]}"
	format_data
	ulimit -S -n "$(ulimit -H -n)"
	FRONT=setsid server_spawn java_here "$@" "-Xmx${HEAP_MB}m" \
		"-Dgalore.kafka=$DIR" kafka.Kafka server.properties
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

# is_ready PORT REQUEST BYTES AT: no answer, or one whose error does not say
# that the coordinator is loading, not available or elsewhere.
is_ready() {
	! ask "$1" "$2" "$3" || [[ ! ${REPLY:$4:4} =~ ^00(0e|0f|10)$ ]]
}

# server_up: it serves, and what the first group and the first producer would
# otherwise wait for, for seconds (a client that has to ask again takes its time),
# has been made or loaded: the coordinator of a group `ready` is found and knows
# it, and a producer gets its id.
server_up() {
	local p=${PORTS[0]}
	serving "$p" &&
		is_ready "$p" '\0\0\0\021\0\012\0\0\0\0\0\01\0377\0377\0\05ready' 10 16 &&
		is_ready "$p" '\0\0\0\025\0\017\0\0\0\0\0\01\0377\0377\0\0\0\01\0\05ready' 14 24 &&
		is_ready "$p" '\0\0\0\020\0\026\0\0\0\0\0\01\0377\0377\0377\0377\0\0\0\0' 14 24
}

# ---- what else server.sh asks for ------------------------------------------

server_answers() {
	serving "${1##*:}"
}

server_open() {
	MARK=-Dgalore.kafka=$DIR
	PID_FILES=("$DIR/kafka.pid")
}

# server_option --set KEY=VALUE
server_option() {
	[[ $1 == --set && ${2-} == *=* ]] || return 1
	EXTRA+=("$2")
	REPLY=2
}

server_prepare() {
	local newest
	read_word "$DIR/kafka.version"
	[[ -n $REPLY ]] || return 0
	newest=$(printf '%s\n' "$REPLY" "$VERSION" | sort -V | tail -n 1)
	[[ $newest == "$VERSION" ]] || die \
		"the data in '$DIR' were written by Kafka $REPLY, which $VERSION cannot read" \
		"set KAFKA_VERSION=$REPLY, or forget them: '$SELF' remove '$DIR'"
	[[ ! -d $DIR/data || -w $DIR/data ]] || die \
		"the data in '$DIR' belong to the user '$(stat -c %U -- "$DIR/data")'" \
		"start it as the user who made them, or use another folder"
	write_file "$DIR/kafka.version" "$VERSION"
}

server_fill() {
	ENV=("KAFKA_BROKERS=127.0.0.1:${PORTS[0]}")
}

server_end() {
	end_process "$1" "$STOP_DEADLINE_MS"
}

server_clear() {
	:
}

server_forget() {
	rm -rf -- "$DIR/data"
	rm -f -- "$DIR/kafka.version" "$DIR/server.properties"
}

case ${1-} in
fetch)
	fetch
	say "$VERSION is in '$JARS'"
	;;
fetch-now) fetch now ;;
tool)
	fetch
	java_run -Xmx128m -XX:TieredStopAtLevel=1 "${@:2}"
	;;
start)
	fetch
	server_main "$@"
	;;
*) server_main "$@" ;;
esac
