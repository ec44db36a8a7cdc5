/* SPDX-License-Identifier: MIT */
/* Conf: the table of overlord's settings; conf.def is the whole story. */
#include "infra/overlord/conf.h"

static const struct conf_row rows[] = {
/* clang-format off */
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"
#include "infra/overlord/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

const struct conf_table overlord_conf = {
	.program = "overlord",
	.sentence = "operate Toasties Galore",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
};
