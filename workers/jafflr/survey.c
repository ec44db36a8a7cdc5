/* SPDX-License-Identifier: MIT */
/* Survey: one statement, and its text. */
#include "workers/jafflr/survey.h"

#include <string.h>

#include "infra/lib/counters.h"
#include "workers/jafflr/sql.h"

#define SURVEY_TIMEOUT_MS 10000

static const char *const names[N_SURVEY_STATES] = {
	[SURVEY_QUEUED] = "queued",       [SURVEY_UNSERVED] = "unserved",
	[SURVEY_GRILLING] = "grilling",   [SURVEY_PARKED] = "parked",
	[SURVEY_UNCERTAIN] = "uncertain",
};

/* Each part walks an index of what is open, however long the table is; and a
 * queue is counted up to 100,000. -> stall or NULL, state, n */
static const struct pg_statement survey_toasties = {
	"survey_toasties",
	WITH_QUEUED_STALLS
	", c(stall, state, n) AS (SELECT s.stall,"
	" CASE WHEN starts_with(s.stall, 'demo-') OR EXISTS"
	" (SELECT FROM control.grills g WHERE g.enabled"
	" AND (g.stalls IS NULL OR s.stall = ANY (g.stalls)))"
	" THEN 'queued' ELSE 'unserved' END,"
	" (SELECT count(*) FROM (SELECT FROM toasties t"
	" WHERE t.state = 'queued' AND t.stall = s.stall LIMIT 100000) q)"
	" FROM s WHERE s.stall IS NOT NULL"
	" UNION ALL SELECT t.stall, 'grilling', count(*) FROM intents i"
	" JOIN toasties t USING (order_id) WHERE i.closed_at IS NULL"
	" AND t.state = 'grilling' GROUP BY t.stall"
	" UNION ALL SELECT t.stall, CASE WHEN i.order_id IS NULL"
	" THEN 'uncertain' ELSE 'parked' END, count(*) FROM toasties t"
	" LEFT JOIN intents i ON i.order_id = t.order_id"
	" AND i.closed_at IS NULL WHERE t.state = 'uncertain' GROUP BY 1, 2),"
	" r AS (SELECT stall, row_number() OVER (ORDER BY"
	" bool_or(state IN ('uncertain', 'parked')) DESC, sum(n) DESC, stall)"
	" AS place FROM c GROUP BY stall)"
	" SELECT CASE WHEN r.place <= $1 THEN c.stall END, c.state,"
	" sum(c.n)::bigint FROM c JOIN r USING (stall)"
	" GROUP BY 1, 2 ORDER BY 1 NULLS LAST",
	1,
};

/* The stall of a row, as a text with a NUL; NULL: all others. */
static const char *name_of(struct survey *survey, const struct pg *pg, int i,
			   int row)
{
	struct text text = sql_text(pg, i, row, 0, &survey->arena);
	char *name;

	if (!text.p)
		return NULL;
	name = arena_alloc(&survey->arena, text.n + 1);
	(void)str_n_copy(name, text.n + 1, text.p, text.n);
	return name;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Rows of one stall stand together. */
static struct survey_stall *stall_of(struct survey *survey, const char *name)
{
	size_t n = survey->n_stalls;

	if (n && is_same(survey->stalls[n - 1].stall, name))
		return &survey->stalls[n - 1];
	if (n == SURVEY_STALLS + 1)
		return NULL;
	survey->stalls[n] = (struct survey_stall){ .stall = name };
	survey->n_stalls++;
	return &survey->stalls[n];
}

static void take_row(struct survey *survey, const struct pg *pg, int i, int row)
{
	struct survey_stall *stall =
		stall_of(survey, name_of(survey, pg, i, row));
	struct text state = sql_text(pg, i, row, 1, &survey->arena);

	for (int k = 0; stall && k < N_SURVEY_STATES; k++)
		if (text_equal(text_of(names[k]), state))
			stall->n[k] += pg_i64(pg, i, row, 2);
}

int survey_read(struct survey *survey, struct pg *pg)
{
	struct pg_args args = { 0 };
	int i, r;

	arena_reset(&survey->arena);
	survey->n_stalls = 0;
	pg_put_i64(pg_arg(&args), SURVEY_STALLS);
	i = pg_add(pg, &survey_toasties, &args);
	r = pg_run(pg, SURVEY_TIMEOUT_MS);
	pg_args_deinit(&args);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++)
		take_row(survey, pg, i, row);
	/* There is a number for all others also when there are none. */
	if (!r)
		(void)stall_of(survey, NULL);
	return r;
}

static void line(struct buf *out, const struct survey_stall *stall, int state)
{
	struct buf labels = { 0 };

	counters_label(&labels, "stall",
		       stall->stall ? stall->stall : "(others)");
	counters_label(&labels, "state", names[state]);
	buf_add(&labels, "", 1);
	counters_line(out, "galore_toasties", labels.p, stall->n[state]);
	buf_deinit(&labels);
}

void survey_text(const struct survey *survey, struct buf *out)
{
	if (survey->n_stalls)
		counters_head(out, "galore_toasties",
			      "toasties of the whole shop that are not at "
			      "their end",
			      KIND_GAUGE);
	for (size_t i = 0; i < survey->n_stalls; i++)
		for (int k = 0; k < N_SURVEY_STATES; k++)
			line(out, &survey->stalls[i], k);
}

void survey_deinit(struct survey *survey)
{
	arena_deinit(&survey->arena);
	*survey = (struct survey){ 0 };
}
