#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Documents against the tables that they describe:
#
# - every row of every .def ends with its sentence: a text that is not empty,
#   does not begin with a capital (a name may) and does not end in a full stop;
# - a table in a README.md between the two lines
#	<!-- rows of infra/grillsim/conf.def -->
#	<!-- end of rows -->
#   says what check-docs.sh --table infra/grillsim/conf.def prints.
#
# check-docs.sh [DEF or README.md]...: those files only.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# Names that a sentence may begin with, besides words all in capitals.
NAMES='Kafka|Postgres|Modbus|Prometheus|SQL|JSON|HTTP|UUID|CPU'

# rows DEF: a line a row: number of its line, macro, then its arguments, with
# tabs between. A text keeps its quotes; neighbouring texts are one.
rows() {
	# shellcheck disable=SC2016 # variables of Perl
	perl -0777 -ne '
	my ($line, $depth, $word, @row) = (1, 0, "");
	sub whole { my $a = shift; $a =~ s/^\s+|\s+$|(?<!\\)"\s+"//g; $a =~ s/\s+/ /g; length $a ? $a : "\"\"" }
	while (m{\G(/\*.*?\*/|^#(?:[^\n]*\\\n)*[^\n]*|"(?:[^"\\]|\\.)*"|\s+|\w+|.)}gsm) {
		my $t = $1;
		if ($t =~ m{^(/\*|#)}) {
		} elsif (!$depth) {
			($depth, @row) = (1, "$line\t$word", "") if $t eq "(";
			$word = $t if $t =~ /\w/;
		} elsif ($depth == 1 && $t eq ",") {
			push @row, "";
		} elsif ($t ne ")" || --$depth) {
			$depth++ if $t eq "(";
			$row[-1] .= $t;
		} else {
			print join("\t", $row[0], map { whole($_) } @row[1..$#row]), "\n";
		}
		$line += ($t =~ tr/\n//);
	}' "$1"
}

# check_def DEF: prints what is wrong with its sentences.
check_def() {
	rows "$1" | awk -F '\t' -v file="$1" -v names="^(${NAMES})([^a-z]|\$)" '
	function wrong(what) {
		print file ":" $1 ": " $2 "(" $3 ", ...) " what
		bad = 1
	}
	{
		sentence = substr($NF, 2, length($NF) - 2)
		if (NF < 4 || $NF !~ /^".*"$/)
			wrong("does not end with a sentence")
		else if (sentence ~ /^[ ]*$/)
			wrong("has an empty sentence")
		else if (sentence ~ /^[A-Z]/ && sentence !~ /^[A-Z]+([^a-zA-Z]|$)/ &&
			 sentence !~ names)
			wrong("has a sentence that begins with a capital")
		else if (sentence ~ /\.$/)
			wrong("has a sentence that ends in a full stop")
		else if (sentence ~ /^ | $/)
			wrong("has a sentence with a space at an end")
	}
	END {
		if (!NR) {
			print file ":1: has no rows"
			bad = 1
		}
		exit bad
	}'
}

# table DEF: the rows as README.md has them: settings with name and default,
# counters with their labels, anything else with its first text.
table() {
	rows "$1" | awk -F '\t' '
	function bare(text) {
		if (text ~ /^".*"$/)
			text = substr(text, 2, length(text) - 2)
		gsub(/\\"/, "\"", text)
		gsub(/\|/, "\\|", text)
		return text
	}
	function code(text) {
		return text == "" ? "" : "`" text "`"
	}
	{
		second = $2 ~ /^CONF_/ ? "default" : \
			$2 ~ /^(COUNTER|GAUGE|HISTOGRAM)$/ ? "labels" : ""
		first = second ? 4 : 3
		while (!second && first < NF && $first !~ /^"/)
			first++
		if (NR == 1)
			printf "| name |%s what |\n|---|%s---|\n",
				second ? " " second " |" : "", second ? "---|" : ""
		printf "| %s |%s %s |\n", first < NF ? code(bare($first)) : "",
			second ? " " code(bare($5)) " |" : "", bare($NF)
	}'
}

# check_readme README: prints which table does not say what its .def says.
check_readme() {
	local def found line bad=0
	while IFS=: read -r line def; do
		def=${def#*<!-- rows of }
		def=${def% -->}
		found=$(sed -n "$((line + 1)),/^<!-- end of rows -->\$/p" "$1" |
			grep -v -e '^$')
		if [[ ! -f $def ]]; then
			printf '%s:%d: there is no %s\n' "$1" "$line" "$def"
			bad=1
		elif [[ $found != "$(table "$def")"$'\n<!-- end of rows -->' ]]; then
			printf '%s:%d: differs from %s\n' "$1" "$line" "$def"
			bad=1
		fi
	done < <(grep -n '^<!-- rows of [^ ]* -->$' "$1")
	return "$bad"
}

if [[ ${1-} == --table && $# -eq 2 ]]; then
	table "$2"
	exit
fi
if [[ $# -eq 0 ]]; then
	mapfile -t files < <(find README.md producers schemas workers infra \
		itests -name node_modules -prune -o \
		\( -name '*.def' -o -name README.md \) -print | sort)
	set -- "${files[@]}"
fi
status=0
for file; do
	case $file in
	*.def) check_def "$file" || status=1 ;;
	*) check_readme "$file" || status=1 ;;
	esac
done
[[ $status == 0 ]] ||
	printf 'HINT: infra/dev/check-docs.sh --table DEF prints a table\n' >&2
exit "$status"
