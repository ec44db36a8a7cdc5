/* SPDX-License-Identifier: MIT */
/*
 * Order state: see order_state.h. The table is read from above, and the first
 * row that fits is the answer.
 */
#include "producers/storefront/orders/order_state.h"

#include <assert.h>
#include <stddef.h>

enum wanted { NO, YES, ANY };

#define T(name) (1u << ORDER_TOASTIE_##name)
#define ANY_TOASTIE ((1u << N_ORDER_TOASTIES) - 1)

struct row {
	enum verdict verdict;
	enum wanted grill, cancelled, returned;
	unsigned int toasties; /* a bit each */
	enum order_state state;
};

/* clang-format off */
static const struct row rows[] = {
	/* verdict	   grill cancelled returned toastie	state */
	{ VERDICT_NONE,	   ANY,	ANY,	ANY,	T(NONE),	ORDER_ACCEPTED },
	{ VERDICT_REFUSED, ANY,	ANY,	ANY,	ANY_TOASTIE,	ORDER_REFUSED },
	/* What happened on the grill is seen, whatever was wished meanwhile;
	 * a fact of the grill may also be heard before the verdict is. */
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(DONE),	ORDER_DONE },
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(FAILED),	ORDER_FAILED },
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(UNCERTAIN),	ORDER_UNCERTAIN },
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(GRILLING),	ORDER_GRILLING },
	/* Nothing was on a plate. What the customer took back stays so, also
	 * when its ingredients are back. */
	{ VERDICT_PICKED,  ANY,	YES,	ANY,	ANY_TOASTIE,	ORDER_CANCELLED },
	{ VERDICT_PICKED,  ANY,	NO,	ANY,	T(RETURNED),	ORDER_RETURNED },
	{ VERDICT_PICKED,  ANY,	NO,	YES,	ANY_TOASTIE,	ORDER_RETURNED },
	{ VERDICT_PICKED,  NO,	NO,	NO,	ANY_TOASTIE,	ORDER_DONE },
	{ VERDICT_PICKED,  YES,	NO,	NO,	ANY_TOASTIE,	ORDER_QUEUED },
};
/* clang-format on */

static const struct {
	const char *name;
	bool final;
	const char *too_late; /* to take it back; NULL: it is not */
} states[N_ORDER_STATES] = {
	[ORDER_ACCEPTED] = { "accepted", false, NULL },
	[ORDER_REFUSED] = { "refused", true,
			    "too late: the order was refused" },
	[ORDER_QUEUED] = { "queued", false, NULL },
	[ORDER_GRILLING] = { "grilling", false,
			     "too late: the toastie is on the grill" },
	[ORDER_DONE] = { "done", true, "too late: the order is done" },
	[ORDER_FAILED] = { "failed", true,
			   "too late: the toastie was spoiled on the grill" },
	[ORDER_UNCERTAIN] = { "uncertain", false,
			      "too late: the toastie has been on the grill" },
	[ORDER_RETURNED] = { "returned", true,
			     "too late: the order was given up, its "
			     "ingredients went back" },
	[ORDER_CANCELLED] = { "cancelled", false, NULL },
};

static bool fits(enum wanted wanted, bool value)
{
	return wanted == ANY || (wanted == YES) == value;
}

enum order_state order_state_of(const struct order_facts *facts)
{
	enum verdict verdict = facts->verdict;

	/* A toastie there is only of what was picked. */
	if (verdict == VERDICT_NONE && facts->toastie != ORDER_TOASTIE_NONE)
		verdict = VERDICT_PICKED;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		if (row->verdict == verdict && fits(row->grill, facts->grill) &&
		    fits(row->cancelled, facts->cancelled) &&
		    fits(row->returned, facts->returned) &&
		    (row->toasties & 1u << facts->toastie))
			return row->state;
	}
	assert(!"the table answers everything");
	return ORDER_ACCEPTED;
}

bool order_facts_returned(const struct order_facts *facts)
{
	return facts->returned || facts->toastie == ORDER_TOASTIE_RETURNED;
}

bool order_facts_final(const struct order_facts *facts)
{
	enum order_state state = order_state_of(facts);

	if (state == ORDER_CANCELLED)
		return order_facts_returned(facts);
	return states[state].final;
}

const char *order_state_too_late(enum order_state state)
{
	return states[state].too_late;
}

const char *order_state_name(enum order_state state)
{
	return states[state].name;
}

bool order_facts_merge(struct order_facts *facts,
		       const struct order_facts *news)
{
	bool changed = false;

	if (facts->verdict == VERDICT_NONE && news->verdict != VERDICT_NONE) {
		facts->verdict = news->verdict;
		facts->grill = news->grill;
		changed = true;
	}
	if (news->cancelled && !facts->cancelled)
		facts->cancelled = changed = true;
	if (news->returned && !facts->returned)
		facts->returned = changed = true;
	if (news->toastie_seq > facts->toastie_seq) {
		changed |= news->toastie != facts->toastie;
		facts->toastie = news->toastie;
		facts->toastie_seq = news->toastie_seq;
	}
	return changed;
}
