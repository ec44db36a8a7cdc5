/* SPDX-License-Identifier: MIT */
/*
 * Dead letter: the headers that a copy on <topic>.dlq has besides its own.
 *
 * Key, value and headers are copied as they came; these follow. What makes a
 * copy larger than its topic allows is left out, and `__dlq.errors.cut` says
 * what: the original stands where the other headers say. Kafka's own
 * contract (KIP-1191, `__dlq.errors.*`), what existing consoles read
 * (`kafka_dlt-*`), and `dead-letter-id`: the source position, so that a copy
 * that is published twice is known as one. A record that was a copy before
 * carries older ones: they are left out when copying (dead_letter_owns()), so
 * that headers do not grow from round to round.
 */
#ifndef SCHEMAS_DEAD_LETTER_H
#define SCHEMAS_DEAD_LETTER_H

#include "infra/lib/text/text.h"
#include "schemas/envelope.h"
#include "schemas/outcome.h"

struct dead_letter {
	struct text topic; /* where it came from */
	int32_t partition;
	int64_t offset;
	struct text group; /* who gave it up */
	int32_t delivery_count;
	struct text message; /* why; at most TEXT_MAX_CHARS */
	struct text cut;     /* what was left out; absent: nothing */
	struct text id;      /* topic/partition@offset; reading only */
	/* Reading only: which headers were there, and which of them wrong. */
	unsigned int seen, wrong;
};

void dead_letter_init(struct dead_letter *letter);

/* Is @name one of the headers written here? */
bool dead_letter_owns(const char *name);

/*
 * Once for each header. The first of a name wins, right or wrong; others are
 * ignored. Borrows @value.
 */
void dead_letter_read(struct dead_letter *letter, const char *name,
		      const void *value, size_t n);

/* After the last one. Positive: SCHEMA_E_CONTRACT, it is no such copy. */
int dead_letter_check(struct dead_letter *letter, struct schema_fault *fault);

/* As envelope_write(). */
int dead_letter_write(const struct dead_letter *letter, envelope_header_fn fn,
		      void *arg);

#endif
