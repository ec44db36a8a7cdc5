/* SPDX-License-Identifier: MIT */
/*
 * Fields: a message as a table. A row says the key, the type, the bounds,
 * whether it must be there, and where it stands in the message's struct; the
 * same rows read and write it:
 *
 *	static const struct field rows[] = {
 *		FIELD_UUID(struct toastie, order_id, MUST),
 *		FIELD_I64(struct toastie, number, MAY, 0, INT64_MAX),
 *		FIELD_TEXT(struct toastie, stall, MUST),
 *		...
 *	};
 *
 * fields_decode() walks the body's map once: it holds every value to the bounds
 * of msgpack (reader.h), and those whose keys the table knows to their exact
 * type and bounds; other keys are ignored. Nothing is allocated, and texts are
 * not copied, however the bytes look.
 */
#ifndef SCHEMAS_MSGPACK_FIELDS_H
#define SCHEMAS_MSGPACK_FIELDS_H

#include <stddef.h>

#include "infra/lib/text/text.h"
#include "schemas/limits.h"
#include "schemas/messages/choices.h"
#include "schemas/msgpack/writer.h"
#include "schemas/outcome.h"

enum { FIELDS_MAX = 10 };

enum field_type {
	FIELD_TYPE_UUID, /* 16 bytes; in the body 36 characters */
	FIELD_TYPE_TEXT, /* at most TEXT_MAX_CHARS characters */
	FIELD_TYPE_I64,  /* from min to max */
	FIELD_TYPE_I32,  /* the same */
	FIELD_TYPE_BOOL,
	FIELD_TYPE_CHOICE, /* an enum; in the body its name */
	FIELD_TYPE_MAP,    /* a map's own bytes, at most max; none when empty */
	FIELD_TYPE_LIST,
};

enum field_need {
	FIELD_MUST, /* there, and a text not empty */
	FIELD_MAY,  /* or nil, or not there: then a number becomes min - 1, and
		       anything else stays as it is in the struct. Not written
		       when it is below its min, or empty */
	FIELD_NIL,  /* the same, but written as nil */
};

/* Elements are maps of the rows @of, or, without rows, texts (MUST). */
struct field_list {
	const struct field *of;
	size_t n_of;
	size_t element_bytes;
	size_t n_at; /* of their number, a size_t, in the message's struct */
};

struct field {
	struct text key;
	enum field_type type;
	enum field_need need;
	size_t at; /* in the message's struct; of a list: the pointer to where
		      its elements stand, or are to stand */
	int64_t min, max;
	union {
		const struct choice *choice;
		const struct field_list *list;
	};
};

#define FIELD_ROW(message, field, TYPE, NEED, MIN, MAX)                        \
	.key = TEXT_INIT(#field), .type = FIELD_TYPE_##TYPE,                   \
	.need = FIELD_##NEED, .at = offsetof(message, field), .min = (MIN),    \
	.max = (MAX)
#define FIELD_UUID(message, field, NEED)                                       \
	{                                                                      \
		FIELD_ROW(message, field, UUID, NEED, 0, 0)                    \
	}
#define FIELD_TEXT(message, field, NEED)                                       \
	{                                                                      \
		FIELD_ROW(message, field, TEXT, NEED, 0, 0)                    \
	}
#define FIELD_I64(message, field, NEED, MIN, MAX)                              \
	{                                                                      \
		FIELD_ROW(message, field, I64, NEED, MIN, MAX)                 \
	}
#define FIELD_I32(message, field, NEED, MIN, MAX)                              \
	{                                                                      \
		FIELD_ROW(message, field, I32, NEED, MIN, MAX)                 \
	}
#define FIELD_BOOL(message, field, NEED)                                       \
	{                                                                      \
		FIELD_ROW(message, field, BOOL, NEED, 0, 0)                    \
	}
#define FIELD_CHOICE(message, field, NEED, of_choice)                          \
	{                                                                      \
		FIELD_ROW(message, field, CHOICE, NEED, 0, 0),                 \
			.choice = &(of_choice)                                 \
	}
#define FIELD_MAP(message, field, NEED, MAX_BYTES)                             \
	{                                                                      \
		FIELD_ROW(message, field, MAP, NEED, 0, MAX_BYTES)             \
	}
#define FIELD_LIST(message, field, MIN, MAX, of_list)                          \
	{                                                                      \
		FIELD_ROW(message, field, LIST, MUST, MIN, MAX),               \
			.list = &(of_list)                                     \
	}

struct field_body {
	const void *bytes;
	size_t n, max_bytes;
};

/*
 * Reads @body into @message. SCHEMA_E_MALFORMED: what msgpack_check() would not
 * let pass; SCHEMA_E_CONTRACT: it is no map, names a field twice, or a field is
 * not as its row says. @fault names the first, and @message is half filled.
 */
int fields_decode(void *message, const struct field *rows, size_t n_rows,
		  const struct field_body *body, struct schema_fault *fault);

/* Appends @message's map; -ENOBUFS when anything did not fit. */
int fields_encode(const void *message, const struct field *rows, size_t n_rows,
		  struct msgpack_writer *writer);

#endif
