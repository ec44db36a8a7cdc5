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

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../infra/dev/server.sh" browser

install_packages() {
	[[ ! -d $FOLDER ]] || return 0
	say "installing from npm into $FOLDER (once)"
	fresh=$(mktemp -d "$FOLDER.new.XXXXXX")
	trap 'rm -rf -- "$fresh"' EXIT
	cp -- "$HERE"/package{,-lock}.json "$HERE/.npmrc" "$fresh/"
	(cd -- "$fresh" && timeout --foreground 300 npm ci --ignore-scripts \
		--no-audit --no-fund --loglevel=error) >&2 ||
		die "npm could not install what the browser test needs" \
			"is there a way to the npm registry?"
	mv -T -- "$fresh" "$FOLDER"
}

sum=$(sha256sum "$HERE/package-lock.json")
cache_folder "browser-${sum:0:16}"
FOLDER=$REPLY
if [[ ${1-} == install ]]; then
	install_packages
	exit
fi
[[ ${BASE_URL-} && ${OUT-} ]] || die "BASE_URL and OUT are not set" \
	"BASE_URL is the storefront's address, OUT the screenshot's file"
OUT=$(realpath -m -- "$OUT")
for program in node npm "${CHROMIUM:-/usr/bin/chromium}"; do
	command -v "$program" >/dev/null || die "there is no '$program'" \
		"infra/dev/bootstrap.sh --need test installs what is missing"
done
[[ -d $FOLDER ]] || fetch_alone "$FOLDER" "$SELF" install

# Modules are looked for beside the file that imports them, so the test runs
# from a copy beside its packages.
copy=$(mktemp -d "$FOLDER/run.XXXXXX")
trap 'rm -rf -- "$copy"' EXIT
cp -- "$HERE/order_on_the_page.mjs" "$copy/"
export BASE_URL OUT
timeout --kill-after=10 240 node "$copy/order_on_the_page.mjs"
