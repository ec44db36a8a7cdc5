/* SPDX-License-Identifier: MIT */
/* Checks: a list that becomes a table; see checks.h. Main thread. */
#include "infra/overlord/checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/xalloc.h"

void checks_deinit(struct checks *checks)
{
	for (size_t i = 0; i < checks->n; i++) {
		free(checks->rows[i].what);
		free(checks->rows[i].of);
		free(checks->rows[i].detail);
	}
	free(checks->rows);
	*checks = (struct checks){ 0 };
}

void checks_add(struct checks *checks, bool good, const char *what,
		const char *of, const char *format, ...)
{
	struct check check = {
		.what = xstrdup(what),
		.of = xstrdup(of),
		.good = good,
	};
	va_list args;

	va_start(args, format);
	if (vasprintf(&check.detail, format, args) < 0)
		abort();
	va_end(args);
	checks->rows = xreallocarray(checks->rows, checks->n + 1,
				     sizeof(*checks->rows));
	checks->rows[checks->n++] = check;
	checks->n_bad += !good;
}

struct out *checks_table(const struct checks *checks, bool json)
{
	struct out *out = out_new("checks", json);

	out_column(out, "check", OUT_TEXT);
	out_column(out, "of", OUT_TEXT);
	out_column(out, "good", OUT_BOOL);
	out_column(out, "detail", OUT_TEXT);
	for (size_t i = 0; i < checks->n; i++) {
		const struct check *check = &checks->rows[i];

		out_row(out);
		out_cell(out, "%s", check->what);
		out_cell(out, "%s", check->of);
		out_cell_bool(out, check->good);
		out_cell(out, "%s", check->detail);
	}
	return out;
}
