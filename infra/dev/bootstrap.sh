#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Bootstrap: install what packages.txt lists and this machine does not have.
#
# Nothing is missing: one question to dpkg, no output, no network. Something is
# missing: says what and why, then apt, by sudo unless this is root. It never
# asks. Packages only; no setting of the machine is left changed.
set -euo pipefail

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/server.sh" bootstrap

# Read by postgresql-common when a server package is installed.
NO_CLUSTER=/etc/postgresql-common/createcluster.d/toasties-galore.conf
declare -A WHY=()
MISSING=()

# find_missing WHEN: sets MISSING and WHY, without what a command makes needless.
find_missing() {
	local package when why
	local -A there=() want=([build]='build' [run]='build run'
		[test]='build run test' [lint]='build lint'
		[bench]='build run bench' [peers]='run peers'
		[coverage]='build run test coverage'
		[all]='build run test lint coverage bench')
	while read -r package _ _ why; do
		[[ $why != installed ]] || there[$package]=yes
	done < <(dpkg-query -W -f '${Package} ${Status}\n' 2>/dev/null)
	while read -r package when why; do
		[[ $package != '#'* && ! ${there[$package]-} ]] || continue
		[[ " ${want[$1]} " == *" ${when%/*} "* ]] || continue
		[[ $when == "${when#*/}" ]] ||
			! command -v "${when#*/}" >/dev/null || continue
		MISSING+=("$package")
		WHY[$package]=$why
	done <"$HERE/packages.txt"
}

check_system() {
	local id
	id=$(. /etc/os-release && printf '%s %s' "${ID-}" "${VERSION_ID-}") ||
		id=unknown
	[[ $id == debian* && -x /usr/bin/apt-get ]] || die \
		"this is no Debian (it says '$id'), so nothing can be installed for you" \
		"install the like of: ${MISSING[*]}" \
		"then build with: make programs"
	[[ $id == 'debian 12' ]] ||
		say "written for Debian 12, this is '$id'; trying all the same"
}

# as_root COMMAND...: apt never asks, and no environment of ours reaches it.
as_root() {
	local sudo=()
	if [[ $(id -u) != 0 ]]; then
		command -v sudo >/dev/null || die \
			"there is no sudo, and $(id -un) may not install packages" \
			"as root: apt-get install ${MISSING[*]}"
		sudo=(sudo)
		[[ -t 0 ]] || sudo+=(-n)
	fi
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

apt() {
	as_root apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
		-o DPkg::Lock::Timeout=300 "$@"
}

# update LOG: a machine that has just come up fetches the list by itself, and
# apt waits for another's lock when it installs, but not for this one.
update() {
	apt -o APT::Update::Error-Mode=any update >"$1" 2>&1 ||
		! grep -q 'Could not get lock' "$1"
}

# A server package would otherwise make a cluster of the whole machine and
# start it. Whatever the machine had set is as before when we have done.
forbid_cluster() {
	as_root mkdir -p "${NO_CLUSTER%/*}"
	as_root tee "$NO_CLUSTER" >/dev/null <<<"create_main_cluster = false"
	trap 'as_root rm -f "$NO_CLUSTER"' EXIT
}

# progress: what apt says goes to descriptor 7; every few seconds where it is.
progress() {
	local line next=5
	while IFS= read -r line; do
		printf '%s\n' "$line" >&7
		[[ $SECONDS -ge $next && $line =~ ^(Get:|Unpacking|Setting up) ]] ||
			continue
		printf '    %.70s\n' "$line" >&2
		next=$((SECONDS + 5))
	done
}

install_missing() {
	local log package
	for package in "${MISSING[@]}"; do
		printf '    %-24s %s\n' "$package" "${WHY[$package]}" >&2
	done
	as_root true || die "$(id -un) may not install packages" \
		"as root: apt-get install ${MISSING[*]}"
	log=$(mktemp)
	say "fetching the list of packages"
	within 300000 2 update "$log" || :
	! grep -q '^E:' "$log" || {
		log_tail "$log" 6
		say "the list of packages is not complete, trying all the same"
	}
	[[ " ${MISSING[*]} " != *" postgresql-15 "* ]] || forbid_cluster
	say "installing ${#MISSING[@]} packages and what they need"
	apt install --no-install-recommends "${MISSING[@]}" 2>&1 |
		progress 7>"$log" || {
		log_tail "$log"
		die "the packages cannot be installed" \
			"is there a way to a Debian mirror? the whole log is '$log'" \
			"to try by hand: apt-get install ${MISSING[*]}"
	}
	rm -f "$log"
}

when=all
[[ $# == 0 ]] || when=${2-}
if [[ $# != 0 && $1 != --need ||
	! $when =~ ^(build|run|test|lint|coverage|bench|peers|all)$ ]]; then
	say "error: '$*' is not understood"
	hint "bootstrap.sh [--need build|run|test|lint|coverage|bench|peers|all]"
	exit 2
fi
find_missing "$when"
[[ ${#MISSING[@]} -gt 0 ]] || exit 0
check_system
now_ms
start=$REPLY
say "missing for '$when':"
install_missing
seconds_since "$start"
say "done in $REPLY s"
