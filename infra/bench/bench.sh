#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Bench: measurements that anybody can repeat. Servers of its own, fsync on,
# in a folder that goes with it; systems take turns round by round; a round
# whose check fails is void and is said to be.
#
#	bench.sh drain	one chillybin drains a prefilled topic, against the
#			floor: the same rows and effects over one connection
#
# Settings: BIN (the folder of the programs), N orders, ROUNDS, FLOOR_BATCH,
# OUT (the folder of the results), SEED.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
BIN=${BIN:-build/rel/bin}
export N=${N:-200000}
ROUNDS=${ROUNDS:-3}
OUT=${OUT:-build/bench}
SEED=${SEED:-42}
FLOOR_BATCH=${FLOOR_BATCH:-1000}
READY_DEADLINE_S=30
DIR=
WORKER=
WATCH=
READER=

say() {
	printf 'bench: %s\n' "$*" >&2
}

die() {
	say "$1"
	shift
	[[ $# -eq 0 ]] || printf 'HINT: %s\n' "$@" >&2
	exit 1
}

# quietly WHAT COMMAND...: what it says is shown when it fails.
quietly() {
	local what=$1
	shift
	"$@" >"$DIR/said" 2>&1 && return 0
	tail -n 5 "$DIR/said" >&2
	die "$what"
}

# check_number NAME LEAST
check_number() {
	[[ ${!1} =~ ^[1-9][0-9]{0,8}$ && ${!1} -ge $2 ]] ||
		die "setting '$1' is '${!1}', which is no whole number from $2 on"
}

check_settings() {
	local program
	check_number ROUNDS 1
	check_number FLOOR_BATCH 1
	check_number N $((10 * FLOOR_BATCH))
	for program in overlord chillybin stampede bench; do
		[[ -x $BIN/$program ]] || die "there is no program '$BIN/$program'" \
			"make programs builds them; BIN is their folder"
	done
	command -v psql >/dev/null || die "there is no psql" \
		"infra/dev/bootstrap.sh --need run installs it"
	BIN=$(cd -- "$BIN" && pwd -P)
}

# ---- servers ---------------------------------------------------------------

# A second Ctrl-C does not leave half of it behind.
finish() {
	local r=$?
	trap - EXIT
	trap '' INT TERM HUP
	[[ -z $WATCH ]] || end_watch
	[[ -z $READER ]] || end_reader
	[[ -z $WORKER ]] || end_worker || :
	if [[ -n $DIR ]]; then
		infra/kafka/kafka.sh remove "$DIR/kafka" || :
		infra/postgres/postgres.sh remove "$DIR/postgres" || :
		rm -rf -- "$DIR"
	fi
	exit "$r"
}

start_servers() {
	DIR=$(mktemp -d /tmp/galore-bench.XXXXXX)
	chmod 0755 "$DIR"
	infra/kafka/kafka.sh start "$DIR/kafka" --watch-pid $$ ||
		die "there is no Kafka to measure with"
	infra/postgres/postgres.sh start "$DIR/postgres" --watch-pid $$ ||
		die "there is no Postgres to measure with"
	# shellcheck disable=SC1091 # it is made by the start
	. "$DIR/kafka/kafka.env"
	# shellcheck disable=SC1091
	. "$DIR/postgres/postgres.env"
	export KAFKA_BROKERS
	BASE_URL=$DATABASE_URL
	# The superuser comes by the same socket.
	ADMIN_URL=${BASE_URL/galore@/postgres@}
	ADMIN_URL=${ADMIN_URL/\/galore\?/\/postgres\?}
	POSTMASTER=$(<"$DIR/postgres/postgres.pid")
	BROKER=$(<"$DIR/kafka/kafka.pid")
}

psql_in() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

# fresh NAME: a database with its tables, and stock that covers every order.
fresh() {
	psql_in "$ADMIN_URL" "CREATE DATABASE $1 OWNER galore" ||
		die "database '$1' cannot be made"
	export DATABASE_URL=${BASE_URL/\/galore\?/\/$1?}
	quietly "the tables cannot be made" \
		"$BIN/overlord" migrate up --execute --who bench
	psql_in "$DATABASE_URL" "
		SET search_path = galore;
		INSERT INTO stock_changes (source, event_id, ingredient, stall,
			kind, delta, topic, partition, \"offset\", decided_at)
		SELECT 'bench', i, i, 'main', 'added', 10::bigint * $N,
			'restocks', 0, 0, now()
		FROM unnest(ARRAY['bread', 'cheese', 'vegemite', 'ham',
			'tomato', 'pineapple', 'onion', 'egg']) AS i;
		INSERT INTO stock (stall, ingredient, quantity)
		SELECT stall, ingredient, delta FROM stock_changes" ||
		die "database '$1' cannot be filled"
	psql_in "$ADMIN_URL" CHECKPOINT || die "Postgres makes no checkpoint"
}

gone() {
	psql_in "$ADMIN_URL" "DROP DATABASE IF EXISTS $1 WITH (FORCE)"
}

# ---- what /proc tells ------------------------------------------------------

# ticks PID: user and system time, and that of children that have ended.
ticks() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 + $14 + $15 }' "/proc/$1/stat"
}

# own_ticks PID: without children.
own_ticks() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# postgres_ticks: the server and all its processes, the ended ones too. One
# that ends while it is looked for is counted by the next look.
postgres_ticks() {
	local all pid children before='' now
	children=/proc/$POSTMASTER/task/$POSTMASTER/children
	now=$(<"$children")
	until [[ $now == "$before" ]]; do
		before=$now
		all=$(ticks "$POSTMASTER")
		for pid in $before; do
			all=$((all + $(own_ticks "$pid" 2>/dev/null || echo 0)))
		done
		now=$(<"$children")
	done
	echo "$all"
}

# us_per_order TICKS
us_per_order() {
	awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v n="$N" \
		'BEGIN { printf "%.3f", t / hz * 1e6 / n }'
}

# field NAME JSON: a number of a flat object.
field() {
	sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<<"$2"
}

now_ms() {
	REPLY=${EPOCHREALTIME/[.,]/}
	REPLY=${REPLY%???}
}

# ---- the floor -------------------------------------------------------------

# floor ROUND sets FLOOR_RATE, FLOOR_CPU, FLOOR_POSTGRES; false when it did not
# leave what a drain leaves.
floor() {
	local before answer
	fresh "floor_$1"
	before=$(postgres_ticks)
	answer=$(ROWS=$DIR/orders.rows BATCH=$FLOOR_BATCH "$BIN/bench" floor) ||
		return 1
	FLOOR_POSTGRES=$(us_per_order $(($(postgres_ticks) - before)))
	FLOOR_RATE=$(field per_second "$answer")
	FLOOR_CPU=$(field cpu_us "$answer")
	"$BIN/bench" check-floor >/dev/null
}

# ---- the drain -------------------------------------------------------------

end_worker() {
	local pid=$WORKER
	WORKER=
	kill -TERM "$pid" 2>/dev/null || :
	wait "$pid"
}

end_watch() {
	kill "$WATCH" 2>/dev/null || :
	wait "$WATCH" || :
	WATCH=
}

end_reader() {
	kill "$READER" 2>/dev/null || :
	wait "$READER" || :
	READER=
}

# watch: until all is decided and told; what it measured is in $DIR/watch.
# False when it is not, or as soon as the worker has ended.
watch() {
	local ended='' r=0
	"$BIN/bench" watch >"$DIR/watch" &
	WATCH=$!
	wait -n -p ended "$WATCH" "$WORKER" || r=$?
	if [[ $ended == "$WORKER" ]]; then
		say "chillybin ended with status $r in the middle"
		WORKER=
		end_watch
		return 1
	fi
	WATCH=
	return "$r"
}

# ready: /readyz of the worker says 200.
ready() {
	local port answer
	port=$(cat "$DIR/probe" 2>/dev/null) && [[ -n $port ]] || return 1
	answer=$(
		exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
		printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
		timeout 1 head -n 1 <&3
	) || return 1
	[[ $answer == *' 200 '* ]]
}

# start_worker sets WORKER and READY_MS.
start_worker() {
	local start
	rm -f "$DIR/probe"
	now_ms
	start=$REPLY
	PROBE_PORT_FILE=$DIR/probe "$BIN/chillybin" >"$DIR/worker.log" 2>&1 &
	WORKER=$!
	READY_MS=
	BEGIN=$start wait_ready >"$DIR/ready" &
	READER=$!
}

# wait_ready: prints how long it took; in a process of its own.
wait_ready() {
	local end=$((BEGIN + READY_DEADLINE_S * 1000))
	until ready; do
		now_ms
		[[ $REPLY -lt $end ]] || return 1
		sleep 0.005
	done
	now_ms
	echo $((REPLY - BEGIN))
}

# prefill ROUND: topics of its own, with the same orders each time.
prefill() {
	export TOPIC_SUFFIX=.bench$1
	quietly "the topics cannot be made" \
		"$BIN/overlord" topics apply --execute
	ORDERS=$N SEED=$SEED LINGER_MS=50 quietly "the orders cannot be sent" \
		"$BIN/stampede"
}

# drain ROUND sets RATE, WORKER_CPU, POSTGRES_CPU, BROKER_CPU, RSS_KB; false
# when the round is void.
drain() {
	local postgres broker answer
	prefill "$1"
	fresh "drain_$1"
	postgres=$(postgres_ticks)
	broker=$(ticks "$BROKER")
	start_worker
	if ! watch; then
		tail -n 3 "$DIR/worker.log" >&2
		end_reader
		[[ -z $WORKER ]] || end_worker || :
		return 1
	fi
	answer=$(<"$DIR/watch")
	RATE=$(field per_second "$answer")
	WORKER_CPU=$(us_per_order "$(ticks "$WORKER")")
	RSS_KB=$(awk '/^VmHWM/ { print $2 }' "/proc/$WORKER/status")
	POSTGRES_CPU=$(us_per_order $(($(postgres_ticks) - postgres)))
	BROKER_CPU=$(us_per_order $(($(ticks "$BROKER") - broker)))
	if ! wait "$READER"; then
		say "chillybin was never ready"
		READER=
		end_worker || :
		return 1
	fi
	READER=
	READY_MS=$(<"$DIR/ready")
	if ! end_worker; then
		say "chillybin did not end well"
		return 1
	fi
	"$BIN/bench" check >/dev/null
}

# ---- the whole -------------------------------------------------------------

# stats NUMBER...: median, least and most, as JSON.
stats() {
	printf '%s\n' "$@" | sort -g | awk '
		{ v[NR] = $1 }
		END {
			m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "{\"median\":%s,\"min\":%s,\"max\":%s}", m, v[1], v[NR]
		}'
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'
}

# The first drain is a warm-up, and makes the rows that the floor writes.
warm_up() {
	drain 0 || die "the warm-up is void" "what was wrong stands above"
	psql_in "$DATABASE_URL" "\\copy (SELECT $("$BIN/bench" columns) FROM galore.orders ORDER BY ctid) TO '$DIR/orders.rows' (FORMAT binary)"
	gone drain_0
}

# round N: the floor, then the drain; false when it is void.
round() {
	local r=0
	floor "$1" || r=1
	gone "floor_$1"
	[[ $r -eq 0 ]] || return 1
	drain "$1" || r=1
	gone "drain_$1"
	return "$r"
}

run_drain() {
	local round rates=() floors=() ratios=() cpu=() pg=() broker=() rss=()
	local ready_ms=() floor_cpu=() floor_pg=() void=0 json
	warm_up
	for ((round = 1; round <= ROUNDS; round++)); do
		if ! round "$round"; then
			say "round $round is void"
			void=$((void + 1))
			continue
		fi
		rates+=("$RATE") floors+=("$FLOOR_RATE")
		ratios+=("$(ratio "$RATE" "$FLOOR_RATE")")
		cpu+=("$WORKER_CPU") pg+=("$POSTGRES_CPU")
		broker+=("$BROKER_CPU") rss+=("$RSS_KB") ready_ms+=("$READY_MS")
		floor_cpu+=("$FLOOR_CPU") floor_pg+=("$FLOOR_POSTGRES")
		say "round $round: drain $RATE/s, floor $FLOOR_RATE/s, ratio ${ratios[-1]}"
	done
	[[ ${#rates[@]} -gt 0 ]] || die "every round is void"
	json=$(
		printf '{"bench":"drain","orders":%s,"rounds":%s,"void":%s' \
			"$N" "${#rates[@]}" "$void"
		printf ',"drain_per_second":%s' "$(stats "${rates[@]}")"
		printf ',"floor_per_second":%s' "$(stats "${floors[@]}")"
		printf ',"ratio":%s' "$(stats "${ratios[@]}")"
		printf ',"worker_us_per_order":%s' "$(stats "${cpu[@]}")"
		printf ',"postgres_us_per_order":%s' "$(stats "${pg[@]}")"
		printf ',"broker_us_per_order":%s' "$(stats "${broker[@]}")"
		printf ',"floor_us_per_order":%s' "$(stats "${floor_cpu[@]}")"
		printf ',"floor_postgres_us_per_order":%s' \
			"$(stats "${floor_pg[@]}")"
		printf ',"floor_batch":%s' "$FLOOR_BATCH"
		printf ',"resident_max_kb":%s' "$(stats "${rss[@]}")"
		printf ',"ready_ms":%s' "$(stats "${ready_ms[@]}")"
		printf ',"cpus":%s,"version":"%s"}\n' "$(nproc)" \
			"$("$BIN/chillybin" --version)"
	)
	mkdir -p -- "$OUT"
	printf '%s\n' "$json" >"$OUT/drain.json"
	print_drain "$json"
	printf '%s rounds of %s orders, %s void\n' "${#rates[@]}" "$N" "$void"
	say "the numbers are in '$OUT/drain.json'"
}

# print_drain JSON: the same for people.
print_drain() {
	printf '%s\n' "$1" | sed 's/},/}\n/g' | awk '
		/median/ {
			name = $0
			sub(/":\{.*/, "", name)
			sub(/.*"/, "", name)
			split($0, v, /"median":|,"min":|,"max":|}/)
			printf "%-28s %10s  (%s to %s)\n", name, v[2], v[3], v[4]
		}'
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
case ${1:-} in
drain)
	check_settings
	start_servers
	run_drain
	;;
*)
	printf 'usage: bench.sh drain\n' >&2
	exit 2
	;;
esac
