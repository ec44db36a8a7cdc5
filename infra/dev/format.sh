#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# clang-format over every .c and .h of the tree. format.sh mends them;
# format.sh --check says which are not as they should be.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# Other versions see some lines otherwise.
format=${CLANG_FORMAT:-$(command -v clang-format-14 || echo clang-format)}
mode=(-i)
case ${1-} in
'') ;;
--check) mode=(--dry-run --Werror) ;;
*)
	printf 'format.sh [--check]\n' >&2
	exit 2
	;;
esac
find producers schemas workers infra itests \
	-name node_modules -prune -o -name '*.[ch]' -print0 |
	xargs -0 -r -n 16 -P "${JOBS:-2}" "$format" "${mode[@]}" || {
	printf 'HINT: make format mends it\n' >&2
	exit 1
}
