/* SPDX-License-Identifier: MIT */
/* Edge log: lines at the end of a file, and back into plates. Main thread. */
#include "infra/grillsim/edge_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/text/str.h"
#include "infra/lib/text/text.h"

#define LINE_MAX_BYTES 256
#define FILE_MODE 0644

static const char *const kind_names[] = {
	[EDGE_START] = "START", [EDGE_DONE] = "DONE",   [EDGE_STOP] = "STOP",
	[EDGE_RESET] = "RESET", [EDGE_FENCE] = "FENCE",
};

struct edge {
	enum edge_kind kind;
	int64_t at_ms;
	char grill[LINE_MAX_BYTES];
	int plate;
	uint32_t token;
	uint32_t boot;
	struct job job;
};

static void close_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

/* ---- text ---- */

/* The line and its end in @out; its length, or -EOVERFLOW. */
static int format_line(char out[static LINE_MAX_BYTES], const struct edge *edge)
{
	char job[UUID_CHARS + 1];
	int n = snprintf(out, LINE_MAX_BYTES,
			 "%s at_ms=%" PRId64
			 " grill=%s plate=%d token=%u boot=%u job=%s\n",
			 kind_names[edge->kind], edge->at_ms, edge->grill,
			 edge->plate, edge->token, edge->boot,
			 uuid_format(edge->job.bytes, job));

	return n < LINE_MAX_BYTES ? n : -EOVERFLOW;
}

/* Strict: a line is one of ours if we would write it so again. */
static int parse_line(struct edge *ret, const char *line)
{
	char again[LINE_MAX_BYTES];
	char kind[8];
	char job[UUID_CHARS + 1];
	size_t i = 0;

	if (sscanf(line,
		   "%7s at_ms=%" SCNd64
		   " grill=%255s plate=%d token=%u boot=%u job=%36s",
		   kind, &ret->at_ms, ret->grill, &ret->plate, &ret->token,
		   &ret->boot, job) != 7 ||
	    ret->plate < 0 || uuid_parse(ret->job.bytes, job, strlen(job)))
		return -EBADMSG;
	while (i < EDGE_KINDS_N && strcmp(kind, kind_names[i]))
		i++;
	if (i == EDGE_KINDS_N)
		return -EBADMSG;
	ret->kind = (enum edge_kind)i;
	return format_line(again, ret) < 0 || strcmp(again, line) ? -EBADMSG
								  : 0;
}

/* ---- replay ---- */

/*
 * A log that lost its beginning still names the last job of each plate: any
 * line with a job that the plate does not know yet is proof that it ran.
 */
static void replay_edge(struct sim_plate *plate, const struct edge *edge)
{
	static const enum plate_state states[] = { [EDGE_START] = PLATE_HEATING,
						   [EDGE_DONE] = PLATE_DONE,
						   [EDGE_STOP] = PLATE_IDLE,
						   [EDGE_RESET] = PLATE_IDLE };
	static const struct job none;

	if (edge->kind == EDGE_RESET)
		plate_init(plate, 0);
	else if (memcmp(&edge->job, &none, sizeof(none)) != 0 &&
		 memcmp(&edge->job, &plate->job, sizeof(none)) != 0)
		plate_remember(plate, &edge->job);
	if (edge->kind != EDGE_FENCE)
		plate->state = states[edge->kind];
	plate->token = edge->token;
	plate->boot = edge->boot;
}

/*
 * A last line that was cut off has never been answered for: it is removed, so
 * that the next one begins a line.
 */
static int replay(struct edge_log *log, const char *path,
		  struct sim_plate *plates, int n_plates)
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

		if (!n || line[n - 1] != '\n') {
			if (!feof(file))
				return -EBADMSG;
			return ftruncate(log->fd, whole) ? -errno : 0;
		}
		whole += (off_t)n;
		r = parse_line(&edge, line);
		if (!r && edge.plate < n_plates &&
		    !strcmp(edge.grill, log->grill))
			replay_edge(&plates[edge.plate], &edge);
	}
	return r;
}

int edge_log_open(struct edge_log *ret, const char *path, const char *grill,
		  struct sim_plate *plates, int n_plates)
{
	struct edge_log log = { .fd = -1, .grill = grill };
	struct stat about;
	int r = 0;

	if (!*path) {
		*ret = log;
		return 0;
	}
	if (strpbrk(grill, " \t\n\v\f\r"))
		return -EINVAL;
	log.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
		      FILE_MODE);
	if (log.fd < 0 || fstat(log.fd, &about))
		r = -errno;
	else if (S_ISREG(about.st_mode))
		r = flock(log.fd, LOCK_EX | LOCK_NB)
			    ? -EBUSY
			    : replay(&log, path, plates, n_plates);
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
		    const struct sim_plate *plate, int64_t now_ms)
{
	struct edge edge = { .kind = kind,
			     .at_ms = now_ms,
			     .plate = i,
			     .token = plate->token,
			     .boot = plate->boot,
			     .job = plate->job };
	char line[LINE_MAX_BYTES];
	ssize_t written;
	int n;

	if (log->fd < 0)
		return 0;
	if (!str_copy(edge.grill, sizeof(edge.grill), log->grill))
		return -EOVERFLOW;
	n = format_line(line, &edge);
	if (n < 0)
		return n;
	written = write(log->fd, line, (size_t)n);
	if (written < 0)
		return -errno;
	return written == n ? 0 : -ENOSPC;
}
