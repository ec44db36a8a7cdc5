/* SPDX-License-Identifier: MIT */
/* Conf: stampede's settings, from conf.def. */
#ifndef STAMPEDE_CONF_H
#define STAMPEDE_CONF_H

#include "infra/lib/conf.h"

struct conf {
/* clang-format off */
#include "infra/lib/conf_fields.h"
#include "producers/stampede/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

extern const struct conf_table stampede_conf;

#endif
