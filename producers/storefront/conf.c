/* SPDX-License-Identifier: MIT */
/* Conf: see conf.h. */
#include "producers/storefront/conf.h"

static const struct conf_row rows[] = {
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"

#include "producers/storefront/conf.def"

#include "infra/lib/conf_end.h"
};

const struct conf_table conf_table = {
	.program = "storefront",
	.sentence = "the web page and the HTTP API of the stalls",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
};
