/* SPDX-License-Identifier: MIT */
/*
 * Order: what the storefront knows of one order, the one word for it that a
 * page shows, and its JSON.
 *
 * What is known comes from the request, from the database's view and from the
 * facts on `picks` and `toasties`, in any order and more than once. It is
 * merged so that nothing ever goes back: a verdict once known stays, so do a
 * cancellation and a return, and of the toastie's states the one with the
 * highest seq counts. Items and what is missing are kept as the JSON that goes
 * out. Any thread, each order in one at a time.
 */
#ifndef STOREFRONT_ORDER_H
#define STOREFRONT_ORDER_H

#include "infra/lib/text/str.h"
#include "schemas/messages/choices.h"
#include "schemas/messages/items.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/toastie.h"
#include "schemas/order_id.h"

#define ORDER_NUMBER_NONE INT64_C(-1)
/* Of a toastie's states: there is no toastie, as far as it is known. */
#define ORDER_NO_TOASTIE N_TOASTIE_STATES

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

struct order_facts {
	enum verdict verdict; /* none, picked or refused */
	bool grill;           /* false: never goes to a grill */
	bool cancelled, returned;
	enum toastie_state toastie; /* or ORDER_NO_TOASTIE */
	int64_t toastie_seq;        /* -1: none */
};

struct order {
	struct order_id id;
	int64_t number; /* ORDER_NUMBER_NONE: not known */
	char *stall;
	char *customer; /* NULL: nobody in particular */
	char *items;    /* JSON; NULL: nothing but facts is known */
	char *missing;  /* JSON; NULL: nothing is missing */
	char *plate;    /* "grill/plate"; NULL: on none */
	enum doneness doneness;
	struct order_facts facts;
};

/* An order of which nothing is known but its id. */
void order_init(struct order *order, const struct order_id *id);
/* As its command says it. Copies. */
void order_of_placed(struct order *order, const struct order_placed *placed);
void order_deinit(struct order *order);

/* Sets a text that the order owns; an absent or empty one becomes NULL. */
void order_set(char **field, struct text text);
void order_set_items(struct order *order, const struct item *items, size_t n);
void order_set_missing(struct order *order, const struct missing *missing,
		       size_t n);
/* @plate below 0: none. */
void order_set_plate(struct order *order, struct text grill, int64_t plate);

/* Appends {"order_id":...,"number":...,"code":... without an end: how every
 * answer names an order. */
void order_name_json(const struct order_id *id, int64_t number,
		     struct buf *out);
/* Appends the object that GET /orders/{id} answers, without a line end. */
void order_json(const struct order *order, struct buf *out);

/* ---- its state: pure ---- */

enum order_state order_state_of(const struct order_facts *facts);

/* Are its ingredients going back, or back already? */
bool order_facts_returned(const struct order_facts *facts);

/* Will nothing about it change any more? The toastie of a cancelled order that
 * is not returned yet may have been started before. */
bool order_facts_final(const struct order_facts *facts);

/* Why the customer cannot cancel it any more; NULL: the customer can. */
const char *order_state_too_late(enum order_state state);

/* "accepted", "refused", ... */
const char *order_state_name(enum order_state state);

/* Adds what @news knows more; true when anything changed. */
bool order_facts_merge(struct order_facts *facts,
		       const struct order_facts *news);

#endif
