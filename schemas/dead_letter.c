/* SPDX-License-Identifier: MIT */
/*
 * Dead letter: see dead_letter.h.
 */
#include "schemas/dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "schemas/limits.h"

enum header {
	TOPIC,
	PARTITION,
	OFFSET,
	GROUP,
	DELIVERY_COUNT,
	MESSAGE,
	CUT,
	DLT_TOPIC,
	DLT_PARTITION,
	DLT_OFFSET,
	ID,
	N_HEADERS,
};

static const char *const names[N_HEADERS] = {
	[TOPIC] = "__dlq.errors.topic",
	[PARTITION] = "__dlq.errors.partition",
	[OFFSET] = "__dlq.errors.offset",
	[GROUP] = "__dlq.errors.group",
	[DELIVERY_COUNT] = "__dlq.errors.delivery.count",
	[MESSAGE] = "__dlq.errors.message",
	[CUT] = "__dlq.errors.cut",
	[DLT_TOPIC] = "kafka_dlt-original-topic",
	[DLT_PARTITION] = "kafka_dlt-original-partition",
	[DLT_OFFSET] = "kafka_dlt-original-offset",
	[ID] = "dead-letter-id",
};

enum { NEEDED = 1u << TOPIC | 1u << PARTITION | 1u << OFFSET | 1u << ID };

/* N_HEADERS for a name that is none of ours. */
static size_t find(const char *name)
{
	size_t i = 0;

	if (name[0] != '_' && name[0] != 'k' && name[0] != 'd')
		return N_HEADERS;
	while (i < N_HEADERS && strcmp(names[i], name) != 0)
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

static bool take_text(struct text *ret, struct text value)
{
	if (value.n == 0 || !text_is_clean(value) ||
	    text_is_longer(value, TEXT_MAX_CHARS))
		return false;
	*ret = value;
	return true;
}

static bool take_i32(int32_t *ret, struct text value)
{
	int64_t number;

	if (text_to_i64(&number, value, 0, INT32_MAX) != 0)
		return false;
	*ret = (int32_t)number;
	return true;
}

/* False when @value is not what @header must have. */
static bool take(struct dead_letter *letter, size_t header, struct text value)
{
	switch (header) {
	case TOPIC:
		return take_text(&letter->topic, value);
	case PARTITION:
		return take_i32(&letter->partition, value);
	case OFFSET:
		return text_to_i64(&letter->offset, value, 0, INT64_MAX) == 0;
	case GROUP:
		return take_text(&letter->group, value);
	case DELIVERY_COUNT:
		return take_i32(&letter->delivery_count, value);
	case MESSAGE:
		return take_text(&letter->message, value);
	case CUT:
		return take_text(&letter->cut, value);
	case ID:
		return take_text(&letter->id, value);
	default:
		return false; /* kafka_dlt-*: the same once more */
	}
}

void dead_letter_read(struct dead_letter *letter, const char *name,
		      const void *value, size_t n)
{
	size_t header = find(name);

	if (header == N_HEADERS || !value || letter->seen & 1u << header)
		return;
	letter->seen |= 1u << header;
	if (!take(letter, header, (struct text){ value, n }))
		letter->wrong |= 1u << header;
}

int dead_letter_check(struct dead_letter *letter, struct schema_fault *fault)
{
	unsigned int lacks = NEEDED & (~letter->seen | letter->wrong);

	for (size_t i = 0; i < N_HEADERS; i++)
		if (lacks & 1u << i)
			return schema_fail(fault, SCHEMA_E_CONTRACT,
					   "header %s is missing or wrong",
					   names[i]);
	return 0;
}

static struct text value_of(const struct dead_letter *letter, size_t header,
			    char number[static TEXT_I64_BYTES])
{
	switch (header) {
	case TOPIC:
	case DLT_TOPIC:
		return letter->topic;
	case PARTITION:
	case DLT_PARTITION:
		return text_from_i64(number, letter->partition);
	case OFFSET:
	case DLT_OFFSET:
		return text_from_i64(number, letter->offset);
	case GROUP:
		return letter->group;
	case DELIVERY_COUNT:
		return text_from_i64(number, letter->delivery_count);
	case CUT:
		return letter->cut;
	default:
		return letter->message;
	}
}

int dead_letter_write(const struct dead_letter *letter, envelope_header_fn fn,
		      void *arg)
{
	char number[TEXT_I64_BYTES], id[TEXT_MAX_BYTES + 40];
	struct text value;
	int r;

	for (size_t i = 0; i < ID; i++) {
		value = value_of(letter, i, number);
		if (value.n == 0)
			continue;
		r = fn(arg, names[i], value.p, value.n);
		if (r != 0)
			return r;
	}
	(void)snprintf(id, sizeof(id), "%.*s/%d@%lld", (int)letter->topic.n,
		       letter->topic.p, letter->partition,
		       (long long)letter->offset);
	return fn(arg, names[ID], id, strlen(id));
}
