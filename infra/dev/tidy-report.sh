#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What clang-tidy says, on standard input, without its noise: its counts, what
# it finds in other people's headers, and what it has said before. Fails when
# anything is left, also when that is not a finding (clang-tidy not there).
set -euo pipefail

awk '
# The line under a finding is the line of code that it is about.
about {
	about = 0
	if (shown)
		print
	next
}
/^[0-9]+ (warnings?|errors?)( and [0-9]+ errors?)? (generated|treated as errors?)/ ||
/^Suppressed [0-9]+ / || /^Use -(header|system)/ || /^Error while processing / ||
/^Found compiler error/ || /^\[[0-9]+\/[0-9]+\]/ || /^[ \t]*$/ {
	shown = 0
	next
}
/^[^ \t].*:[0-9]+:[0-9]+: (warning|error|fatal error): / {
	about = 1
	shown = $0 !~ /^\/usr\// && !seen[$0]++
	n += shown
	if (shown)
		print
	next
}
/^[^ \t].*:[0-9]+:[0-9]+: note: / {
	about = 1
	if (shown)
		print
	next
}
/^[ \t]/ || /^[0-9]+ \|/ {
	if (shown)
		print
	next
}
{
	n++
	shown = 1
	print
}
END {
	if (n)
		print n (n == 1 ? " finding" : " findings")
	exit n > 0
}'
