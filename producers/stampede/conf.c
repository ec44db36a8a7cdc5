/* SPDX-License-Identifier: MIT */
/* Conf: the table of stampede's settings; conf.def is the whole story. */
#include "producers/stampede/conf.h"

static const struct conf_row rows[] = {
/* clang-format off */
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"
#include "producers/stampede/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

const struct conf_table stampede_conf = {
	.program = "stampede",
	.sentence = "load: orders at a rate or flat out, with a record of "
		    "what was sent",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
};
