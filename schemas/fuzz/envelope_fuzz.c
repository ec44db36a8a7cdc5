/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the headers of a record, the envelope's and a dead letter's.
 * The input is lines of `name: value`, as in golden's texts.
 *
 * What passes the check is written and read again; texts are clean or absent
 * whatever the check says.
 */
#include "schemas/envelope.h"

#include "infra/lib/text/str.h"
#include "schemas/dead_letter.h"
#include "schemas/fuzz/fuzz.h"

enum { LINES_MAX = 64, NAME_CAP = 64 };

struct again {
	struct envelope envelope;
	struct dead_letter letter;
	char *copies[LINES_MAX]; /* values last until their header is done */
	size_t n_copies;
};

static int read_again(void *arg, const char *name, const char *value, size_t n)
{
	struct again *again = arg;
	char *copy = malloc(n + 1);

	fuzz_need(copy && again->n_copies < LINES_MAX);
	memcpy(copy, value, n);
	again->copies[again->n_copies++] = copy;
	envelope_read(&again->envelope, name, copy, n);
	dead_letter_read(&again->letter, name, copy, n);
	return 0;
}

static void check_clean(const struct envelope *envelope)
{
	fuzz_need(text_is_clean(envelope->id));
	fuzz_need(text_is_clean(envelope->customer));
	fuzz_need(text_is_clean(envelope->stall));
	fuzz_need(text_is_clean(envelope->traceparent));
	fuzz_need(text_is_clean(envelope->tracestate));
	fuzz_need(text_is_clean(envelope->missing));
	fuzz_need(text_n_chars(envelope->stall) <= TEXT_MAX_CHARS);
}

static void write_again(const struct envelope *envelope,
			const struct dead_letter *letter)
{
	struct again again = { .n_copies = 0 };

	envelope_init(&again.envelope);
	dead_letter_init(&again.letter);
	if (envelope) {
		(void)envelope_write(envelope, read_again, &again);
		fuzz_need(envelope_check(&again.envelope, NULL) == 0);
		fuzz_need(again.envelope.seq == envelope->seq);
		fuzz_need(text_equal(again.envelope.id, envelope->id));
	}
	if (letter) {
		(void)dead_letter_write(letter, read_again, &again);
		fuzz_need(again.letter.offset == letter->offset);
		fuzz_need(text_equal(again.letter.topic, letter->topic));
	}
	while (again.n_copies > 0)
		free(again.copies[--again.n_copies]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct text rest = { (const char *)bytes, n }, value;
	struct envelope envelope;
	struct dead_letter letter;
	struct schema_fault fault;
	char name[NAME_CAP];

	envelope_init(&envelope);
	dead_letter_init(&letter);
	while (rest.n > 0) {
		struct text line = text_cut(&rest, '\n');
		struct text key = text_cut(&line, ':');

		/* A space, and then the value. */
		if (line.n < 1 || !str_n_copy(name, sizeof(name), key.p, key.n))
			continue;
		value = (struct text){ line.p + 1, line.n - 1 };
		envelope_read(&envelope, name, value.p, value.n);
		dead_letter_read(&letter, name, value.p, value.n);
	}
	write_again(envelope_check(&envelope, &fault) == 0 ? &envelope : NULL,
		    dead_letter_check(&letter, &fault) == 0 ? &letter : NULL);
	check_clean(&envelope);
	return 0;
}
