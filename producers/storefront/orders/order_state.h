/* SPDX-License-Identifier: MIT */
/*
 * Order state: what is known of an order -> the one word that a page shows.
 *
 * Pure. What is known comes from the database's view and from facts on
 * `picks` and `toasties`, in any order and more than once; it is merged so
 * that nothing ever goes back: a verdict once known stays, a cancellation and
 * a return stay, and of the toastie's states the one with the highest seq
 * counts.
 */
#ifndef STOREFRONT_ORDER_STATE_H
#define STOREFRONT_ORDER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/verdict.h"

enum order_state {
	ORDER_ACCEPTED,
	ORDER_REFUSED,
	ORDER_QUEUED,
	ORDER_GRILLING,
	ORDER_DONE,
	ORDER_FAILED,
	ORDER_UNCERTAIN,
	ORDER_RETURNED,
	ORDER_CANCELLED,
	N_ORDER_STATES,
};

/* Where the toastie is, as far as it is known. */
enum order_toastie {
	ORDER_TOASTIE_NONE,
	ORDER_TOASTIE_QUEUED,
	ORDER_TOASTIE_GRILLING,
	ORDER_TOASTIE_DONE,
	ORDER_TOASTIE_FAILED,
	ORDER_TOASTIE_UNCERTAIN,
	ORDER_TOASTIE_RETURNED,
	N_ORDER_TOASTIES,
};

struct order_facts {
	enum verdict verdict; /* none, picked or refused */
	bool grill;           /* false: never goes to a grill */
	bool cancelled, returned;
	enum order_toastie toastie;
	int64_t toastie_seq; /* -1: none */
};

enum order_state order_state_of(const struct order_facts *facts);

/* Are its ingredients going back, or back already? */
bool order_facts_returned(const struct order_facts *facts);

/* Will there be nothing new of it? What was cancelled and has not been returned
 * yet may turn out to have been started before. */
bool order_facts_final(const struct order_facts *facts);

/* Why the customer cannot take it back any more; NULL: that is not so. */
const char *order_state_too_late(enum order_state state);

/* "accepted", "refused", ... */
const char *order_state_name(enum order_state state);

/* Takes over what @news knows more; true when anything changed. */
bool order_facts_merge(struct order_facts *facts,
		       const struct order_facts *news);

#endif
