/* SPDX-License-Identifier: MIT */
/* Conf: overlord's settings, from conf.def. */
#ifndef OVERLORD_CONF_H
#define OVERLORD_CONF_H

#include "infra/lib/conf.h"

struct conf {
/* clang-format off */
#include "infra/lib/conf_fields.h"
#include "infra/overlord/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

extern const struct conf_table overlord_conf;

/*
 * Lets the environment say where the servers of the make run in folder @dir
 * are, whatever it said before. CONF_E_BAD: said.
 */
int conf_from_run(const char *dir);

#endif
