/* SPDX-License-Identifier: MIT */
#include "schemas/order_id.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/text/hash.h"

int order_id_compare(const struct order_id *a, const struct order_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

const char *order_call_code(const struct order_id *id,
			    char out[static CALL_CODE_CHARS + 1])
{
	/* Without the two that are read as digits. */
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
	uint64_t code = hash_bytes(id->bytes, sizeof(id->bytes)) %
			((sizeof(letters) - 1) * 1000);

	out[0] = letters[code / 1000];
	out[1] = (char)('0' + code / 100 % 10);
	out[2] = (char)('0' + code / 10 % 10);
	out[3] = (char)('0' + code % 10);
	out[4] = '\0';
	return out;
}

const char *order_name(const struct order_id *id, int64_t number,
		       char out[static ORDER_NAME_BYTES])
{
	char code[CALL_CODE_CHARS + 1];

	order_call_code(id, code);
	if (number < 0)
		(void)snprintf(out, ORDER_NAME_BYTES, "order %s", code);
	else
		(void)snprintf(out, ORDER_NAME_BYTES,
			       "order %s, number %" PRId64, code, number);
	return out;
}

int order_number(int64_t *ret, int64_t base, int64_t offset, int32_t partition,
		 int32_t partitions)
{
	int64_t number;

	if (base < 0 || offset < 0 || partition < 0 || partition >= partitions)
		return -ERANGE;
	if (__builtin_mul_overflow(offset, partitions, &number) ||
	    __builtin_add_overflow(number, partition, &number) ||
	    __builtin_add_overflow(number, base, &number))
		return -ERANGE;
	*ret = number;
	return 0;
}
