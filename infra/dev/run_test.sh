#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tests of run.sh from the outside, with the programs of BIN on a real Kafka and
# a real Postgres. The tree is a copy and its path has a space in it. Each test
# leaves the shop stopped.
# run_test.sh [SENTENCE]...: those only, or all.
set -euo pipefail
# shellcheck source=infra/dev/shell_test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/shell_test.sh"

BIN=$(cd -- "${BIN:-$ROOT/build/rel/bin}" && pwd -P)
TREE="$SCRATCH/a tree"
STATE="$TREE/.run"
RUN="$TREE/infra/dev/run.sh"
RUN_ENV=(env -u RUN_DIR -u DATABASE_URL -u KAFKA_BROKERS BIN="$BIN")

# shop VERB [SETTING=VALUE]...: run.sh, in an environment of our own.
shop() {
	local verb=$1
	shift
	"${RUN_ENV[@]}" PORT="$PORT" "$@" "$RUN" "$verb"
}

nothing_is_left() {
	nobody_is_left
	expect test -z "$(find "$STATE" -name '*.lock' -o -name run.pid)"
}

# get PATH [OPTION]...: what the storefront answers.
get() {
	http -m 60 "http://127.0.0.1:$PORT$1" "${@:2}"
}

# another_than PID FILE: the file names another process by now.
another_than() {
	[[ $(first_word "$2") != "$1" ]]
}

# order_is ID STATE: what the storefront says of it.
order_is() {
	get "/orders/$1" | grep -q "\"state\":\"$2\""
}

# ends UNTIL END: a start in front, which goes when END happens to it as soon as
# UNTIL is true, and leaves nothing.
ends() {
	local pid
	"${RUN_ENV[@]}" PORT="$PORT" "$RUN" start >"$SCRATCH/said" 2>&1 &
	pid=$!
	wait_until eval "$1"
	eval "$2"
	expect wait_gone "$pid" "$DEADLINE_MS"
	nobody_is_left
	expect said shop stop
	expect_said "nothing runs"
	nothing_is_left
}

tidy() {
	local dir
	said own_stop "$SCRATCH" remove
	for dir in "$STATE" "$SCRATCH/other"; do
		[[ ! -d $dir ]] || said shop clean RUN_DIR="$dir" || :
	done
}

# overlord ARGUMENT...: from a folder that is not the checkout's, and in a shell
# that knows of no server.
overlord() {
	(
		cd -- "$SCRATCH"
		env -u DATABASE_URL -u KAFKA_BROKERS -u MIGRATIONS_DIR \
			"$BIN/overlord" "$@"
	)
}

# ---- the tests -------------------------------------------------------------

a_detached_start_opens_a_stocked_shop_where_an_order_becomes_a_toastie() {
	local id
	expect said shop start DETACH=1
	expect_said "http://127.0.0.1:$PORT/"
	expect said shop status
	expect grep -q '"bread":100,"cheese":50,.*"vegemite":50' \
		<(get "/stock?stall=main")
	id=$(get /orders -H 'Content-Type: application/json' \
		-d '{"stall":"main","doneness":"light","items":[
			{"ingredient":"cheese","quantity":1},
			{"ingredient":"vegemite","quantity":1},
			{"ingredient":"bread","quantity":2}]}')
	id=${id#*'"order_id":"'}
	id=${id%%'"'*}
	wait_until order_is "$id" "done"
	expect grep -q '"bread":98,"cheese":49,.*"vegemite":49' \
		<(get "/stock?stall=main")
	expect test "$(grep -c "^START" "$STATE/log/grill-edges.log")" = 1
	expect said shop clean
	nobody_is_left
	expect test ! -e "$STATE"
}

a_second_start_keeps_the_state_and_takes_less_than_10_s() {
	local best=999999 begin stocked try
	expect said shop start DETACH=1
	stocked=$(get "/stock?stall=main")
	expect said shop stop
	# Others run beside it: the quickest of some is what it takes.
	for ((try = 1; try <= 8 && best >= 10000; try++)); do
		now_ms begin
		expect said shop start DETACH=1
		now_ms
		((REPLY - begin >= best)) || best=$((REPLY - begin))
		expect test "$(get "/stock?stall=main")" = "$stocked"
		expect said shop stop
	done
	say "second start: $best ms"
	expect test "$best" -lt 10000
}

a_taken_port_and_a_folder_in_use_are_named_with_a_way_out() {
	expect said shop start DETACH=1
	refused shop start DETACH=1 RUN_DIR="$SCRATCH/other"
	expect_said "port $PORT is taken"
	expect_said "HINT: PORT="
	expect test ! -e "$SCRATCH/other/run.lock"
	refused shop start DETACH=1
	expect_said "it runs already"
	expect_said "http://127.0.0.1:$PORT/"
	expect_said "make stop"
	expect said get /readyz
	expect said shop stop
}

servers_that_are_there_already_are_used_and_left_alone() {
	said own_start "$SCRATCH" kafka
	said own_start "$SCRATCH" postgres --test
	own_wait "$SCRATCH" kafka
	own_wait "$SCRATCH" postgres
	expect said shop start DETACH=1 RUN_DIR="$SCRATCH/other" \
		KAFKA_BROKERS="$KAFKA_BROKERS" DATABASE_URL="$DATABASE_URL"
	expect grep -q cheese <(get "/stock?stall=main")
	expect test ! -e "$SCRATCH/other/kafka"
	expect test ! -e "$SCRATCH/other/postgres"
	expect said shop clean RUN_DIR="$SCRATCH/other"
	expect said "$ROOT/infra/kafka/kafka.sh" status "$SCRATCH/kafka"
	expect said "$ROOT/infra/postgres/postgres.sh" status \
		"$SCRATCH/postgres"
	tidy
}

a_shell_that_has_the_addresses_of_this_folder_still_starts_it_again() {
	local addresses
	expect said shop start DETACH=1
	mapfile -t addresses < <(shop env)
	expect test "${#addresses[@]}" = 2
	expect said shop stop
	refused shop env
	expect_said "nothing runs"
	expect said shop start DETACH=1 "${addresses[@]}"
	expect_said "DATABASE_URL is that of"
	expect test -e "$STATE/kafka/kafka.pid"
	expect test -e "$STATE/postgres/postgres.pid"
	expect grep -q cheese <(get "/stock?stall=main")
	expect said shop stop
	nothing_is_left
}

overlord_finds_the_servers_of_a_run_and_a_crashed_worker_comes_back() {
	local old
	refused overlord --run "$STATE" grill list
	expect_said "no make run can be found"
	expect said shop start DETACH=1
	expect said overlord --run "$STATE" grill list
	expect_said "grill-1"
	expect said overlord topics status --run "$STATE"
	expect said overlord --run "$STATE" migrate check
	old=$(first_word "$STATE/pid/chillybin.blue-1")
	kill -KILL "$old"
	wait_until grep -q "chillybin.blue-1 ended (signal KILL)" "$STATE/log/run.log"
	wait_until another_than "$old" "$STATE/pid/chillybin.blue-1"
	expect said shop stop
}

# The commands of the README, as they are pasted; each must succeed.
a_deploy_as_the_readme_shows_it_works_while_orders_come_in() {
	local walk="$SCRATCH/walk"
	expect said shop start DETACH=1
	mkdir -p -- "$TREE/build/rel"
	ln -sfn -- "$BIN" "$TREE/build/rel/bin"
	sed -n '/^<!-- walk -->/,/^<!-- end of walk -->/s/^\$ //p' \
		"$TREE/README.md" >"$walk"
	expect test "$(wc -l <"$walk")" -ge 10
	expect said walk_along "$walk"
	expect grep -q ORDER-DECIDED "$STATE"/log/chillybin.green-1.log
	expect said overlord --run "$STATE" history --service chillybin
	expect_said "rollback"
	expect_said "promote"
	expect said overlord --run "$STATE" deployments --wait
	expect said shop clean
	nobody_is_left
}

# walk_along FILE: it ends the load that the walk has begun.
walk_along() {
	local r=0 pid
	(
		cd -- "$TREE"
		"${RUN_ENV[@]}" bash -O expand_aliases -e "$1"
	) || r=1
	ours
	for pid in $REPLY; do
		[[ $(cat "/proc/$pid/comm") != stampede ]] || kill "$pid" || :
	done 2>/dev/null
	return "$r"
}

a_killed_agent_is_started_again_with_its_programs() {
	local old
	expect said shop start DETACH=1
	old=$(first_word "$STATE/pid/storefront.blue-1")
	kill -KILL "$(first_word "$STATE/pid/agent")"
	wait_until another_than "$old" "$STATE/pid/storefront.blue-1"
	wait_until said get /readyz
	expect grep -q "the agent has died" "$STATE/log/run.log"
	expect said shop stop
	nothing_is_left
}

a_scaled_worker_is_as_many_at_the_next_start() {
	expect said shop start DETACH=1
	expect said overlord --run "$STATE" scale tally 2 --wait --execute
	expect said shop stop
	expect said shop start DETACH=1
	expect test -e "$STATE/pid/tally.blue-2"
	expect said shop stop
	expect said shop start DETACH=1 TALLYS=1
	expect test ! -e "$STATE/pid/tally.blue-2"
	expect said shop clean
	nobody_is_left
	expect test ! -e "$STATE"
}

ctrl_c_stops_everything() {
	local pid
	mkfifo "$SCRATCH/keys"
	# A shell lets what it puts into the background ignore Ctrl-C.
	env --default-signal=INT -u RUN_DIR -u DATABASE_URL -u KAFKA_BROKERS \
		SHELL=/bin/sh BIN="$BIN" PORT="$PORT" script -q -f -e -c "'$RUN' start" \
		"$SCRATCH/said" <"$SCRATCH/keys" >/dev/null 2>&1 &
	pid=$!
	exec 5>"$SCRATCH/keys"
	wait_until grep -q 'ready after' "$SCRATCH/said"
	printf '\003' >&5
	expect wait_gone "$pid" "$DEADLINE_MS"
	exec 5>&-
	rm -f "$SCRATCH/keys"
	expect_said "stopped after"
	nothing_is_left
}

a_reader_who_leaves_does_not_keep_it_from_ending_in_order() {
	local pid
	shop start 2> >(head -n 1 >"$SCRATCH/said") &
	pid=$!
	wait_until test -e "$STATE/run.ready"
	kill -TERM "$(first_word "$STATE/run.pid")"
	expect wait_gone "$pid" "$DEADLINE_MS"
	nothing_is_left
}

the_callers_own_settings_lead_nobody_astray() {
	(
		umask 077
		expect said shop start DETACH=1 HOME='' CDPATH="$TREE:." \
			LC_ALL=nowhere.UTF-8 http_proxy=http://127.0.0.1:1 \
			no_proxy='' NO_PROXY='' PGSERVICE=nowhere PGPORT=1 \
			PGOPTIONS='-c search_path=nowhere' PGSSLMODE=verify-full
	)
	expect grep -q cheese <(get "/stock?stall=main")
	expect said shop clean
	nobody_is_left
}

a_killed_supervisor_leaves_nothing_running() {
	expect said shop start DETACH=1
	kill -KILL "$(first_word "$STATE/run.pid")"
	nobody_is_left
	expect said shop start DETACH=1
	expect said shop stop
	nothing_is_left
}

# names SETTING=VALUE MESSAGE: a setting that makes no sense.
names() {
	refused shop start "$1"
	expect_said "$2"
	expect test ! -e "$STATE/run.lock"
}

# ---- all of them -----------------------------------------------------------

# What a run needs of the tree; the rest may be changing meanwhile.
mkdir -p -- "$TREE"
tar -C "$ROOT" -cf - infra/dev infra/kafka infra/postgres migrations \
	producers/storefront/web README.md | tar -C "$TREE" -xf -
# Below those that servers pick from.
PORT=$((10000 + SRANDOM % 5000))
while port_taken "$PORT"; do
	PORT=$((PORT + 1))
done
run_tests "$@" <<'TESTS'
a_detached_start_opens_a_stocked_shop_where_an_order_becomes_a_toastie
a_second_start_keeps_the_state_and_takes_less_than_10_s
a_taken_port_and_a_folder_in_use_are_named_with_a_way_out
servers_that_are_there_already_are_used_and_left_alone
a_shell_that_has_the_addresses_of_this_folder_still_starts_it_again
overlord_finds_the_servers_of_a_run_and_a_crashed_worker_comes_back
a_killed_agent_is_started_again_with_its_programs
a_deploy_as_the_readme_shows_it_works_while_orders_come_in
a_scaled_worker_is_as_many_at_the_next_start
the_callers_own_settings_lead_nobody_astray
ctrl_c_stops_everything
a_reader_who_leaves_does_not_keep_it_from_ending_in_order
a_start_that_is_interrupted_leaves_nothing	ends 'test -e "$STATE/kafka/kafka.pid"' 'kill -TERM "$pid"'
a_start_that_another_terminal_stops_leaves_nothing	ends 'test -e "$STATE/kafka/kafka.pid"' 'said shop stop'
a_killed_start_leaves_nothing_running	ends 'test -e "$STATE/run.ready"' 'kill -KILL "$pid"'
a_killed_supervisor_leaves_nothing_running
a_port_that_makes_no_sense_is_named	names PORT=0700 "PORT='0700' is no port"
a_number_that_makes_no_sense_is_named	names JAFFLRS=some "JAFFLRS='some' is no number"
TESTS
