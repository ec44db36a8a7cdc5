/* SPDX-License-Identifier: MIT */
/* Conf: the settings of this program, from conf.def. */
#ifndef STOREFRONT_CONF_H
#define STOREFRONT_CONF_H

#include "infra/lib/conf.h"

struct conf {
#include "infra/lib/conf_fields.h"

#include "producers/storefront/conf.def"

#include "infra/lib/conf_end.h"
};

extern const struct conf_table conf_table;

#endif
