/* SPDX-License-Identifier: MIT */
/* Record: whole lines at the end of a file. Main thread. */
#include "infra/grillsim/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256
#define FILE_MODE 0644

int record_open(struct record *ret, const char *path)
{
	int fd = -1;

	if (*path) {
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			  FILE_MODE);
		if (fd < 0)
			return -errno;
	}
	ret->fd = fd;
	return 0;
}

void record_deinit(struct record *record)
{
	if (record->fd >= 0)
		(void)close(record->fd);
	record->fd = -1;
}

int record_line(struct record *record, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	ssize_t written;
	int n;

	if (record->fd < 0)
		return 0;
	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof(line) - 1)
		return -EOVERFLOW;
	line[n++] = '\n';
	written = write(record->fd, line, (size_t)n);
	if (written < 0)
		return -errno;
	return written == n ? 0 : -ENOSPC;
}
