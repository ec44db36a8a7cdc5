#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The include law: every #include of every .c and .h against deps.txt. Names
# file and line of each break; says nothing when there is none.
# check-deps.sh [FILE]...: those files only; paths from the top of the tree.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

if [[ $# -eq 0 ]]; then
	mapfile -t files < <(find producers schemas workers infra itests \
		-name node_modules -prune -o -name '*.[ch]' -print | sort)
	set -- "${files[@]}"
fi
[[ $# -gt 0 ]] || exit 0

awk '
FILENAME ~ /deps\.txt$/ {
	if (/^[^#]/ && NF > 1) {
		may[$1] = substr($0, index($0, $2))
		for (i = 2; i <= NF; i++)
			if ($i ~ /^</)
				named[$i] = 1
	}
	next
}
FNR == 1 {
	folder = ""
	more = ""
	for (f in may)
		if (f ~ /^\*/) {
			end = substr(f, 2)
			if (substr(FILENAME, length(FILENAME) - length(end) + 1) == end)
				more = more " " may[f]
		} else if (index(FILENAME, f) == 1 && length(f) > length(folder)) {
			folder = f
		}
	if (folder == "") {
		print FILENAME ":1: no folder of deps.txt holds this file"
		bad = 1
	}
	n = split(may[folder] more, allowed, " ")
}
/^[ \t]*#[ \t]*include[ \t]*["<]/ && folder != "" {
	name = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
	bracket = substr(name, 1, 1)
	name = substr(name, 2)
	sub(/[">].*$/, "", name)
	if (bracket == "<") {
		name = "<" name
		ours = 0
		for (p in named)
			if (index(name, p) == 1)
				ours = 1
		if (!ours)
			next
	}
	for (i = 1; i <= n; i++)
		if (index(name, allowed[i]) == 1)
			next
	print FILENAME ":" FNR ": " folder " may not include " name
	bad = 1
}
END { exit bad }
' infra/dev/deps.txt "$@" || {
	printf 'HINT: infra/dev/deps.txt says who may include whom\n' >&2
	exit 1
}
