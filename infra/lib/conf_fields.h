/* SPDX-License-Identifier: MIT */
/* Conf rows as fields of a struct; see conf.h. Meant to be included again. */
#define CONF_TEXT(field, name, fallback, sentence) const char *field;
#define CONF_NUMBER(field, name, fallback, min, max, sentence) int64_t field;
