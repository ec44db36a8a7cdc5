/* SPDX-License-Identifier: MIT */
/*
 * Envelope: the headers of a record. CloudEvents 1.0 in Kafka's binary mode,
 * W3C trace context, and our own (README.md has the table). No header says
 * what the record says already: its timestamp is the event's time, its key is
 * what the event is about. Each header costs every reader and the broker.
 *
 * Streaming both ways. A reader calls envelope_init(), then envelope_read()
 * for each header as it comes, then envelope_check() once; a writer fills the
 * struct and gets each header by envelope_write(). All texts are borrowed from
 * the caller's headers. An absent text has p NULL.
 */
#ifndef SCHEMAS_ENVELOPE_H
#define SCHEMAS_ENVELOPE_H

#include "infra/lib/text/text.h"
#include "schemas/events.h"
#include "schemas/outcome.h"

struct envelope {
	enum event_type type; /* from ce_type by the check, and to it */
	int version;          /* from schema-version (absent is 1), and to it */
	int64_t seq;          /* -1 is absent */

	struct text id, source; /* together the event's identity for ever */
	/* Absent when not valid; a later version of it is written as 00. */
	struct text traceparent, tracestate;
	struct text customer; /* pseudonymous id; copied on */
	struct text stall;    /* only beside a body that lacks it */

	/* On facts: what a body may lack. */
	struct text source_position; /* orders/3@1234 */
	struct text verdict, reason, missing, number;
	struct text grill; /* "true" or "false", beside a v1 body */

	/* As they came; writing derives them, and leaves these alone. */
	struct text specversion, type_name, content_type;
	struct text schema_version, seq_text;
};

void envelope_init(struct envelope *envelope);

/*
 * Once for each header. The first of a name wins, names that are not ours and
 * NULL values are ignored. Borrows @value until the envelope is done with.
 */
void envelope_read(struct envelope *envelope, const char *name,
		   const void *value, size_t n);

/*
 * After the last header: sets type, version and seq, and holds every text to
 * be clean and (missing apart) at most TEXT_MAX_CHARS characters long.
 * Positive: SCHEMA_E_*; for a report, type, version and seq are then what could
 * be made out, and texts that are not clean are absent.
 */
int envelope_check(struct envelope *envelope, struct schema_fault *fault);

/* An invalid trace never makes an order refused: the trace is dropped. Of a
 * newer version, or of a tracestate that is too long, only that part is dropped
 * that cannot be forwarded. envelope_check() does this; a program that has its
 * trace from elsewhere calls it itself. */
void envelope_check_trace(struct envelope *envelope);

/* What a body without a stall is for: the header, `main` without one. */
static inline struct text envelope_stall(const struct envelope *envelope)
{
	return envelope->stall.n > 0 ? envelope->stall : TEXT("main");
}

/*
 * What the header says of the grill beside a v1 body; @ret as it was without
 * one. SCHEMA_E_CONTRACT for anything but true and false.
 */
int envelope_grill(const struct envelope *envelope, bool *ret,
		   struct schema_fault *fault);

/* A header going out. What it returns, if not 0, ends the writing. */
typedef int (*envelope_header_fn)(void *arg, const char *name,
				  const char *value, size_t n_value);

/*
 * Calls @fn for each header that is there, always in the same order.
 * ce_specversion, ce_type, content-type and schema-version come from type and
 * version, which must name a version that exists. Values are the callback's
 * only until it returns.
 */
int envelope_write(const struct envelope *envelope, envelope_header_fn fn,
		   void *arg);

#endif
