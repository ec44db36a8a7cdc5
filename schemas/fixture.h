/* SPDX-License-Identifier: MIT */
/*
 * Fixture: what the tests of this folder share. For *_test.c only.
 *
 * Bodies are written as JSON with single quotes, so that a table of cases can
 * be read; other bytes stand in C's own escapes.
 */
#ifndef SCHEMAS_FIXTURE_H
#define SCHEMAS_FIXTURE_H

#include <check.h>
#include <msgpack/pack.h>
#include <stdlib.h>

#include "infra/lib/check_fixture.h"
#include "schemas/envelope.h"
#include "schemas/limits.h"
#include "schemas/msgpack/writer.h"

/* A message's body, as bytes. */
struct fixture {
	uint8_t bytes[80000];
	struct msgpack_writer writer;
};

static inline const char *fixture_value(struct msgpack_writer *writer,
					const char *json);

/* The elements up to @end; how many stand there is counted in a first turn. */
static inline const char *fixture_children(struct msgpack_writer *writer,
					   const char *json, char end)
{
	static uint8_t nowhere[80000];
	struct msgpack_writer count = MSGPACK_WRITER_INIT(nowhere);
	const char *p = json;
	size_t n = 0;

	for (; *p != end; n++) {
		p = fixture_value(&count, p);
		p += strspn(p, " ,:");
	}
	if (end == ']')
		msgpack_put_array(writer, n);
	else
		msgpack_put_map(writer, n / 2);
	for (p = json; *p != end;) {
		p = fixture_value(writer, p);
		p += strspn(p, " ,:");
	}
	return p + 1;
}

static inline const char *fixture_number(struct msgpack_writer *writer,
					 const char *json)
{
	size_t n = strspn(json, "-0123456789.");
	msgpack_packer packer = { .data = writer,
				  .callback = msgpack_writer_write };
	int64_t value;

	if (text_to_i64(&value, (struct text){ json, n }, INT64_MIN,
			INT64_MAX) == 0)
		msgpack_put_i64(writer, value);
	else if (memchr(json, '.', n))
		(void)msgpack_pack_double(&packer, strtod(json, NULL));
	else
		(void)msgpack_pack_uint64(&packer, UINT64_MAX);
	return json + n;
}

/* Appends the value at @json. Where the next thing stands. */
static inline const char *fixture_value(struct msgpack_writer *writer,
					const char *json)
{
	const char *end;

	switch (*json) {
	case '{':
		return fixture_children(writer, json + 1, '}');
	case '[':
		return fixture_children(writer, json + 1, ']');
	case '\'':
		end = strchr(json + 1, '\'');
		ck_assert_ptr_nonnull(end);
		msgpack_put_text(
			writer,
			(struct text){ json + 1, (size_t)(end - json - 1) });
		return end + 1;
	case 't':
	case 'f':
		msgpack_put_bool(writer, *json == 't');
		return json + (*json == 't' ? 4 : 5);
	case 'n':
		msgpack_put_nil(writer);
		return json + 4;
	default:
		return fixture_number(writer, json);
	}
}

static inline void fixture_body(struct fixture *fixture, const char *json)
{
	fixture->writer =
		(struct msgpack_writer){ .p = fixture->bytes,
					 .cap = sizeof(fixture->bytes) };
	(void)fixture_value(&fixture->writer, json);
	ck_assert_int_eq(msgpack_writer_result(&fixture->writer), 0);
}

/* A checked envelope of that type and version, without anything else. */
static inline struct envelope fixture_envelope(enum event_type type,
					       int version)
{
	struct envelope envelope;

	envelope_init(&envelope);
	envelope.type = type;
	envelope.version = version;
	envelope.id = TEXT("1");
	envelope.source = TEXT("/test");
	return envelope;
}

static inline void fixture_text_eq(struct text text, const char *expected)
{
	ck_assert_msg(text_equal(text, text_of(expected)), "'%.*s' is not '%s'",
		      (int)text.n, text.p, expected);
}

/*
 * The longest text that a contract allows: TEXT_MAX_CHARS random characters of
 * four bytes each, which no database makes shorter. Another @seed is another
 * text. Built in @storage.
 */
static inline struct text fixture_longest(char storage[static TEXT_MAX_BYTES],
					  uint64_t seed)
{
	for (size_t i = 0; i < TEXT_MAX_BYTES; i += 4) {
		/* Knuth's MMIX; planes 1 to 15 have no surrogates. */
		seed = seed * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
		uint32_t c = 0x10000 + (uint32_t)(seed >> 33) % 0xf0000;

		storage[i] = (char)(0xf0 | c >> 18);
		storage[i + 1] = (char)(0x80 | (c >> 12 & 0x3f));
		storage[i + 2] = (char)(0x80 | (c >> 6 & 0x3f));
		storage[i + 3] = (char)(0x80 | (c & 0x3f));
	}
	return (struct text){ storage, TEXT_MAX_BYTES };
}

struct fixture_header {
	const char *name, *value;
};

/* For writers of headers; @arg is where the one stands that is due. */
static inline int fixture_next_header_is(void *arg, const char *name,
					 const char *value, size_t n)
{
	const struct fixture_header **next = arg;

	ck_assert_str_eq((*next)->name, name);
	fixture_text_eq((struct text){ value, n }, (*next)->value);
	(*next)++;
	return 0;
}

#endif
