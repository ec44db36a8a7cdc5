#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A file is a thing that one would look for by its name. This names a .c file
# under 60 lines whose header has one user, a header with one includer besides
# its own .c, and a comment that only says "X: see x.h". It informs, and fails
# for nothing; tests do not count.
# check-rooms.sh [--summary]
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# shellcheck disable=SC2016 # variables of Perl
find producers schemas workers infra itests -name node_modules -prune -o \
	-name '*.[ch]' -print | sort | SUMMARY=${1-} perl -e '
	chomp(@files = <STDIN>);
	for my $file (@files) {
		open(my $in, "<", $file) or die;
		while (<$in>) {
			$lines{$file} = $.;
			$users{$1}{$file} = 1 if /^#\s*include "(.*\.h)"/;
			say_it("$file:$.: the comment only names another file")
				if m{^(/\*| \*) \S.{0,40}: see [\w/.]+\.h};
		}
	}
	sub say_it {
		$n++;
		print "@_\n" unless $ENV{SUMMARY};
	}
	for my $header (grep { /\.h$/ } @files) {
		(my $own = $header) =~ s/\.h$//;
		my @users = grep { !/^\Q$own\E(\.c|_fake\.c)$/ && !/_test\.c$/ }
			sort keys %{$users{$header} || {}};
		next if @users != 1;
		my $lines = $lines{"$own.c"} // 60;
		say_it($lines < 60
			? "$own.c: has $lines lines and one user, $users[0]"
			: "$header: has one user, $users[0]");
	}
	print "files as rooms: $n remarks (infra/dev/check-rooms.sh)\n"
		if $n && $ENV{SUMMARY};'
