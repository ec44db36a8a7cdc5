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

# shellcheck disable=SC2016 # variables of Perl
perl -e '
	open(my $law, "<", "infra/dev/deps.txt") or die;
	while (<$law>) {
		my ($folder, @may) = split;
		next if !@may || $folder =~ /^#/;
		$may{$folder} = \@may;
		$named{$_} = 1 for grep { /^</ } @may;
	}
	sub begins {
		my $text = shift;
		return grep { index($text, $_) == 0 } @_;
	}
	while (<>) {
		if ($. == 1) {
			($folder) = sort { length $b <=> length $a } begins($ARGV, keys %may);
			@allowed = map { @{$may{$_}} } $folder // (),
				grep { /^\*(.*)/ && $ARGV =~ /\Q$1\E$/ } keys %may;
			complain("no folder of deps.txt holds this file") if !defined $folder;
		}
		if (/^\s*#\s*include\s*(?:"(.*)"|(<.*)>)/ && defined $folder) {
			my $name = $1 // $2;
			complain("$folder may not include $name")
				if !begins($name, @allowed) &&
				   ($name !~ /^</ || begins($name, keys %named));
		}
		close ARGV if eof;
	}
	sub complain {
		print "$ARGV:$.: @_\n";
		$bad = 1;
	}
	exit($bad // 0);' "$@" || {
	printf 'HINT: infra/dev/deps.txt says who may include whom\n' >&2
	exit 1
}
