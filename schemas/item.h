/* SPDX-License-Identifier: MIT */
/*
 * Item: how much of which ingredient, as orders and picks carry it.
 */
#ifndef SCHEMAS_ITEM_H
#define SCHEMAS_ITEM_H

#include "infra/lib/text.h"

struct item {
	struct text ingredient; /* 1 to TEXT_MAX_CHARS characters */
	int32_t quantity;       /* 1 to QUANTITY_MAX */
};

#endif
