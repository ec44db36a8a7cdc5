#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Documents against the tables that they tell of:
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
	awk '
	function flush_arg() {
		gsub(/^[ \t\n]+|[ \t\n]+$/, "", arg)
		if (arg == "")
			arg = "\"\""
		gsub(/[ \t\n]+/, " ", arg)
		out = out "\t" arg
		arg = ""
	}
	{ text = text $0 "\n" }
	END {
		n = length(text)
		line = 1
		for (i = 1; i <= n; i++) {
			c = substr(text, i, 1)
			two = substr(text, i, 2)
			if (c == "\n")
				line++
			if (comment) {
				if (two == "*/") {
					comment = 0
					i++
				}
			} else if (quoted) {
				arg = arg c
				if (c == "\\")
					arg = arg substr(text, ++i, 1)
				else if (c == "\"") {
					quoted = 0
					closed = 1
				}
			} else if (two == "/*") {
				comment = 1
				i++
			} else if (directive) {
				if (c == "\n" && last != "\\")
					directive = 0
			} else if (c == "#" && !depth) {
				directive = 1
			} else if (c == "\"") {
				quoted = 1
				if (closed)
					sub(/"[ \t\n]*$/, "", arg)
				else
					arg = arg c
			} else if (c == "(" && !depth) {
				out = line "\t" word
				word = ""
				depth = 1
			} else if (c == ")" && depth == 1) {
				flush_arg()
				print out
				depth = 0
			} else if (c == "," && depth == 1) {
				flush_arg()
			} else if (depth) {
				depth += (c == "(") - (c == ")")
				arg = arg c
			} else if (c ~ /[A-Za-z0-9_]/) {
				word = word c
			}
			if (!quoted && !comment && c !~ /["\/* \t\n]/)
				closed = 0
			last = c
		}
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
		sentence = $NF
		if (NF < 4 || sentence !~ /^".*"$/) {
			wrong("does not end with a sentence")
			next
		}
		sentence = substr(sentence, 2, length(sentence) - 2)
		if (sentence ~ /^[ ]*$/)
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
# anything else with its first text.
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
	function head(second) {
		if (NR > 1)
			return
		print "| name | " (second != "" ? second " | " : "") "what |"
		print "|---|" (second != "" ? "---|" : "") "---|"
	}
	$2 ~ /^CONF_/ {
		head("default")
		print "| " code(bare($4)) " | " code(bare($5)) " | " bare($NF) " |"
		next
	}
	$2 ~ /^(COUNTER|GAUGE|HISTOGRAM)$/ {
		head("labels")
		print "| " code(bare($4)) " | " code(bare($5)) " | " bare($NF) " |"
		next
	}
	{
		head("")
		first = ""
		for (i = 3; i < NF && first == ""; i++)
			if ($i ~ /^"/)
				first = bare($i)
		print "| " code(first) " | " bare($NF) " |"
	}'
}

# check_readme README: prints which table does not say what its .def says.
check_readme() {
	local def found i bad=0
	local -a lines
	mapfile -t lines <"$1"
	for ((i = 0; i < ${#lines[@]}; i++)); do
		[[ ${lines[i]} =~ ^'<!-- rows of '([^ ]+)' -->'$ ]] || continue
		def=${BASH_REMATCH[1]}
		found=$(printf '%s\n' "${lines[@]:i+1}" | awk '
			$0 == "<!-- end of rows -->" { ended = 1; exit }
			$0 != "" { print }
			END { if (!ended) print "no end" }')
		if [[ ! -f $def ]]; then
			printf '%s:%d: there is no %s\n' "$1" $((i + 1)) "$def"
			bad=1
		elif [[ $found != "$(table "$def")" ]]; then
			printf '%s:%d: differs from %s\n' "$1" $((i + 1)) "$def"
			bad=1
		fi
	done
	return "$bad"
}

if [[ ${1-} == --table && $# -eq 2 ]]; then
	table "$2"
	exit
fi
if [[ $# -eq 0 ]]; then
	mapfile -t files < <(find producers schemas workers infra itests \
		-name node_modules -prune -o \
		\( -name '*.def' -o -name README.md \) -print | sort)
	[[ ! -f README.md ]] || files+=(README.md)
	set -- "${files[@]}"
fi
status=0
for file; do
	case $file in
	*.def) check_def "$file" || status=1 ;;
	*) check_readme "$file" || status=1 ;;
	esac
done
if [[ $status -ne 0 ]]; then
	printf 'HINT: infra/dev/check-docs.sh --table DEF prints a table\n' >&2
fi
exit "$status"
