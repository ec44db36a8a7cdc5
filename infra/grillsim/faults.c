/* SPDX-License-Identifier: MIT */
/* Faults: orders from text, and what they make of requests. Pure. */
#include "infra/grillsim/faults.h"

#include <string.h>

#include "infra/lib/str.h"

#define WORDS_MAX 4
#define MS_MAX 600000
#define TIMES_MAX 1000000
#define EXCEPTION_MAX 11
#define EXCEPTION_BUSY 6
#define NEEDED (-1)

struct word {
	const char *p;
	size_t n;
};

/* With max 0 a verb takes no number; with fallback NEEDED it must. */
struct verb_row {
	const char *name;
	enum order_verb verb;
	bool has_plate;
	int64_t min;
	int64_t max;
	int64_t fallback;
};

static const struct verb_row verbs[] = {
	{ "ok", ORDER_OK, true, 0, 0, 0 },
	{ "slow", ORDER_SLOW, true, 0, MS_MAX, NEEDED },
	{ "long", ORDER_LONG, true, 0, MS_MAX, NEEDED },
	{ "exception", ORDER_EXCEPTION, true, 1, EXCEPTION_MAX,
	  EXCEPTION_BUSY },
	{ "silent", ORDER_SILENT, true, 0, TIMES_MAX, 0 },
	{ "silent-before-start", ORDER_SILENT_BEFORE_START, true, 0, TIMES_MAX,
	  0 },
	{ "silent-after-start", ORDER_SILENT_AFTER_START, true, 0, TIMES_MAX,
	  0 },
	{ "no-fence", ORDER_NO_FENCE, true, 0, 0, 0 },
	{ "broken", ORDER_BROKEN, true, 0, 0, 0 },
	{ "reset", ORDER_RESET, true, 0, 0, 0 },
	{ "show", ORDER_SHOW, true, 0, 0, 0 },
	{ "power-cut", ORDER_POWER_CUT, false, 0, 0, 0 },
	{ "down", ORDER_DOWN, false, 1, MS_MAX, NEEDED },
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word(const struct word *word, const char *text)
{
	return word->n == strlen(text) && !memcmp(word->p, text, word->n);
}

/* How many there are; more than @max is told as @max + 1. */
static size_t split(struct word *words, size_t max, const char *p, size_t n)
{
	size_t n_words = 0;
	size_t i = 0;

	while (i < n) {
		size_t begin;

		while (i < n && is_space(p[i]))
			i++;
		begin = i;
		while (i < n && !is_space(p[i]))
			i++;
		if (i == begin)
			break;
		if (n_words == max)
			return max + 1;
		words[n_words++] = (struct word){ p + begin, i - begin };
	}
	return n_words;
}

static const struct verb_row *find_verb(const struct word *word)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (is_word(word, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* "500", "500ms" or "2s". */
static int parse_number(int64_t *ret, struct word word,
			const struct verb_row *row)
{
	int64_t unit = 1;

	if (word.n > 2 && !memcmp(word.p + word.n - 2, "ms", 2)) {
		word.n -= 2;
	} else if (word.n > 1 && word.p[word.n - 1] == 's') {
		word.n -= 1;
		unit = 1000;
	}
	if (str_n_to_i64(ret, word.p, word.n, 0, MS_MAX) ||
	    *ret * unit < row->min || *ret * unit > row->max)
		return FAULTS_E_NUMBER;
	*ret *= unit;
	return 0;
}

static int parse_plate(int *ret, const struct word *word, int n_plates)
{
	int64_t plate;

	if (is_word(word, "all")) {
		*ret = ORDER_ALL_PLATES;
		return 0;
	}
	if (str_n_to_i64(&plate, word->p, word->n, 0, n_plates - 1))
		return FAULTS_E_PLATE;
	*ret = (int)plate;
	return 0;
}

/* The words behind the verb. */
static int parse_rest(struct order *order, const struct verb_row *row,
		      const struct word *words, size_t n_words, int n_plates)
{
	size_t i = 0;
	int r;

	order->plate = ORDER_ALL_PLATES;
	order->number = row->fallback;
	if (row->has_plate) {
		if (i == n_words)
			return FAULTS_E_PLATE;
		r = parse_plate(&order->plate, &words[i++], n_plates);
		if (r)
			return r;
	}
	if (i < n_words && row->max) {
		r = parse_number(&order->number, words[i++], row);
		if (r)
			return r;
	}
	if (order->number == NEEDED)
		return FAULTS_E_NUMBER;
	return i < n_words ? FAULTS_E_MORE : 0;
}

int order_parse(struct order *ret, const char *line, size_t n, int n_plates)
{
	struct word words[WORDS_MAX];
	size_t n_words = split(words, WORDS_MAX, line, n);
	size_t first = 0;
	const struct verb_row *row;
	struct order order = { 0 };
	int r;

	if (n_words > WORDS_MAX)
		return FAULTS_E_MORE;
	/* "plate 3 slow 500" is "slow 3 500". */
	if (n_words >= 3 && is_word(&words[0], "plate")) {
		words[0] = words[1];
		words[1] = words[2];
		words[2] = words[0];
		first = 1;
	}
	row = n_words ? find_verb(&words[first]) : NULL;
	if (!row)
		return FAULTS_E_VERB;
	order.verb = row->verb;
	r = parse_rest(&order, row, words + first + 1, n_words - first - 1,
		       n_plates);
	if (!r)
		*ret = order;
	return r;
}

const char *order_complaint(int outcome)
{
	switch (outcome) {
	case FAULTS_E_VERB:
		return "no such word";
	case FAULTS_E_PLATE:
		return "no such plate";
	case FAULTS_E_NUMBER:
		return "a number is missing or does not fit";
	case FAULTS_E_MORE:
		return "more words than it takes";
	default:
		return "cannot be done";
	}
}

static struct spell spell_of(const struct order *order)
{
	return (struct spell){ .on = true, .left = order->number };
}

void fault_set(struct fault *fault, const struct order *order)
{
	switch (order->verb) {
	case ORDER_OK:
		*fault = (struct fault){ 0 };
		break;
	case ORDER_SLOW:
		fault->slow_ms = order->number;
		break;
	case ORDER_LONG:
		fault->long_ms = order->number;
		break;
	case ORDER_EXCEPTION:
		fault->exception = (int)order->number;
		break;
	case ORDER_SILENT:
		fault->silent = spell_of(order);
		break;
	case ORDER_SILENT_BEFORE_START:
		fault->silent_before_start = spell_of(order);
		break;
	case ORDER_SILENT_AFTER_START:
		fault->silent_after_start = spell_of(order);
		break;
	case ORDER_NO_FENCE:
	case ORDER_BROKEN:
	case ORDER_RESET:
	case ORDER_SHOW:
	case ORDER_POWER_CUT:
	case ORDER_DOWN:
		break;
	}
}

/* True if it strikes this time. */
static bool strikes(struct spell *spell)
{
	if (!spell->on)
		return false;
	if (spell->left && !--spell->left)
		spell->on = false;
	return true;
}

struct fate fault_read(struct fault *fault)
{
	return (struct fate){ .acts = true,
			      .answers = !strikes(&fault->silent),
			      .slow_ms = fault->slow_ms };
}

struct fate fault_write(struct fault *fault, bool is_start)
{
	struct fate fate = { .acts = true,
			     .answers = true,
			     .slow_ms = fault->slow_ms };

	if (strikes(&fault->silent) ||
	    (is_start && strikes(&fault->silent_before_start))) {
		fate.acts = false;
		fate.answers = false;
	} else if (fault->exception) {
		fate.acts = false;
		fate.exception = fault->exception;
	} else if (is_start && strikes(&fault->silent_after_start)) {
		fate.answers = false;
	}
	return fate;
}
