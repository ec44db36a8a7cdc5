/* SPDX-License-Identifier: MIT */
/*
 * One table has every header: its name, where it stands in the struct and how
 * it is written. Sorted by the length of the name, because that is what finds
 * a header: at most three have the same.
 */
#include "schemas/envelope.h"

#include <assert.h>
#include <stddef.h>

#include "schemas/limits.h"
#include "schemas/trace.h"

/* How envelope_write() makes the value of a header. */
enum handling {
	PLAIN,  /* as it stands in the struct */
	STATE,  /* as PLAIN; one that is not valid counts as absent */
	PARENT, /* as STATE, in the version that is ours */
	SPECVERSION,
	TYPE,
	CONTENT_TYPE,
	VERSION,
	SEQ,
};

struct header {
	struct text name;
	uint8_t handling;
	uint16_t at; /* of a struct text in the envelope */
};

#define HEADER(name, handling, field)                                          \
	{                                                                      \
		TEXT_INIT(name), (handling), offsetof(struct envelope, field)  \
	}

/* clang-format off */
static const struct header headers[] = {
	HEADER("seq",		  SEQ,	   seq_text),
	HEADER("ce_id",		  PLAIN,   id),
	HEADER("stall",		  PLAIN,   stall),
	HEADER("grill",		  PLAIN,   grill),
	HEADER("number",	  PLAIN,   number),
	HEADER("reason",	  PLAIN,   reason),
	HEADER("ce_type",	  TYPE,	   type_name),
	HEADER("verdict",	  PLAIN,   verdict),
	HEADER("missing",	  PLAIN,   missing),
	HEADER("customer",	  PLAIN,   customer),
	HEADER("ce_source",	  PLAIN,   source),
	HEADER("tracestate",	  STATE,   tracestate),
	HEADER("traceparent",	  PARENT,  traceparent),
	HEADER("content-type",	  CONTENT_TYPE, content_type),
	HEADER("ce_specversion",  SPECVERSION, specversion),
	HEADER("schema-version",  VERSION, schema_version),
	HEADER("source-position", PLAIN,   source_position),
};
/* clang-format on */

enum { N_HEADERS = sizeof(headers) / sizeof(headers[0]), NAME_MAX_BYTES = 15 };

/* Of each length of a name: the first of the table's rows that has it. */
static const uint8_t first_of_length[NAME_MAX_BYTES + 2] = {
	[0] = 0,   [1] = 0,   [2] = 0,   [3] = 0,   [4] = 1,          [5] = 1,
	[6] = 4,   [7] = 6,   [8] = 9,   [9] = 10,  [10] = 11,        [11] = 12,
	[12] = 13, [13] = 14, [14] = 14, [15] = 16, [16] = N_HEADERS,
};

/* The order of writing, by the rows above. What has the same length in all
 * events of a type comes first (infra/lib/kafka/kafka_out.c says why). */
static const uint8_t written_order[N_HEADERS] = {
	0, 1, 6, 10, 12, 13, 14, 15, 7, 5, 2, 3, 4, 8, 16, 9, 11,
};

static const struct text msgpack = TEXT_INIT("application/msgpack");

static struct text *at(struct envelope *envelope, const struct header *header)
{
	return (struct text *)((char *)envelope + header->at);
}

void envelope_init(struct envelope *envelope)
{
	memset(envelope, 0, sizeof(*envelope));
	envelope->seq = -1;
}

void envelope_read(struct envelope *envelope, const char *name,
		   const void *value, size_t n)
{
	size_t n_name = strnlen(name, NAME_MAX_BYTES + 1);
	const struct header *header, *end;
	struct text *text;

	if (n_name > NAME_MAX_BYTES || !value)
		return;
	header = &headers[first_of_length[n_name]];
	end = &headers[first_of_length[n_name + 1]];
	for (; header < end; header++) {
		if (!text_equal(header->name, (struct text){ name, n_name }))
			continue;
		text = at(envelope, header);
		if (!text->p)
			*text = (struct text){ value, n };
		return;
	}
}

void envelope_check_trace(struct envelope *envelope)
{
	struct text *parent = &envelope->traceparent;
	struct text *state = &envelope->tracestate;

	*parent = trace_parent(*parent);
	if (state->p && (!parent->p || !text_is_clean(*state)))
		*state = (struct text){ NULL, 0 };
	*state = trace_state(*state);
}

/* NULL, or what is wrong with the text of a header. */
static const char *wrong(const struct envelope *envelope, struct text text)
{
	if (!text_is_clean(text))
		return "must be UTF-8 without a NUL";
	if (text_is_longer(text, TEXT_MAX_CHARS) &&
	    text.p != envelope->missing.p)
		return "must have at most 255 characters";
	return NULL;
}

/* Takes out what is not clean, so that a report can use all the rest. */
static int check_texts(struct envelope *envelope, struct schema_fault *fault)
{
	const struct header *header;
	const char *what;
	struct text *text;
	int r = 0;

	for (header = headers; header < headers + N_HEADERS; header++) {
		text = at(envelope, header);
		if (text->n == 0 || header->handling == STATE ||
		    header->handling == PARENT)
			continue;
		what = wrong(envelope, *text);
		if (!what)
			continue;
		*text = (struct text){ NULL, 0 };
		r = schema_fail(fault, SCHEMA_E_CONTRACT, "header %s %s",
				header->name.p, what);
	}
	return r;
}

static int check_version(struct envelope *envelope, struct schema_fault *fault)
{
	struct text text = envelope->schema_version;
	int64_t version = 1;

	if (text.p && text_to_i64(&version, text, 1, INT32_MAX) != 0)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_VERSION,
				   "schema-version '%.*s' is no version",
				   (int)(text.n < 40 ? text.n : 40), text.p);
	envelope->version = (int)version;
	if (!event_version_find(envelope->type, version))
		return schema_fail(
			fault, SCHEMA_E_UNKNOWN_VERSION, "%s has no version %d",
			event_kinds[envelope->type].name.p, envelope->version);
	return 0;
}

static int check_type(struct envelope *envelope, struct schema_fault *fault)
{
	struct text text = envelope->type_name;

	if (!text.p)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "header ce_type is missing");
	envelope->type = event_type_find(text);
	if (envelope->type == EVENT_NONE)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "ce_type '%.*s' is no type",
				   (int)(text.n < 80 ? text.n : 80), text.p);
	return 0;
}

/* Any case, and parameters, with blanks before them or not (RFC 9110, 8.3.1).
 */
static bool is_media_type(struct text text, struct text wanted)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != ';')
		n++;
	while (n && (text.p[n - 1] == ' ' || text.p[n - 1] == '\t'))
		n--;
	return n == wanted.n && strncasecmp(text.p, wanted.p, n) == 0;
}

static int check_needed(struct envelope *envelope, struct schema_fault *fault)
{
	if (!text_equal(envelope->specversion, TEXT("1.0")))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header ce_specversion must be 1.0");
	if (envelope->id.n == 0)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header ce_id is missing");
	if (envelope->source.n == 0)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header ce_source is missing");
	if (envelope->content_type.p &&
	    !is_media_type(envelope->content_type, msgpack))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header content-type must be %s", msgpack.p);
	if (envelope->seq_text.p &&
	    text_to_i64(&envelope->seq, envelope->seq_text, 0, INT64_MAX) != 0)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header seq must be a number from 0");
	return 0;
}

int envelope_check(struct envelope *envelope, struct schema_fault *fault)
{
	static const char structured[] = "application/cloudevents";
	struct text content;
	int r, r_texts;

	envelope_check_trace(envelope);
	r_texts = check_texts(envelope, fault);
	content = envelope->content_type;
	if (content.n >= sizeof(structured) - 1 &&
	    strncasecmp(content.p, structured, sizeof(structured) - 1) == 0)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "a structured CloudEvent is not taken");
	r = check_type(envelope, fault);
	if (r == 0)
		r = check_version(envelope, fault);
	if (r == 0)
		r = check_needed(envelope, fault);
	return r != 0 ? r : r_texts;
}

int envelope_grill(const struct envelope *envelope, bool *ret,
		   struct schema_fault *fault)
{
	bool grill;

	if (!envelope->grill.p)
		return 0;
	grill = text_equal(envelope->grill, TEXT("true"));
	if (!grill && !text_equal(envelope->grill, TEXT("false")))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header grill must be true or false");
	*ret = grill;
	return 0;
}

/* The value that envelope_write() gives for that header; absent: none. @space
 * is for its bytes. */
static struct text written(const struct envelope *envelope,
			   const struct header *header,
			   char space[static TRACE_BYTES])
{
	struct text text =
		*(const struct text *)((const char *)envelope + header->at);

	switch ((enum handling)header->handling) {
	case PLAIN:
	case STATE:
		return text;
	case PARENT:
		return trace_parent_00(space, text);
	case SPECVERSION:
		return TEXT("1.0");
	case TYPE:
		return event_kinds[envelope->type].name;
	case CONTENT_TYPE:
		return msgpack;
	case VERSION:
		return text_from_i64(space, envelope->version);
	case SEQ:
		if (envelope->seq >= 0)
			return text_from_i64(space, envelope->seq);
		break;
	}
	return (struct text){ NULL, 0 };
}

int envelope_write(const struct envelope *envelope, envelope_header_fn fn,
		   void *arg)
{
	char space[TRACE_BYTES];
	struct text text;
	int r;

	assert(event_version_find(envelope->type, envelope->version));
	for (size_t i = 0; i < N_HEADERS; i++) {
		const struct header *header = &headers[written_order[i]];

		text = written(envelope, header, space);
		if (!text.p)
			continue;
		r = fn(arg, header->name.p, text.p, text.n);
		if (r != 0)
			return r;
	}
	return 0;
}
