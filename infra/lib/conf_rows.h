/* SPDX-License-Identifier: MIT */
/* Conf rows as a table; see conf.h. Meant to be included again. */
#include <stddef.h>

#define CONF_TEXT(field, name, fallback, sentence)                             \
	{ name, CONF_KIND_TEXT, offsetof(CONF_STRUCT, field), fallback, 0,     \
	  0,    sentence },
#define CONF_NUMBER(field, name, fallback, min, max, sentence)                 \
	{                                                                      \
		name,                                                          \
		CONF_KIND_NUMBER,                                              \
		offsetof(CONF_STRUCT, field),                                  \
		#fallback,                                                     \
		min,                                                           \
		max,                                                           \
		sentence                                                       \
	},
