/* SPDX-License-Identifier: MIT */
/*
 * Journal: what the plates must not forget, in a file.
 *
 * It stands for the memory that real plates keep without power: with it a
 * simulator that was killed comes back with its history, without it every
 * start is a reset. A line is written before the answer that it is about.
 *
 *	boot PLATE BOOT		begins a plate's history
 *	token PLATE TOKEN	the highest seen
 *	start PLATE TOKEN JOB	runs
 *	done PLATE		ran to its end
 *	stop PLATE		was cut short
 */
#ifndef GRILLSIM_JOURNAL_H
#define GRILLSIM_JOURNAL_H

#include <stdbool.h>

#include "infra/grillsim/plate.h"
#include "infra/grillsim/record.h"

struct journal {
	struct record record;
};

/*
 * Brings back what the file tells of the first @n_plates and writes it anew,
 * shorter; a plate that was heating is left so, for the caller to stop. An
 * empty @path: keeps nothing. -EBADMSG: the file is not such a journal.
 */
int journal_open(struct journal *ret, const char *path, struct plate *plates,
		 int n_plates);
void journal_deinit(struct journal *journal);

int journal_boot(struct journal *journal, int plate, const struct plate *now);
int journal_token(struct journal *journal, int plate, const struct plate *now);
int journal_start(struct journal *journal, int plate, const struct plate *now);
int journal_done(struct journal *journal, int plate);
int journal_stop(struct journal *journal, int plate);

#endif
