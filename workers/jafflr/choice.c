/* SPDX-License-Identifier: MIT */
/* Schedule: each row takes the first free plate that serves its stall. */
#include "workers/jafflr/choice.h"

#define DEMO "demo-"

bool choice_is_demo(struct text stall)
{
	struct text demo = TEXT(DEMO);

	return stall.n >= demo.n && !memcmp(stall.p, demo.p, demo.n);
}

static bool serves(const struct tx_plate *plate, struct text stall)
{
	if (!plate->stalls)
		return true;
	for (size_t i = 0; i < plate->n_stalls; i++)
		if (text_equal(text_of(plate->stalls[i]), stall))
			return true;
	return false;
}

static bool is_taken(const struct choice_pair *pairs, size_t n_pairs,
		     size_t plate)
{
	for (size_t i = 0; i < n_pairs; i++)
		if (pairs[i].plate == plate)
			return true;
	return false;
}

size_t choose_pairs(const struct toastie_row *rows, size_t n_rows,
		    const struct tx_plate *plates, size_t n_plates,
		    struct choice_pair *ret)
{
	size_t n_pairs = 0;

	for (size_t r = 0; r < n_rows && n_pairs < n_plates; r++) {
		if (choice_is_demo(rows[r].stall))
			continue;
		for (size_t p = 0; p < n_plates; p++) {
			if (is_taken(ret, n_pairs, p) ||
			    !serves(&plates[p], rows[r].stall))
				continue;
			ret[n_pairs++] =
				(struct choice_pair){ .row = r, .plate = p };
			break;
		}
	}
	return n_pairs;
}
