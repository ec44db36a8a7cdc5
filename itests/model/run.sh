#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Checks takeover.pml: the model as it is must hold, and each mutation must be
# caught by the property that the table below names.
#
#	run.sh quick            what `make test` runs
#	run.sh full             these and larger sizes
#	run.sh deep             sizes that take very long
#	run.sh NAME...          rows of the table by their names
#	run.sh trail NAME       how the row's error comes about, step by step
#	run.sh in-step          README.md has a row for each mutation, and the
#	                        tests that it names are in the tree
#
# A line a row, and at the end "N passed, N failed".
#
#	MODEL_MIB=2000          memory that one row may have; full, deep: 14000
#	DEADLINE=1800           seconds that one row may take
set -euo pipefail
# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../infra/dev/server.sh" model

# Rows: in which set; name; `holds` or the property that catches it; sizes.
# A mutation's name is in capitals, and is itself the option.
CHECKS='
quick split-brain                 holds    FREE N=2 MOVES=2 CRASHES=0
quick at-rest                     holds    REST N=2 MOVES=1 CRASHES=1 REBALS=1
quick no-livelock                 holds    NP N=2 MOVES=1 CRASHES=0 REBALS=1
quick second-reader               holds    APART FREE N=2 MOVES=2 CRASHES=0
quick second-reader-at-rest       holds    APART REST N=2 MOVES=2 CRASHES=1 REBALS=0
quick two-partitions              holds    P=2 ONE_BLUE FREE N=2 MOVES=1 CRASHES=0
quick two-partitions-at-rest      holds    P=2 REST N=1 MOVES=1 CRASHES=0 REBALS=1
full  split-brain-3-records       holds    FREE N=3 MOVES=2 CRASHES=0
deep  split-brain-3-moves         holds    FREE N=2 MOVES=3 CRASHES=0
full  split-brain-crash           holds    FREE N=2 MOVES=2 CRASHES=1
full  at-rest-3-records           holds    REST N=3 MOVES=1 CRASHES=1 REBALS=1
full  no-livelock-crash           holds    NP N=2 MOVES=1 CRASHES=1 REBALS=1
full  merge-both-equal            holds    MERGE_BOTH_EQUAL MERGE_KEEPS_STABLE ONE_BLUE FREE N=2 MOVES=4 CRASHES=0
deep  second-reader-3-records     holds    APART FREE N=3 MOVES=2 CRASHES=0
full  second-reader-rebalance     holds    APART REST N=2 MOVES=2 CRASHES=0 REBALS=1
full  second-reader-merge         holds    APART ONE_BLUE FREE N=2 MOVES=4 CRASHES=0
full  second-reader-no-livelock   holds    APART NP N=2 MOVES=2 CRASHES=0 REBALS=1
full  two-partitions-3-moves      holds    P=2 ONE_BLUE FREE N=1 MOVES=3 CRASHES=0
full  two-partitions-2-moves      holds    P=2 REST N=1 MOVES=2 CRASHES=0 REBALS=1
deep  two-partitions-crash        holds    P=2 REST N=1 MOVES=1 CRASHES=1 REBALS=1
full  two-partitions-no-livelock  holds    P=2 NP N=1 MOVES=1 CRASHES=0 REBALS=1
full  NO_NEXT                     holds    FREE N=2 MOVES=2 CRASHES=0
quick NO_EPOCH                    epoch    ONE_BLUE FREE N=2 MOVES=2 CRASHES=0
quick PARTIAL_MOVE                twice    P=2 ONE_BLUE FREE N=1 MOVES=1 CRASHES=0
quick LANES_FIRST                 twice    ONE_BLUE FREE N=2 MOVES=1 CRASHES=0
quick START_AT_NEXT               lost     FREE N=2 MOVES=0 CRASHES=0
quick KEEP_ACKED                  lost     ONE_BLUE FREE N=2 MOVES=3 CRASHES=0
quick NEW_BEFORE_OLD              order    ONE_BLUE FREE N=4 MOVES=0 CRASHES=0
quick EMIT_WITHOUT_ACK            lost     ONE_BLUE FREE N=3 MOVES=0 CRASHES=0
quick EMIT_ALONE_UNCHECKED        lost     ONE_BLUE FREE N=2 MOVES=3 CRASHES=0
quick NO_PROOF                    livelock NP N=2 MOVES=0 CRASHES=0 REBALS=1
quick NO_END                      at-rest  REST N=2 MOVES=0 CRASHES=1 REBALS=1
quick SPLIT_FROM_EARLIER_READ     twice    ONE_BLUE FREE N=2 MOVES=1 CRASHES=0
quick SPLIT_WITHOUT_EMITTED       lost     ONE_BLUE FREE N=2 MOVES=1 CRASHES=0
quick MOVE_ONE_PARTITION          epoch    P=2 ONE_BLUE FREE N=1 MOVES=1 CRASHES=0
quick MERGE_UNEQUAL               skipped  ONE_BLUE FREE N=2 MOVES=3 CRASHES=0
quick MERGE_KEEPS_STABLE          lost     ONE_BLUE FREE N=2 MOVES=4 CRASHES=0
quick MERGE_LEVEL_IN_ONE          skipped  P=2 ONE_BLUE N=1 MOVES=3 CRASHES=0 REBALS=0
quick APART_UNFENCED              twice    APART FREE N=2 MOVES=2 CRASHES=0
quick EMIT_MAIN_FOR_APART         lost     APART FREE N=2 MOVES=2 CRASHES=0
quick MAIN_MOVES_APART            skipped  APART FREE N=2 MOVES=2 CRASHES=0
quick JOIN_IN_PLACE               lost     APART FREE N=2 MOVES=2 CRASHES=0
quick LATE_DUPLICATE              order    FREE N=3 MOVES=0 CRASHES=0
'

# What a row may say that is no mistake.
SIZES='MOVES|CRASHES|REBALS|BATCH|READERS|APART|FREE|REST|NP|ONE_BLUE|MERGE_BOTH_EQUAL'

# build NAME WANT OPTION...: ./pan for a row, and HOW it is called.
build() {
	local name=$1 want=$2 kind=-DSAFETY fast=-O2 option
	local -a options=()
	shift
	shift
	HOW=(-m3000000 -w24)
	[[ $name != [A-Z]* ]] || set -- "$name" "$@"
	# An error is found before a good build is done, and among few states.
	[[ $want == holds ]] || fast=-O0 HOW=(-m100000 -w20)
	for option; do options+=("-D$option"); done
	[[ " $* " != *' NP '* ]] || { kind=-DNP; HOW+=(-l); }
	rm -f pan ./*.trail
	{
		spin "${options[@]}" -a "$HERE/takeover.pml" &&
			gcc "$fast" -w "$kind" -DNOFAIR -DCOLLAPSE \
				-DMEMLIM="$MODEL_MIB" -o pan pan.c
	} >spin.out 2>&1 && return
	die "the model cannot be built: $(head -n 5 spin.out)"
}

# Ends with us, too.
within_deadline() {
	setpriv --pdeathsig TERM timeout --foreground --kill-after=5 \
		"$DEADLINE" "$@"
}

# found: what pan.out says, as the property's name, or holds.
found() {
	local error
	error=$(grep -m1 -E '^pan:[0-9]+: ' pan.out) || :
	case $error in
	'')
		REPLY=unfinished
		! grep -qE 'errors: 0$' pan.out ||
			grep -qE 'Search not completed|max search depth' pan.out ||
			REPLY=holds
		;;
	*non-progress*) REPLY=livelock ;;
	*'acted[q]<=1'*) REPLY=twice ;;
	*greendead*) REPLY=at-rest ;;
	*nxt*) REPLY=skipped ;;
	*emt*) REPLY=lost ;;
	*'colour['*) REPLY=epoch ;;
	*'(acted['*) REPLY=early ;;
	*'pub['*) REPLY=order ;;
	*) REPLY=deadlock ;;
	esac
}

# one NAME WANT OPTION...: a line; false when it is not as it should be.
one() {
	local name=$1 want=$2 status=0 states mib seconds word=ok TIMEFORMAT=%U
	shift 2
	build "$name" "$want" "$@"
	{ time within_deadline ./pan "${HOW[@]}" >pan.out 2>&1 || status=$?; } 2>cpu
	seconds=$(<cpu)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)
	mib=$(sed -n 's/^ *\([0-9]*\)[0-9.]*\ttotal actual memory usage.*/\1/p' pan.out)
	found
	[[ $REPLY == "$want" ]] || word=FAILED
	printf '%-6s  %-28s %-9s %9s states, %5s MiB, %7s s of CPU  %s\n' \
		"$word" "$name" "$REPLY" "${states:-?}" "${mib:-?}" \
		"${seconds:-?}" "$*"
	[[ $word == ok ]] || {
		printf '        wanted: %s (status %d)\n' "$want" "$status"
		grep -E 'error|rror:' pan.out | head -n 3 | sed 's/^/        /'
		return 1
	}
}

# rows [SET or NAME]...: the rows of CHECKS that are meant.
rows() {
	local set name rest word
	while read -r set name rest; do
		[[ -n $set ]] || continue
		for word; do
			[[ $word == "$set" || $word == "$name" ||
				$word == full && $set == quick ]] || continue
			printf '%s %s\n' "$name" "$rest"
			break
		done
	done <<<"$CHECKS"
}

run_rows() {
	local name want options passed=0 failed=0
	while read -r name want options; do
		# shellcheck disable=SC2086 # options are words
		if one "$name" "$want" $options; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
		fi
	done
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[[ $failed == 0 && $passed -gt 0 ]]
}

# The steps of the error, with the state at its end.
trail() {
	local name want options
	local -a defines
	read -r name want options <<<"$(rows "$1")"
	[[ -n ${want-} ]] || usage_die "there is no row '$1'"
	# shellcheck disable=SC2086 # options are words
	build "$name" "$want" $options
	# The shortest that can be had in a moment; of a cycle any is short.
	[[ " $options " == *' NP '* ]] || HOW+=(-i)
	DEADLINE=60 within_deadline ./pan "${HOW[@]}" >pan.out 2>&1 || :
	[[ -e takeover.pml.trail ]] || die "'$name' holds, there is no trail"
	[[ $name != [A-Z]* ]] || options="$name $options"
	read -r -a defines <<<"$options"
	found
	spin "${defines[@]/#/-D}" -T -g -k takeover.pml.trail "$HERE/takeover.pml" |
		awk -v found="$REPLY" '
			/^[a-z]+( [0-9])?: / && !/^spin: / { print; next }
			/CYCLE/ { print "again and again from here:" }
			/^#processes/ { print "found: " found }
			/^\t\t(laneof1|colour|nxt|emt|holder|valid|acted|pub|owner)/ {
				printf "%s", sep $1 $2 $3; sep = "  "
			}
			END { print "" }'
}

# in_step: README.md names each mutation with its property and its tests.
in_step() {
	local set name want file test n=0 bad=0 row
	while read -r set name want _; do
		[[ $name == [A-Z]* ]] || continue
		n=$((n + 1))
		row=$(grep -F "| \`$name\` |" "$HERE/README.md") || {
			printf 'itests/model/README.md: has no row for %s\n' "$name"
			bad=1
			continue
		}
		[[ $row == *"| $want |"* ]] || {
			printf 'itests/model/README.md: %s breaks %s\n' "$name" "$want"
			bad=1
		}
		grep -qw "$name" "$HERE/takeover.pml" || {
			printf 'itests/model/takeover.pml: has no %s\n' "$name"
			bad=1
		}
	done <<<"$CHECKS"
	while read -r name; do
		[[ $CHECKS == *$'\nquick '"$name "* || $CHECKS == *$'\nfull  '"$name "* ]] || {
			printf 'itests/model/takeover.pml: %s has no row in run.sh\n' "$name"
			bad=1
		}
	done < <(grep -E '^#(if|elif)' "$HERE/takeover.pml" |
		grep -oE '\b[A-Z_]{2,}\b' | grep -vxE "$SIZES" | sort -u)
	# "`file`: `test`", one or several in a row
	while IFS='	' read -r name file test; do
		grep -qw -- "$test" "$ROOT/$file" 2>/dev/null || {
			printf 'itests/model/README.md: %s: there is no %s in %s\n' \
				"$name" "$test" "$file"
			bad=1
		}
	done < <(perl -ne '
		next unless /^\| `([A-Z_]+)` \|/;
		my $name = $1;
		print "$name\t$1\t$2\n" while /`([\w\/.]+)`: `(\w+)`/g;
	' "$HERE/README.md")
	[[ $n -gt 0 && $bad == 0 ]]
}

case ${1-} in
in-step)
	in_step
	exit
	;;
'' | help)
	sed -n 's/^#\t/\t/p' "$SELF"
	exit
	;;
esac
command -v spin gcc >/dev/null || die "spin or gcc is not installed" \
	"infra/dev/bootstrap.sh --need test installs what is missing"
MODEL_MIB=${MODEL_MIB:-$([[ $1 == @(full|deep) ]] && echo 14000 || echo 2000)}
DEADLINE=${DEADLINE:-1800}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/galore-model.XXXXXX")
trap 'rm -rf -- "$TMP"' EXIT
trap 'exit 1' INT TERM HUP
cd -- "$TMP"
if [[ $1 == trail ]]; then
	trail "${2-}"
	exit
fi
for word; do
	[[ -n $(rows "$word") ]] || usage_die "there is no row '$word'"
done
run_rows < <(rows "$@")
