#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Peers: chillybin's work done by workers in other languages. README.md has the
# contract. Each language's own client fetches the packages that a peer depends
# on and checks them by go.sum, sha256.txt and package-lock.json before they run.
set -euo pipefail

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../dev/server.sh" peers

OUT=$ROOT/build/bench/peers
ALL=(go java node)
COPY_JARS=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies

help() {
	cat <<-'TEXT'
	usage: peers.sh build [go|java|node]...
	       peers.sh run go|java|node

	build    install what is missing, fetch, check, build into build/bench/peers/
	run      become that peer; its settings are environment variables
	TEXT
}

# fetching WHAT COMMAND...: its output is shown when it fails.
fetching() {
	local log=$OUT/$1.log
	say "building the peer in $1"
	"${@:2}" </dev/null >"$log" 2>&1 && return 0
	tail -n 5 "$log" >&2
	die "the peer in $1 cannot be built" "the whole log is '$log'"
}

# No other toolchain is fetched, and no version but those of go.sum.
build_go() {
	local go
	go=$(command -v go || echo /usr/lib/go-1.19/bin/go)
	(cd "$HERE/go" && fetching go env GOTOOLCHAIN=local GOFLAGS=-mod=readonly \
		"$go" build -buildvcs=false -trimpath -o "$OUT/go" .)
}

build_java() {
	local jars=$OUT/jars
	(cd "$jars" && sha256sum --strict --quiet -c "$HERE/java/sha256.txt") \
		>/dev/null 2>&1 || {
		rm -rf -- "$jars"
		fetching java timeout 600 mvn -B -ntp -q -C -Dstyle.color=never \
			-f "$HERE/java/pom.xml" "$COPY_JARS" \
			-DincludeScope=runtime "-DoutputDirectory=$jars"
		[[ $(cd "$jars" && sha256sum -- *) == "$(<"$HERE/java/sha256.txt")" ]] ||
			die "what was fetched is not what was asked for" \
				"the sums are in '$HERE/java/sha256.txt'"
	}
	rm -rf -- "$OUT/classes"
	fetching java javac -Xlint:all -Werror -d "$OUT/classes" \
		-cp "$jars/*" "$HERE"/java/*.java
}

# Scripts of packages do not run.
build_node() {
	mkdir -p -- "$OUT/node"
	cp -- "$HERE"/node/*.js "$HERE"/node/package*.json "$OUT/node"
	fetching node npm ci --prefix "$OUT/node" --ignore-scripts --no-audit --no-fund
}

run() {
	local -A built=([go]=go [java]=classes/Peer.class [node]=node/node_modules)
	[[ -e $OUT/${built[$1]} ]] ||
		die "the peer in $1 is not built" "peers.sh build $1 builds it"
	case $1 in
	go) exec "$OUT/go" ;;
	java) exec java -XX:+UseParallelGC -Xmx512m -XX:-UsePerfData \
		-cp "$OUT/classes:$OUT/jars/*" Peer ;;
	node) exec node "$OUT/node/peer.js" ;;
	esac
}

command=${1-help}
[[ $# -eq 0 ]] || shift
for name; do
	[[ " ${ALL[*]} " == *" $name "* ]] || usage_die "there is no peer '$name'"
done
case $command in
build)
	"$ROOT/infra/dev/bootstrap.sh" --need peers
	mkdir -p -- "$OUT"
	[[ $# -gt 0 ]] || set -- "${ALL[@]}"
	for name; do "build_$name"; done
	;;
run)
	[[ $# -eq 1 ]] || usage_die "'run' wants one peer"
	run "$1"
	;;
help | -h | --help) help ;;
*) usage_die "there is no command '$command'" ;;
esac
