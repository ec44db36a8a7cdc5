/* SPDX-License-Identifier: MIT */
/* Dead letter: one table has every header, in the order of writing. */
#include "schemas/dead_letter.h"

#include <stddef.h>
#include <string.h>

#include "infra/lib/text/str.h"
#include "schemas/limits.h"

enum kind { TEXT_OF, I32_OF, I64_OF };

/* AGAIN: another header says it, so this one is written and not read. */
enum need { MAY, MUST, AGAIN };

#define HEADER(name, kind, field, need)                                        \
	{                                                                      \
		(name), (kind), (need), offsetof(struct dead_letter, field)    \
	}

/* clang-format off */
static const struct header {
	const char *name;
	enum kind kind;
	enum need need;
	size_t at;
} headers[] = {
	HEADER("__dlq.errors.topic",		TEXT_OF, topic,		 MUST),
	HEADER("__dlq.errors.partition",	I32_OF,	 partition,	 MUST),
	HEADER("__dlq.errors.offset",		I64_OF,	 offset,	 MUST),
	HEADER("__dlq.errors.group",		TEXT_OF, group,		 MAY),
	HEADER("__dlq.errors.delivery.count",	I32_OF,	 delivery_count, MAY),
	HEADER("__dlq.errors.message",		TEXT_OF, message,	 MAY),
	HEADER("__dlq.errors.cut",		TEXT_OF, cut,		 MAY),
	HEADER("kafka_dlt-original-topic",	TEXT_OF, topic,		 AGAIN),
	HEADER("kafka_dlt-original-partition",	I32_OF,	 partition,	 AGAIN),
	HEADER("kafka_dlt-original-offset",	I64_OF,	 offset,	 AGAIN),
	HEADER("dead-letter-id",		TEXT_OF, id,		 MUST),
};
/* clang-format on */

/* The last one is written from the others. */
enum { N_HEADERS = sizeof(headers) / sizeof(headers[0]), ID = N_HEADERS - 1 };

/* N_HEADERS for a name that is none of ours. */
static size_t find(const char *name)
{
	size_t i = 0;

	if (name[0] != '_' && name[0] != 'k' && name[0] != 'd')
		return N_HEADERS;
	while (i < N_HEADERS && strcmp(headers[i].name, name) != 0)
		i++;
	return i;
}

void dead_letter_init(struct dead_letter *letter)
{
	memset(letter, 0, sizeof(*letter));
}

bool dead_letter_owns(const char *name)
{
	return find(name) != N_HEADERS;
}

/* False when @value is not what @header must have. */
static bool read_value(struct dead_letter *letter, const struct header *header,
		       struct text value)
{
	char *to = (char *)letter + header->at;
	int64_t number;

	if (header->kind == TEXT_OF) {
		if (value.n == 0 || !text_is_clean(value) ||
		    text_is_longer(value, TEXT_MAX_CHARS))
			return false;
		memcpy(to, &value, sizeof(value));
		return true;
	}
	if (text_to_i64(&number, value, 0,
			header->kind == I32_OF ? INT32_MAX : INT64_MAX))
		return false;
	if (header->kind == I32_OF)
		*(int32_t *)to = (int32_t)number;
	else
		*(int64_t *)to = number;
	return true;
}

void dead_letter_read(struct dead_letter *letter, const char *name,
		      const void *value, size_t n)
{
	size_t i = find(name);

	if (i == N_HEADERS || !value || letter->seen & 1u << i)
		return;
	letter->seen |= 1u << i;
	if (headers[i].need == AGAIN ||
	    !read_value(letter, &headers[i], (struct text){ value, n }))
		letter->wrong |= 1u << i;
}

int dead_letter_check(struct dead_letter *letter, struct schema_fault *fault)
{
	unsigned int lacks = ~letter->seen | letter->wrong;

	for (size_t i = 0; i < N_HEADERS; i++)
		if (headers[i].need == MUST && lacks & 1u << i)
			return schema_fail(fault, SCHEMA_E_CONTRACT,
					   "header %s is missing or wrong",
					   headers[i].name);
	return 0;
}

static struct text value_of(const struct dead_letter *letter,
			    const struct header *header,
			    char number[static TEXT_I64_BYTES])
{
	const char *from = (const char *)letter + header->at;

	switch (header->kind) {
	case I32_OF:
		return text_from_i64(number, *(const int32_t *)from);
	case I64_OF:
		return text_from_i64(number, *(const int64_t *)from);
	default:
		return *(const struct text *)from;
	}
}

int dead_letter_write(const struct dead_letter *letter, envelope_header_fn fn,
		      void *arg)
{
	char number[TEXT_I64_BYTES], storage[TEXT_MAX_BYTES + 40];
	struct str id = STR_INIT(storage);
	struct text value;
	int r;

	for (size_t i = 0; i < ID; i++) {
		value = value_of(letter, &headers[i], number);
		if (value.n == 0)
			continue;
		r = fn(arg, headers[i].name, value.p, value.n);
		if (r != 0)
			return r;
	}
	str_add_position(&id, letter->topic, letter->partition, letter->offset);
	return fn(arg, headers[ID].name, id.p, id.n);
}
