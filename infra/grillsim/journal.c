/* SPDX-License-Identifier: MIT */
/* Journal: the plates' memory as lines of a file. Main thread. */
#include "infra/grillsim/journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/str.h"

#define LINE_MAX_BYTES 256
#define PATH_MAX_BYTES 4096

struct journal_line {
	char verb[8];
	int plate;
	uint32_t number;
	struct job job;
};

static void close_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

/* The word at *@p, ended by a NUL; *@p goes behind it. "" at the end. */
static const char *next_word(char **p)
{
	char *word = *p;
	char *end = strchrnul(word, ' ');

	*p = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static int parse_line(struct journal_line *ret, char *text)
{
	const char *verb = next_word(&text);
	const char *plate = next_word(&text);
	const char *number = next_word(&text);
	const char *job = next_word(&text);
	int64_t n;

	memset(ret, 0, sizeof(*ret));
	if (!str_copy(ret->verb, sizeof(ret->verb), verb) ||
	    str_to_i64(&n, plate, 0, INT32_MAX))
		return -EBADMSG;
	ret->plate = (int)n;
	if (*number) {
		if (str_to_i64(&n, number, 0, UINT32_MAX))
			return -EBADMSG;
		ret->number = (uint32_t)n;
	}
	if (*job && job_parse(&ret->job, job))
		return -EBADMSG;
	return 0;
}

static int recall_line(struct plate *plate, const struct journal_line *line)
{
	if (!strcmp(line->verb, "boot")) {
		plate_init(plate, line->number);
	} else if (!strcmp(line->verb, "token")) {
		plate->token = line->number;
	} else if (!strcmp(line->verb, "start")) {
		plate_recall(plate, line->number, &line->job);
		plate->state = PLATE_HEATING;
	} else if (!strcmp(line->verb, "done")) {
		plate->state = PLATE_DONE;
	} else if (!strcmp(line->verb, "stop")) {
		plate->state = PLATE_IDLE;
	} else {
		return -EBADMSG;
	}
	return 0;
}

static int recall(const char *path, struct plate *plates, int n_plates)
{
	CLEANUP(close_file) FILE *file = fopen(path, "re");
	char text[LINE_MAX_BYTES];
	struct journal_line line;
	int r = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!r && fgets(text, sizeof(text), file)) {
		char *end = strchr(text, '\n');

		/* A last line that was cut off was never answered for. */
		if (!end)
			return feof(file) ? 0 : -EBADMSG;
		*end = '\0';
		r = parse_line(&line, text);
		if (!r && line.plate < n_plates)
			r = recall_line(&plates[line.plate], &line);
	}
	return r;
}

static int write_start(struct record *record, int i, uint32_t token,
		       const struct job *job)
{
	char text[JOB_TEXT_MAX];

	job_format(job, text);
	return record_line(record, "start %d %u %s", i, token, text);
}

static int write_state(struct record *record, int i, const struct plate *plate)
{
	switch (plate->state) {
	case PLATE_DONE:
		return record_line(record, "done %d", i);
	case PLATE_IDLE:
		return record_line(record, "stop %d", i);
	case PLATE_HEATING:
	case PLATE_FAULT:
		break;
	}
	return 0;
}

static int write_plate(struct record *record, int i, const struct plate *plate)
{
	uint32_t begin =
		plate->n_jobs > HISTORY_MAX ? plate->n_jobs - HISTORY_MAX : 0;
	int r = record_line(record, "boot %d %u", i, plate->boot);

	for (uint32_t n = begin; !r && n < plate->n_jobs; n++)
		r = write_start(record, i, 0, &plate->history[n % HISTORY_MAX]);
	if (!r)
		r = record_line(record, "token %d %u", i, plate->token);
	return r ? r : write_state(record, i, plate);
}

/* By way of a rename, so that a kill leaves the old one or the new one. */
static int write_anew(struct record *ret, const char *path,
		      const struct plate *plates, int n_plates)
{
	char draft[PATH_MAX_BYTES];
	struct record record;
	int r;

	if (snprintf(draft, sizeof(draft), "%s.new", path) >=
	    (int)sizeof(draft))
		return -ENAMETOOLONG;
	if (unlink(draft) && errno != ENOENT)
		return -errno;
	r = record_open(&record, draft);
	if (r)
		return r;
	for (int i = 0; !r && i < n_plates; i++)
		r = write_plate(&record, i, &plates[i]);
	if (!r && rename(draft, path))
		r = -errno;
	if (r)
		record_deinit(&record);
	else
		*ret = record;
	return r;
}

int journal_open(struct journal *ret, const char *path, struct plate *plates,
		 int n_plates)
{
	int r;

	if (!*path) {
		ret->record.fd = -1;
		return 0;
	}
	r = recall(path, plates, n_plates);
	return r ? r : write_anew(&ret->record, path, plates, n_plates);
}

void journal_deinit(struct journal *journal)
{
	record_deinit(&journal->record);
}

int journal_boot(struct journal *journal, int plate, const struct plate *now)
{
	return record_line(&journal->record, "boot %d %u", plate, now->boot);
}

int journal_token(struct journal *journal, int plate, const struct plate *now)
{
	return record_line(&journal->record, "token %d %u", plate, now->token);
}

int journal_start(struct journal *journal, int plate, const struct plate *now)
{
	return write_start(&journal->record, plate, now->token, &now->job);
}

int journal_done(struct journal *journal, int plate)
{
	return record_line(&journal->record, "done %d", plate);
}

int journal_stop(struct journal *journal, int plate)
{
	return record_line(&journal->record, "stop %d", plate);
}
