#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Old words in identifiers, comments and documents: file:line: 'told': write
# 'published'. The list is old-words.txt. It informs, and fails for nothing.
# check-words.sh [--summary] [FILE]...: one line only; those files only.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

summary=
if [[ ${1-} == --summary ]]; then
	summary=yes
	shift
fi
if [[ $# -eq 0 ]]; then
	mapfile -t files < <(find README.md producers schemas workers infra \
		itests migrations -name node_modules -prune -o \
		-name check-words.sh -o -type f -regex '.*\.\(c\|h\|def\|md\|sh\)' -print | sort)
	set -- "${files[@]}"
fi

# shellcheck disable=SC2016 # variables of Perl
SUMMARY=$summary perl -e '
	open(my $list, "<", "infra/dev/old-words.txt") or die;
	while (<$list>) {
		chomp;
		my ($word, $instead, $where) = split /\t/;
		$row{$word} = [$instead, $where] if defined $instead;
	}
	my $words = join "|", keys %row;
	while (<>) {
		while (/(?<![A-Za-z0-9])($words)(?![A-Za-z0-9])/gi) {
			my ($instead, $where) = @{$row{lc $1}};
			next if $where && $ARGV =~ $where;
			$n++;
			$in{$ARGV} = 1;
			print "$ARGV:$.: \x27$1\x27: write \x27$instead\x27\n"
				unless $ENV{SUMMARY};
		}
		close ARGV if eof;
	}
	printf "old words: %d in %d files (infra/dev/check-words.sh)\n",
		$n, scalar keys %in if $n;' "$@"
