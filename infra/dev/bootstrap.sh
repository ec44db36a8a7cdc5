#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Bootstrap: install what packages.txt lists and this machine does not have.
#
# Nothing is missing: one question to dpkg, no word, no network. Something is
# missing: says what and why, then apt, by sudo unless this is root. Nothing is
# ever asked. Packages only; no setting of the machine is left changed.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# Read by server.sh.
# shellcheck disable=SC2034
SERVER=bootstrap
# shellcheck source=infra/dev/server.sh
. "$HERE/server.sh"

LIST=$HERE/packages.txt
# Read by postgresql-common when a server package is installed.
NO_CLUSTER=/etc/postgresql-common/createcluster.d/toasties-galore.conf
declare -A WHY=()
WANTED=() MISSING=()

# read_list WHEN: WANTED and WHY, without what a command makes needless.
read_list() {
	local package when why command
	local want
	case $1 in
	build) want=" build " ;;
	run) want=" build run " ;;
	test) want=" build run test " ;;
	lint) want=" build lint " ;;
	coverage) want=" build run test coverage " ;;
	all) want=" build run test lint coverage " ;;
	esac
	while read -r package when why; do
		[[ $package != '#'* ]] || continue
		command=${when#*/}
		[[ $want == *" ${when%/*} "* ]] || continue
		[[ $command == "$when" ]] ||
			! command -v "$command" >/dev/null || continue
		WANTED+=("$package")
		WHY[$package]=$why
	done <"$LIST"
}

# find_missing: MISSING, by one question to dpkg.
find_missing() {
	local package status
	local -A there=()
	while read -r package status; do
		[[ $status == *' installed' ]] && there[$package]=yes
	done < <(dpkg-query -W -f '${Package} ${Status}\n' "${WANTED[@]}" \
		2>/dev/null)
	for package in "${WANTED[@]}"; do
		[[ ${there[$package]-} ]] || MISSING+=("$package")
	done
}

check_system() {
	local id=unknown version=
	if [[ -r /etc/os-release ]]; then
		id=$(. /etc/os-release && printf '%s' "${ID-}")
		version=$(. /etc/os-release && printf '%s' "${VERSION_ID-}")
	fi
	if [[ $id != debian || ! -x /usr/bin/apt-get ]]; then
		die "this is no Debian (it says '$id'), so nothing can be installed for you" \
			"install the like of: ${WANTED[*]}" \
			"then build with: make programs"
	fi
	[[ $version == 12 ]] ||
		say "written for Debian 12, this is '$version'; trying all the same"
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

# check_root: that we may become root, before apt is blamed for it.
check_root() {
	as_root true || die "$(id -un) may not install packages" \
		"as root: apt-get install ${MISSING[*]}"
}

apt() {
	as_root apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
		-o DPkg::Lock::Timeout=300 "$@"
}

# update LOG: a machine that has just come up fetches the list by itself, and
# apt waits for another's lock when it installs, but not for this one.
update() {
	local end
	now_ms
	end=$((REPLY + 300000))
	until apt -o APT::Update::Error-Mode=any update >"$1" 2>&1; do
		now_ms
		grep -q 'Could not get lock' "$1" && [[ $REPLY -lt $end ]] ||
			return 1
		sleep 2
	done
}

# A server package would otherwise make a cluster of the whole machine and
# start it. Whatever the machine had set is as before when we have done.
forbid_cluster() {
	as_root mkdir -p "${NO_CLUSTER%/*}"
	as_root tee "$NO_CLUSTER" >/dev/null <<<"create_main_cluster = false"
	trap 'as_root rm -f "$NO_CLUSTER"' EXIT
}

# progress FILE: what apt says goes there; every few seconds where it is.
progress() {
	local line next=$((SECONDS + 5))
	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		Get:* | Unpacking* | "Setting up"*) ;;
		*) continue ;;
		esac
		[[ $SECONDS -ge $next ]] || continue
		printf '    %.70s\n' "$line" >&2
		next=$((SECONDS + 5))
	done >"$1"
}

install_missing() {
	local log package
	for package in "${MISSING[@]}"; do
		printf '    %-24s %s\n' "$package" "${WHY[$package]}" >&2
	done
	check_root
	log=$(mktemp)
	say "fetching the list of packages"
	update "$log" || {
		log_tail "$log" 6
		say "the list of packages is not complete, trying all the same"
	}
	[[ " ${MISSING[*]} " != *" postgresql-15 "* ]] || forbid_cluster
	say "installing ${#MISSING[@]} packages and what they need"
	apt install --no-install-recommends "${MISSING[@]}" 2>&1 |
		progress "$log" || {
		log_tail "$log"
		die "the packages cannot be installed" \
			"is there a way to a Debian mirror? the whole log is '$log'" \
			"to try by hand: apt-get install ${MISSING[*]}"
	}
	rm -f "$log"
}

main() {
	local when=all start
	if [[ $# -gt 0 ]]; then
		[[ $1 == --need ]] || when=''
		when=${when:+${2-}}
	fi
	if [[ ! $when =~ ^(build|run|test|lint|coverage|all)$ ]]; then
		say "error: '$*' is not understood"
		hint "bootstrap.sh [--need build|run|test|lint|coverage|all]"
		exit 2
	fi
	read_list "$when"
	command -v dpkg-query >/dev/null || check_system
	find_missing
	[[ ${#MISSING[@]} -gt 0 ]] || return 0
	check_system
	now_ms
	start=$REPLY
	say "missing for '$when':"
	install_missing
	seconds_since "$start"
	say "done in $REPLY s"
}

main "$@"
