/* SPDX-License-Identifier: MIT */
/*
 * Record: a file to which whole lines are appended, each by one write.
 *
 * So whoever reads it, or comes after a kill, finds whole lines. Nothing is
 * synced: what a loss of the machine's power would do is not simulated.
 */
#ifndef GRILLSIM_RECORD_H
#define GRILLSIM_RECORD_H

/* { -1 } is one that keeps nothing. */
struct record {
	int fd;
};

/* An empty @path: one that keeps nothing. */
int record_open(struct record *ret, const char *path);
void record_deinit(struct record *record);

/* At most 255 bytes with the line's end, which is added. */
int record_line(struct record *record, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
