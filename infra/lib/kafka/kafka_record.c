/* SPDX-License-Identifier: MIT */
/*
 * Kafka record: a record that outlives the client's memory. Its headers stand
 * one behind the other: the length of the value, the name with its NUL, the
 * value. They follow a number that says how many there are.
 */
#include <string.h>

#include "infra/lib/kafka/kafka_in.h"

#define NO_VALUE UINT32_MAX
/* So many are looked at once; of more the rest twice. */
#define HEADERS_USUAL 16

struct header {
	const char *name;
	const void *value;
	size_t n_name, n; /* with the NUL; of the value */
};

static bool read_header(const struct kafka_record *record, size_t i,
			struct header *ret)
{
	if (!kafka_record_header(record, i, &ret->name, &ret->value, &ret->n))
		return false;
	ret->n_name = strlen(ret->name) + 1;
	return true;
}

static char *put(char *to, const void *p, size_t n)
{
	if (n)
		memcpy(to, p, n);
	return to + n;
}

static char *put_header(char *to, const struct header *header)
{
	uint32_t n = header->value ? (uint32_t)header->n : NO_VALUE;

	to = put(to, &n, sizeof(n));
	to = put(to, header->name, header->n_name);
	return header->value ? put(to, header->value, header->n) : to;
}

void kafka_record_keep(struct kafka_record *record, struct arena *arena)
{
	struct header usual[HEADERS_USUAL] __attribute__((uninitialized));
	struct header other, *header;
	size_t n_bytes = sizeof(uint32_t) + record->n_key + record->n_value;
	uint32_t n = 0;
	char *to;

	for (;; n++) {
		header = n < HEADERS_USUAL ? &usual[n] : &other;
		if (!read_header(record, n, header))
			break;
		n_bytes += sizeof(n) + header->n_name + header->n;
	}
	to = arena_alloc(arena, n_bytes);
	record->headers = to;
	to = put(to, &n, sizeof(n));
	for (uint32_t i = 0; i < n; i++) {
		header = i < HEADERS_USUAL ? &usual[i] : &other;
		if (i >= HEADERS_USUAL)
			(void)read_header(record, i, header);
		to = put_header(to, header);
	}
	/* A record without a key, or without a value, stays so. */
	if (record->key)
		record->key = memcpy(to, record->key, record->n_key);
	to += record->n_key;
	if (record->value)
		record->value = memcpy(to, record->value, record->n_value);
	kafka_record_release(record);
}

void kafka_record_headers(const struct kafka_record *record, kafka_header_fn fn,
			  void *arg)
{
	const char *at = record->headers, *name;
	uint32_t n_headers, n;

	memcpy(&n_headers, at, sizeof(n_headers));
	at += sizeof(n_headers);
	for (uint32_t i = 0; i < n_headers; i++) {
		memcpy(&n, at, sizeof(n));
		name = at + sizeof(n);
		at = name + strlen(name) + 1;
		if (n == NO_VALUE) {
			fn(arg, name, NULL, 0);
			continue;
		}
		fn(arg, name, at, n);
		at += n;
	}
}
