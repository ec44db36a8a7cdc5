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

if [[ $# -eq 0 ]]; then
	mapfile -t files < <(find README.md producers schemas workers infra \
		itests -name node_modules -prune -o \
		\( -name '*.def' -o -name README.md \) -print | sort)
	set -- "${files[@]}"
fi

# shellcheck disable=SC2016 # variables of Perl
perl -e '
	# Names that a sentence may begin with, besides words all in capitals.
	my $names = qr/^(Kafka|Postgres|Modbus|Prometheus|SQL|JSON|HTTP|UUID|CPU)\b/;

	sub text_of {
		open(my $in, "<", $_[0]) or die "$_[0]: $!\n";
		local $/;
		return <$in>;
	}

	# The rows of a .def: line, macro, then the arguments. A text keeps its
	# quotes; neighbouring texts are one.
	sub rows {
		my ($line, $depth, $word, @row, @rows) = (1, 0, "");
		my $text = text_of($_[0]);
		while ($text =~ m{\G(/\*.*?\*/|^#(?:[^\n]*\\\n)*[^\n]*|"(?:[^"\\]|\\.)*"|\s+|\w+|.)}gsm) {
			my $token = $1;
			if ($token =~ m{^(/\*|#)}) {
			} elsif (!$depth) {
				($depth, @row) = (1, $line, $word, "") if $token eq "(";
				$word = $token if $token =~ /\w/;
			} elsif ($depth == 1 && $token eq ",") {
				push @row, "";
			} elsif ($token ne ")" || --$depth) {
				$depth++ if $token eq "(";
				$row[-1] .= $token;
			} else {
				for (@row[2..$#row]) {
					s/^\s+|\s+$|(?<!\\)"\s+"//g;
					s/\s+/ /g;
				}
				push @rows, [@row];
			}
			$line += ($token =~ tr/\n//);
		}
		return @rows;
	}

	sub complain {
		print "@_\n";
		$bad = 1;
	}

	sub check_def {
		my @rows = rows($_[0]);
		complain("$_[0]:1: has no rows") if !@rows;
		for (@rows) {
			my ($sentence) = $_->[-1] =~ /^"(.*)"$/;
			my $wrong = !defined $sentence || @$_ < 4 ? "does not end with a sentence"
				: $sentence =~ /^ *$/ ? "has an empty sentence"
				: $sentence =~ /^[A-Z]/ && $sentence !~ /^[A-Z]+\b/ &&
				  $sentence !~ $names ? "has a sentence that begins with a capital"
				: $sentence =~ /\.$/ ? "has a sentence that ends in a full stop"
				: $sentence =~ /^ | $/ ? "has a sentence with a space at an end" : "";
			complain("$_[0]:$_->[0]: $_->[1]($_->[2], ...) $wrong") if $wrong;
		}
	}

	sub cell {
		my ($text, $mark) = @_;
		$text =~ s/^"(.*)"$/$1/;
		$text =~ s/\\"/"/g;
		$text =~ s/\|/\\|/g;
		return " " . ($text eq "" ? "" : "$mark$text$mark");
	}

	# The rows as README.md has them: settings with name and default, counters
	# with their labels, anything else with its first text.
	sub table {
		my @rows = rows($_[0]);
		my $second = $rows[0][1] =~ /^CONF_/ ? "default"
			: $rows[0][1] =~ /^(COUNTER|GAUGE|HISTOGRAM)$/ ? "labels" : "";
		my $table = "| name |" . ($second && " $second |") . " what |\n" .
			"|---|" . ($second && "---|") . "---|\n";
		for my $row (@rows) {
			my ($first) = $second ? $row->[3] : grep(/^"/, @$row[2..$#$row - 1]);
			$table .= "|" . cell($first // "", "`") . " |" .
				($second && cell($row->[4], "`") . " |") .
				cell($row->[-1], "") . " |\n";
		}
		return $table;
	}

	sub check_readme {
		my $text = text_of($_[0]);
		while ($text =~ /^<!-- rows of (\S+) -->\n(.*?)(?:^<!-- end of rows -->$|\z)/gsm) {
			my ($def, $found) = ($1, $2);
			my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
			$found =~ s/^\n//gm;
			complain("$_[0]:$line: there is no $def") if ! -f $def;
			complain("$_[0]:$line: differs from $def")
				if -f $def && $found ne table($def);
		}
	}

	if ($ARGV[0] eq "--table") {
		print table($ARGV[1]);
		exit;
	}
	/\.def$/ ? check_def($_) : check_readme($_) for @ARGV;
	exit($bad // 0);' -- "$@" || {
	printf 'HINT: infra/dev/check-docs.sh --table DEF prints a table\n' >&2
	exit 1
}
