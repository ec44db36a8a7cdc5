#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What clang-tidy says, on standard input, without its noise: its counts, what
# it finds in other people's headers, and what it has said before. Fails when
# anything is left, also when that is not a finding (clang-tidy not there).
set -euo pipefail

# shellcheck disable=SC2016 # variables of Perl
perl -ne '
	if ($code) {
		$code = 0; # the line of code that a finding is about
	} elsif (/^\d+ (warning|error)s?.*(generated|treated as errors)|^Suppressed \d|^Use -(header|system)|^Error while processing |^Found compiler error|^\[\d+\/\d+\]|^\s*$/) {
		$shown = 0;
	} elsif (/^\S.*:\d+:\d+: (warning|error|fatal error): /) {
		$code = 1;
		$shown = !m{^/usr/} && !$seen{$_}++;
		$n += $shown;
	} elsif (/^\S.*:\d+:\d+: note: /) {
		$code = 1;
	} elsif (!/^\s|^\d+ \|/) {
		$shown = 1;
		$n++;
	}
	print if $shown;
	END {
		print "$n findings\n" if $n;
		exit($n > 0);
	}'
