#!/bin/sh
# SPDX-License-Identifier: MIT
# The version of a build: the tag if there is one, else 0.1.0 and the commit.
set -eu
CDPATH='' cd "$(dirname "$0")/../.."
base=0.1.0
rev=$(git describe --tags --match 'v*' --always --dirty 2>/dev/null) || rev=
case "$rev" in
v*) echo "${rev#v}" ;;
'') echo "$base" ;;
*) echo "$base+$rev" ;;
esac
