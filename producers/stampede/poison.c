/* SPDX-License-Identifier: MIT */
/* Poison: see poison.h. Pure. */
#include "producers/stampede/poison.h"

#include <string.h>

const char *poison_name(enum poison poison)
{
	static const char *const names[] = {
		[POISON_NOT_MSGPACK] = "not-msgpack",
		[POISON_TRUNCATED] = "truncated",
		[POISON_CONTRACT] = "contract",
		[POISON_HUGE_COUNT] = "huge-count",
		[POISON_UNKNOWN_VERSION] = "unknown-version",
		[POISON_UNKNOWN_TYPE] = "unknown-type",
	};

	return names[poison];
}

static void replace(struct msgpack_writer *writer, const char *p, size_t n)
{
	msgpack_writer_reset(writer);
	(void)msgpack_writer_write(writer, p, n);
}

void poison_body(enum poison poison, struct msgpack_writer *writer)
{
	/* c1 is the one byte that msgpack never uses. */
	static const char not_msgpack[] = "\xc1 cheese, please";
	/* { "order_id": 7 } */
	static const char contract[] = "\x81\xa8order_id\x07";
	/* An array of 268435456 values, of which none is there. */
	static const char huge[] = "\xdd\x10\x00\x00\x00";

	switch (poison) {
	case POISON_NOT_MSGPACK:
		replace(writer, not_msgpack, sizeof(not_msgpack) - 1);
		break;
	case POISON_TRUNCATED:
		writer->n /= 2;
		break;
	case POISON_CONTRACT:
		replace(writer, contract, sizeof(contract) - 1);
		break;
	case POISON_HUGE_COUNT:
		replace(writer, huge, sizeof(huge) - 1);
		break;
	case POISON_UNKNOWN_VERSION:
	case POISON_UNKNOWN_TYPE:
	case N_POISONS:
		break;
	}
}

const char *poison_header(enum poison poison, const char *name)
{
	if (poison == POISON_UNKNOWN_VERSION && !strcmp(name, "schema-version"))
		return "99";
	if (poison == POISON_UNKNOWN_TYPE && !strcmp(name, "ce_type"))
		return "galore.order.eaten";
	return NULL;
}
