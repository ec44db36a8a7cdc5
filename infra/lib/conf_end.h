/* SPDX-License-Identifier: MIT */
/* The end of a list of conf rows; see conf.h. Meant to be included again. */
#undef CONF_TEXT
#undef CONF_NUMBER
#undef CONF_STRUCT
