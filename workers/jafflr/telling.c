/* SPDX-License-Identifier: MIT */
/* Telling: a list of entries; a token is its generation above its index. */
#include "workers/jafflr/telling.h"

#include "infra/lib/xalloc.h"

#define GENERATION_BITS 31

uint64_t telling_add(struct telling *telling, const struct order_id *order_id,
		     int64_t seq, uint64_t cook)
{
	uint32_t i;

	if (telling->free) {
		i = telling->free - 1;
		telling->free = telling->entries[i].next_free;
	} else {
		if (telling->n == telling->cap) {
			telling->cap = telling->cap ? telling->cap * 2 : 64;
			telling->entries =
				xreallocarray(telling->entries, telling->cap,
					      sizeof(*telling->entries));
		}
		i = telling->n++;
	}
	telling->entries[i] = (struct telling_entry){
		.order_id = *order_id,
		.seq = seq,
		.cook = cook,
		.used = true,
	};
	telling->n_under_way++;
	return (uint64_t)telling->generation << 32 | i;
}

bool telling_take(struct telling *telling, uint64_t token,
		  struct telling_entry *ret)
{
	uint32_t i = (uint32_t)token;

	if (token >> 32 != telling->generation || i >= telling->n ||
	    !telling->entries[i].used)
		return false;
	*ret = telling->entries[i];
	telling->entries[i].used = false;
	telling->entries[i].next_free = telling->free;
	telling->free = i + 1;
	telling->n_under_way--;
	return true;
}

void telling_forget(struct telling *telling)
{
	telling->n = 0;
	telling->free = 0;
	telling->n_under_way = 0;
	telling->generation = (telling->generation + 1) &
			      ((UINT32_C(1) << GENERATION_BITS) - 1);
}

void telling_deinit(struct telling *telling)
{
	free(telling->entries);
	*telling = (struct telling){ 0 };
}
