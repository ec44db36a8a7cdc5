/* SPDX-License-Identifier: MIT */
/*
 * The rows of CONF_DEF: as fields of a struct or, where CONF_STRUCT names that
 * struct, as rows of its table; see conf.h. Meant to be included again.
 */
#ifdef CONF_DEF

#ifndef CONF_STRUCT
#define CONF_TEXT(field, name, fallback, sentence) const char *field;
#define CONF_NUMBER(field, name, fallback, min, max, sentence) int64_t field;
#else
#define CONF_TEXT(field, name, fallback, sentence)                             \
	{ name, CONF_KIND_TEXT, offsetof(CONF_STRUCT, field), fallback, 0,     \
	  0,    sentence },
/* clang-format off */
#define CONF_NUMBER(field, name, fallback, min, max, sentence)                 \
	{ name, CONF_KIND_NUMBER, offsetof(CONF_STRUCT, field), #fallback,     \
	  min,  max, sentence },
/* clang-format on */
#endif

#include CONF_DEF

#undef CONF_TEXT
#undef CONF_NUMBER
#undef CONF_STRUCT
#undef CONF_DEF

#endif
