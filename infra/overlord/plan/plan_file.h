/* SPDX-License-Identifier: MIT */
/*
 * Plan file: a plan that a verb saved (--plan FILE), to be applied later, by
 * whom it may concern (overlord apply FILE).
 *
 * The file is JSON: the verb with its operands and options, who made it and
 * when, of which servers it is, and the steps as they were shown. The digest
 * is of all that, so that a file that was damaged or edited is refused; it is
 * no signature. Applying plans the same verb anew: the plan that comes out is
 * what is done, and only if its steps are those of the file. So nothing of a
 * file decides what is written, but the operands and options that anybody may
 * give.
 */
#ifndef OVERLORD_PLAN_FILE_H
#define OVERLORD_PLAN_FILE_H

#include <jansson.h>

#include "infra/overlord/agent/artifact.h"
#include "infra/overlord/plan/plan.h"

struct plan_file {
	const char *save; /* where to; NULL: not saved */
	bool saved;
	const char *path; /* of the plan that is applied; NULL: none is */
	json_t *json;     /* that plan */
	char digest[ARTIFACT_DIGEST_CHARS + 1];
};

void plan_file_deinit(struct plan_file *file);

/* Reads the plan at @path, borrowed. Says what is wrong with it. */
int plan_file_load(struct plan_file *file, const char *path);

/* The verb that made it. */
const char *plan_file_verb(const struct plan_file *file);

/* What options_read() takes: as the verb was called. The caller frees each word
 * and the list. */
char **plan_file_words(const struct plan_file *file, int *ret_n);

/* Is it of the servers that the verb has? VERB_E_FAILED: it is not, which has
 * been said. Of the database's only once there is a session. */
int plan_file_check_place(const struct verb *verb);

/* Are these the steps of the plan that is applied, if one is? VERB_E_FAILED: it
 * is stale, and the first step that differs has been named. */
int plan_file_compare(const struct plan_file *file, const struct plan *plan);

/* Saves @plan, if that was asked for. */
int plan_file_save(const struct verb *verb, const struct plan *plan);

/* The JSON object @what, with a NUL. When a plan is applied it has a member
 * more: "plan": {"digest": ..., "who": ..., "at": ...}. */
void plan_file_audit(const struct plan_file *file, const char *what,
		     struct buf *ret);

#endif
