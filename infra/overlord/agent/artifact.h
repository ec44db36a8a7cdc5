/* SPDX-License-Identifier: MIT */
/*
 * Artifact: a version is a folder with programs in it. Which bytes a program
 * is (its digest), and which version it says that it is.
 */
#ifndef OVERLORD_ARTIFACT_H
#define OVERLORD_ARTIFACT_H

#include <stddef.h>

enum { ARTIFACT_DIGEST_CHARS = 64, ARTIFACT_VERSION_BYTES = 96 };

/* SHA-256 in hexadecimal digits, and a NUL. */
void artifact_digest(const void *p, size_t n,
		     char ret[ARTIFACT_DIGEST_CHARS + 1]);
/* Of a file. -errno: it cannot be read. */
int artifact_digest_file(const char *path, char ret[ARTIFACT_DIGEST_CHARS + 1]);
/*
 * Runs it with --version, for 5 s at the longest, and gives the last word of
 * its first line. -errno; -EPROTO: it ended with another status than 0, or
 * said nothing.
 */
int artifact_version(const char *path, char ret[ARTIFACT_VERSION_BYTES]);

#endif
