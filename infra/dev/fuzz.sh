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

# run_one SECONDS TARGET
run_one() {
	local target=$2 kind=msgpack name runs input status=0
	local -a seeds
	name=${target##*/}
	name=${name%_fuzz}
	mkdir -p "$target.corpus"
	shopt -s nullglob
	[[ $name != envelope ]] || kind=txt
	seeds=(schemas/golden/"$name".*."$kind")
	[[ ${#seeds[@]} -gt 0 ]] || seeds=(schemas/golden/*."$kind")
	cp -u -- "${seeds[@]}" "$target.corpus/"
	"$target" -max_total_time="$1" -rss_limit_mb=512 -malloc_limit_mb=64 \
		-timeout=5 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$target." "$target.corpus" \
		</dev/null >"$target.log" 2>&1 || status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log")
	if [[ $status -eq 0 && ${runs:-0} -gt 0 ]]; then
		printf 'ok      %s: %s inputs\n' "$target" "$runs"
		return
	fi
	printf 'FAILED  %s: after %s inputs\n%s\n' "$target" "${runs:-no}" \
		"$(tail -n 40 "$target.log" | sed 's/^/        /')"
	input=$(sed -n 's/.*Test unit written to //p' "$target.log" | tail -n 1)
	[[ -z $input ]] || printf 'HINT: %s %s\n' "$target" "$input"
	return 1
}

if [[ ${1-} == --one && $# -eq 3 ]]; then
	run_one "$2" "$3"
	exit
fi
if [[ $# -lt 2 || ! $1 =~ ^[1-9][0-9]*$ ]]; then
	printf 'fuzz.sh SECONDS TARGET...\n' >&2
	exit 2
fi
printf '%s\0' "${@:2}" | xargs -0 -n 1 -P "${JOBS:-2}" \
	infra/dev/fuzz.sh --one "$1"
