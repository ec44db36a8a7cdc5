#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs the browser test against a storefront that runs already:
#
#	BASE_URL=http://127.0.0.1:7000 OUT=shot.png itests/browser/run.sh
#
# What it needs from npm is installed once, into a cache beside all checkouts:
# a folder a content of the lock file, filled under another name and renamed,
# so that a run that is cut short leaves nothing half made behind.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/toasties-galore/browser
INSTALL_DEADLINE_S=300
RUN_DEADLINE_S=240

die() {
	printf 'browser: %s\n' "$1" >&2
	[[ -z ${2-} ]] || printf 'HINT: %s\n' "$2" >&2
	exit 2
}

[[ ${BASE_URL-} && ${OUT-} ]] || die "BASE_URL and OUT are not set" \
	"BASE_URL is the storefront's address, OUT the screenshot's file"
OUT=$(realpath -m -- "$OUT")

for program in node npm "${CHROMIUM:-/usr/bin/chromium}"; do
	command -v "$program" >/dev/null || die "there is no '$program'" \
		"infra/dev/bootstrap.sh --need test installs what is missing"
done

sum=$(sha256sum "$HERE/package-lock.json")
folder=$CACHE/${sum:0:16}

install_packages() {
	local fresh

	[[ ! -d $folder ]] || return 0
	printf 'browser: installing from npm into %s (once)\n' "$folder" >&2
	fresh=$(mktemp -d "$folder.new.XXXXXX")
	cp -- "$HERE/package.json" "$HERE/package-lock.json" "$HERE/.npmrc" \
		"$fresh/"
	(cd -- "$fresh" && timeout "$INSTALL_DEADLINE_S" \
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
		>&2 || {
		rm -rf -- "$fresh"
		die "npm could not install what the browser test needs" \
			"is there a way to the npm registry?"
	}
	mv -T -- "$fresh" "$folder"
}

mkdir -p -- "$CACHE" || die "cannot make the cache folder '$CACHE'" \
	"set XDG_CACHE_HOME to a folder that may be written to"
exec 8>"$CACHE/lock"
flock -w "$INSTALL_DEADLINE_S" 8 || die "another install does not end"
install_packages
exec 8>&-

# Modules are looked for beside the file that imports them, so the test runs
# from a copy beside its packages.
copy=$(mktemp -d "$folder/run.XXXXXX")
trap 'rm -rf -- "$copy"' EXIT
cp -- "$HERE/order_on_the_page.mjs" "$copy/"
export BASE_URL OUT
timeout --kill-after=10 "$RUN_DEADLINE_S" node "$copy/order_on_the_page.mjs"
