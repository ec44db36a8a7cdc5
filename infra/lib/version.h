/* SPDX-License-Identifier: MIT */
/* Version: of this build, for --version, logs, metrics and the producer. */
#ifndef LIB_VERSION_H
#define LIB_VERSION_H

extern const char version_of_build[];

#endif
