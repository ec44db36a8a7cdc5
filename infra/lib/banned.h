/* SPDX-License-Identifier: MIT */
/*
 * Banned: functions that have no place in this tree, as compile errors.
 *
 * The compiler includes this file before every other (see the Makefile), so
 * the headers that declare the functions come first, and only then their
 * names. What to use instead: str.h for text and numbers, clock.h for time.
 */
#ifndef LIB_BANNED_H
#define LIB_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(name) banned_function_##name##_see_infra_lib_banned_h

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef strtol
#define strtol(...) BANNED(strtol)
#undef ctime
#define ctime(...) BANNED(ctime)
#undef gmtime
#define gmtime(...) BANNED(gmtime)

#endif
