/* SPDX-License-Identifier: MIT */
/* Conf: the settings of grillsim; conf.def has the rows. */
#ifndef GRILLSIM_CONF_H
#define GRILLSIM_CONF_H

#include "infra/lib/conf.h"

struct conf {
#include "infra/lib/conf_fields.h"

#include "infra/grillsim/conf.def"

#include "infra/lib/conf_end.h"
};

extern const struct conf_table grillsim_conf;

#endif
