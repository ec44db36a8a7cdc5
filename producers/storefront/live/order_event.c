/* SPDX-License-Identifier: MIT */
/* Order event: see order_event.h. */
#include "producers/storefront/live/order_event.h"

#include <inttypes.h>
#include <stdio.h>

struct blob *order_event(const struct order *order, int64_t boot,
			 uint64_t change)
{
	struct buf text = { 0 };
	struct blob *blob;

	buf_printf(&text, "id: %" PRIx64 "-%" PRIu64 "\ndata: ", boot, change);
	order_json(order, &text);
	buf_text(&text, "\n\n");
	blob = blob_new(text.p, text.n);
	buf_deinit(&text);
	return blob;
}

uint64_t order_event_change(struct text last_id, int64_t boot)
{
	char ours[24];
	size_t n = (size_t)snprintf(ours, sizeof(ours), "%" PRIx64 "-", boot);
	int64_t change;

	if (last_id.n <= n || memcmp(last_id.p, ours, n) != 0 ||
	    str_n_to_i64(&change, last_id.p + n, last_id.n - n, 0, INT64_MAX))
		return 0;
	return (uint64_t)change;
}
