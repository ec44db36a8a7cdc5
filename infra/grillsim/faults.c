/* SPDX-License-Identifier: MIT */
/* Faults: commands from text, and what they do to requests. Pure. */
#include "infra/grillsim/faults.h"

#include <modbus.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/text/str.h"

#define FAULT_MS_MAX 600000
#define FAULT_TIMES_MAX 1000000
#define FAULT_NEEDED (-1)
#define WORDS_MAX 4

typedef char word_text[32];

struct verb_row {
	const char *name;
	bool has_plate;
	int64_t min;
	int64_t max;
	int64_t fallback;
	const char *sentence;
};

static const struct verb_row verbs[] = {
#define FAULT(name, ...) [FAULT_##name] = { __VA_ARGS__ },
#include "infra/grillsim/faults.def"
#undef FAULT
};

/* ---- commands ---- */

static int find_verb(enum fault_verb *ret, const char *word)
{
	for (size_t i = 0; i < FAULT_VERBS_N; i++)
		if (!strcmp(word, verbs[i].name)) {
			*ret = (enum fault_verb)i;
			return 0;
		}
	return FAULT_E_VERB;
}

/* "500", "500ms" or "2s". */
static int parse_number(int64_t *ret, const char *word,
			const struct verb_row *row)
{
	size_t n = strlen(word);
	int64_t unit = 1;

	if (n > 2 && !strcmp(word + n - 2, "ms")) {
		n -= 2;
	} else if (n > 1 && word[n - 1] == 's') {
		n -= 1;
		unit = 1000;
	}
	if (str_n_to_i64(ret, word, n, 0, FAULT_TIMES_MAX) ||
	    *ret * unit < row->min || *ret * unit > row->max)
		return FAULT_E_NUMBER;
	*ret *= unit;
	return 0;
}

static int parse_plate(int *ret, const char *word, int n_plates)
{
	int64_t plate = FAULT_ALL_PLATES;

	if (strcmp(word, "all") && str_to_i64(&plate, word, 0, n_plates - 1))
		return FAULT_E_PLATE;
	*ret = (int)plate;
	return 0;
}

/* The words behind the verb. */
static int parse_rest(struct fault_command *command, word_text *words,
		      int n_words, int n_plates)
{
	const struct verb_row *row = &verbs[command->verb];
	int i = 0;
	int r = 0;

	command->plate = FAULT_ALL_PLATES;
	command->number = row->fallback;
	if (row->has_plate)
		r = n_words ? parse_plate(&command->plate, words[i++], n_plates)
			    : FAULT_E_PLATE;
	if (!r && i < n_words && row->max)
		r = parse_number(&command->number, words[i++], row);
	if (r)
		return r;
	if (command->number == FAULT_NEEDED)
		return FAULT_E_NUMBER;
	return i < n_words ? FAULT_E_MORE : 0;
}

int fault_command_parse(struct fault_command *ret, const char *line, size_t n,
			int n_plates)
{
	struct fault_command command = { 0 };
	word_text words[WORDS_MAX + 1];
	char text[FAULT_LINE_MAX];
	int first = 0;
	int n_words;
	int r;

	if (!str_n_copy(text, sizeof(text), line, n))
		return FAULT_E_MORE;
	n_words = sscanf(text, "%31s %31s %31s %31s %31s", words[0], words[1],
			 words[2], words[3], words[4]);
	if (n_words < 1)
		return FAULT_E_VERB;
	if (n_words > WORDS_MAX)
		return FAULT_E_MORE;
	/* "plate 3 slow 500" is "slow 3 500". */
	if (n_words >= 3 && !strcmp(words[0], "plate")) {
		memcpy(words[0], words[1], sizeof(*words));
		memcpy(words[1], words[2], sizeof(*words));
		memcpy(words[2], words[0], sizeof(*words));
		first = 1;
	}
	r = find_verb(&command.verb, words[first]);
	if (!r)
		r = parse_rest(&command, words + first + 1, n_words - first - 1,
			       n_plates);
	if (!r)
		*ret = command;
	return r;
}

const char *fault_complaint(int outcome)
{
	static const char *const complaints[] = {
		"cannot be done",
		[FAULT_E_VERB] = "no such word",
		[FAULT_E_PLATE] = "no such plate",
		[FAULT_E_NUMBER] = "a number is missing or does not fit",
		[FAULT_E_MORE] = "more words than it has",
	};

	return complaints[outcome > FAULT_E_MORE ? 0 : outcome];
}

/* ---- requests ---- */

void faults_apply(struct faults *faults, const struct fault_command *command)
{
	if (command->verb == FAULT_OK)
		*faults = (struct faults){ 0 };
	if (command->verb >= FAULTS_N)
		return;
	faults->on[command->verb] = true;
	faults->number[command->verb] = command->number;
}

/* True if the fault happens to this request; a counted one wears off. */
static bool happens(struct faults *faults, enum fault_verb verb)
{
	if (!faults->on[verb])
		return false;
	if (faults->number[verb] && !--faults->number[verb])
		faults->on[verb] = false;
	return true;
}

struct fate faults_read(struct faults *faults)
{
	return (struct fate){ .acts = true,
			      .answers = !happens(faults, FAULT_SILENT),
			      .slow_ms = faults->number[FAULT_SLOW] };
}

struct fate faults_write(struct faults *faults, bool is_start)
{
	struct fate fate = faults_read(faults);

	if (!fate.answers ||
	    (is_start && happens(faults, FAULT_SILENT_BEFORE_START))) {
		fate.acts = false;
		fate.answers = false;
	} else if (faults->on[FAULT_EXCEPTION]) {
		fate.acts = false;
		fate.exception = (int)faults->number[FAULT_EXCEPTION];
	} else if (is_start && happens(faults, FAULT_SILENT_AFTER_START)) {
		fate.answers = false;
	}
	return fate;
}
