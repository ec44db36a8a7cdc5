#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fuzz targets: fuzz.sh SECONDS TARGET... runs each for so long, two at a time
# or JOBS, in bounded memory, beginning with the golden bytes of its message
# (of all, when none bears its name; envelope_fuzz with golden headers, which are
# texts) and what earlier runs found worth keeping.
# A line a target. A crash, a hang or too much memory fails; the input is kept
# beside the target, and the command that repeats it is printed.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

RSS_MAX_MB=512
ALLOCATION_MAX_MB=64
INPUT_MAX_S=5
INPUT_MAX_BYTES=65536

run_one() {
	local seconds=$1 target=$2 kind=msgpack name log runs status=0
	local -a seeds
	name=${target##*/}
	name=${name%_fuzz}
	log=$target.log
	mkdir -p "$target.corpus"
	shopt -s nullglob
	[[ $name != envelope ]] || kind=txt
	seeds=(schemas/golden/"$name".*."$kind")
	[[ ${#seeds[@]} -gt 0 ]] || seeds=(schemas/golden/*."$kind")
	cp -u -- "${seeds[@]}" "$target.corpus/"
	"$target" -max_total_time="$seconds" -rss_limit_mb="$RSS_MAX_MB" \
		-malloc_limit_mb="$ALLOCATION_MAX_MB" -timeout="$INPUT_MAX_S" \
		-max_len="$INPUT_MAX_BYTES" -print_final_stats=1 \
		-artifact_prefix="$target." "$target.corpus" \
		</dev/null >"$log" 2>&1 || status=$?
	runs=$(awk '/^stat::number_of_executed_units:/ { print $2 }' "$log")
	if [[ $status -eq 0 && ${runs:-0} -gt 0 ]]; then
		printf 'ok      %s: %s inputs\n' "$target" "$runs"
		return
	fi
	printf 'FAILED  %s: after %s inputs\n%s\n' "$target" "${runs:-no}" \
		"$(tail -n 40 "$log" | sed 's/^/        /')"
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
	[[ -z $input ]] || printf 'HINT: %s %s\n' "$target" "$input"
	return 1
}

if [[ ${1-} == --one && $# -eq 3 ]]; then
	run_one "$2" "$3"
	exit
fi
if [[ $# -lt 1 || ! $1 =~ ^[1-9][0-9]*$ ]]; then
	printf 'fuzz.sh SECONDS TARGET...\n' >&2
	exit 2
fi
seconds=$1
shift
if [[ $# -eq 0 ]]; then
	printf 'fuzz.sh: no targets\n' >&2
	exit 1
fi
printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-2}" \
	infra/dev/fuzz.sh --one "$seconds" || exit 1
