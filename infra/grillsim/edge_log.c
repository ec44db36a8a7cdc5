/* SPDX-License-Identifier: MIT */
/* Edge log: lines at the end of a file, and back into plates. Main thread. */
#include "infra/grillsim/edge_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/str.h"
#include "infra/lib/text.h"

#define LINE_MAX_BYTES 256
#define FILE_MODE 0644

static const char *const kind_names[] = {
	[EDGE_START] = "START", [EDGE_DONE] = "DONE",   [EDGE_STOP] = "STOP",
	[EDGE_RESET] = "RESET", [EDGE_FENCE] = "FENCE",
};

struct edge {
	enum edge_kind kind;
	const char *grill;
	int64_t plate;
	int64_t token;
	int64_t boot;
	struct job job;
};

static void close_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

/* ---- text ---- */

/* The value of the next field, which has to be @name; else NULL. */
static const char *next_value(char **line, const char *name)
{
	const char *field = strsep(line, " ");
	size_t n = strlen(name);

	return field && !strncmp(field, name, n) ? field + n : NULL;
}

static int64_t next_number(char **line, const char *name, int64_t max)
{
	const char *value = next_value(line, name);
	int64_t number;

	return value && !str_to_i64(&number, value, 0, max) ? number : -1;
}

static int parse_line(struct edge *ret, char *line)
{
	const char *kind = strsep(&line, " ");
	const char *job;
	size_t i = 0;

	while (i < sizeof(kind_names) / sizeof(*kind_names) &&
	       strcmp(kind, kind_names[i]))
		i++;
	ret->kind = (enum edge_kind)i;
	(void)next_value(&line, "at_ms=");
	ret->grill = next_value(&line, "grill=");
	ret->plate = next_number(&line, "plate=", INT32_MAX);
	ret->token = next_number(&line, "token=", UINT32_MAX);
	ret->boot = next_number(&line, "boot=", UINT32_MAX);
	job = next_value(&line, "job=");
	if (i == sizeof(kind_names) / sizeof(*kind_names) || !ret->grill ||
	    ret->plate < 0 || ret->token < 0 || ret->boot < 0 || !job || line ||
	    uuid_parse(ret->job.bytes, job, strlen(job)))
		return -EBADMSG;
	return 0;
}

/* ---- replay ---- */

/* A log that lost its beginning still names the last job of each plate. */
static bool is_unseen_job(const struct plate *plate, const struct edge *edge)
{
	static const struct job none;

	return edge->kind != EDGE_RESET &&
	       memcmp(&edge->job, &none, sizeof(none)) != 0 &&
	       memcmp(&edge->job, &plate->job, sizeof(none)) != 0;
}

static void replay_edge(struct plate *plate, const struct edge *edge)
{
	enum plate_state state = plate->state;

	if (is_unseen_job(plate, edge))
		plate_replay_start(plate, &edge->job);
	switch (edge->kind) {
	case EDGE_RESET:
		plate_init(plate, 0);
		break;
	case EDGE_START:
		plate->state = PLATE_HEATING;
		break;
	case EDGE_DONE:
		plate->state = PLATE_DONE;
		break;
	case EDGE_STOP:
		plate->state = PLATE_IDLE;
		break;
	case EDGE_FENCE:
		plate->state = state;
		break;
	}
	plate->token = (uint32_t)edge->token;
	plate->boot = (uint32_t)edge->boot;
}

static int cut_at(struct edge_log *log, off_t size)
{
	return ftruncate(log->fd, size) ? -errno : 0;
}

/*
 * A last line that was cut off has never been answered for: it is removed, so
 * that the next one begins a line.
 */
static int replay(struct edge_log *log, const char *path, struct plate *plates,
		  int n_plates)
{
	CLEANUP(close_file) FILE *file = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	struct edge edge = { 0 };
	off_t whole = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (!r && fgets(line, sizeof(line), file)) {
		size_t n = strlen(line);

		if (!n || line[n - 1] != '\n')
			return feof(file) ? cut_at(log, whole) : -EBADMSG;
		whole += (off_t)n;
		line[n - 1] = '\0';
		r = parse_line(&edge, line);
		if (!r && edge.plate < n_plates &&
		    !strcmp(edge.grill, log->grill))
			replay_edge(&plates[edge.plate], &edge);
	}
	return r;
}

int edge_log_open(struct edge_log *ret, const char *path, const char *grill,
		  struct plate *plates, int n_plates)
{
	struct edge_log log = { .fd = -1, .grill = grill };
	struct stat about;
	int r = 0;

	if (!*path) {
		*ret = log;
		return 0;
	}
	if (strpbrk(grill, " \n"))
		return -EINVAL;
	log.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
		      FILE_MODE);
	if (log.fd < 0 || fstat(log.fd, &about))
		r = -errno;
	else if (S_ISREG(about.st_mode))
		r = replay(&log, path, plates, n_plates);
	if (r)
		edge_log_deinit(&log);
	else
		*ret = log;
	return r;
}

void edge_log_deinit(struct edge_log *log)
{
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
}

int edge_log_append(struct edge_log *log, enum edge_kind kind, int i,
		    const struct plate *plate, int64_t now_ms)
{
	char line[LINE_MAX_BYTES];
	char job[UUID_CHARS + 1];
	ssize_t written;
	int n;

	if (log->fd < 0)
		return 0;
	n = snprintf(line, sizeof(line),
		     "%s at_ms=%" PRId64
		     " grill=%s plate=%d token=%u boot=%u job=%s\n",
		     kind_names[kind], now_ms, log->grill, i, plate->token,
		     plate->boot, uuid_format(plate->job.bytes, job));
	if (n < 0 || n >= (int)sizeof(line))
		return -EOVERFLOW;
	written = write(log->fd, line, (size_t)n);
	if (written < 0)
		return -errno;
	return written == n ? 0 : -ENOSPC;
}
