#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Each header compiles alone: check-headers.sh "CC FLAGS..." HEADER...
# Two at a time, or JOBS. Says nothing when all do.
#
# What the flags include before everything else is taken out of them: a header
# that lives off it does not stand alone.
set -euo pipefail

if [[ $# -eq 0 ]]; then
	printf 'check-headers.sh "CC FLAGS..." HEADER...\n' >&2
	exit 2
fi
read -r -a words <<<"$1"
shift
[[ $# -gt 0 ]] || exit 0
compile=()
skip=
for word in "${words[@]}"; do
	if [[ -n $skip ]]; then
		skip=
	elif [[ $word == -include ]]; then
		skip=yes
	else
		compile+=("$word")
	fi
done

printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-2}" \
	"${compile[@]}" -fsyntax-only -x c || {
	printf 'HINT: each header includes what it needs itself\n' >&2
	exit 1
}
