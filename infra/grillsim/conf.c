/* SPDX-License-Identifier: MIT */
/* Conf: the table of settings. Constant. */
#include "infra/grillsim/conf.h"

static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"

#include "infra/grillsim/conf.def"

#include "infra/lib/conf_end.h"
};

const struct conf_table grillsim_conf = {
	.program = "grillsim",
	.sentence = "a grill that speaks Modbus TCP and misbehaves on request",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};
