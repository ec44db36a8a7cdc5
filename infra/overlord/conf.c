/* SPDX-License-Identifier: MIT */
/* Conf: the table of overlord's settings; conf.def is the whole story. */
#include "infra/overlord/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/str.h"
#include "infra/overlord/out.h"

static const struct conf_row rows[] = {
/* clang-format off */
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"
#include "infra/overlord/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

const struct conf_table overlord_conf = {
	.program = "overlord",
	.sentence = "operate Toasties Galore",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
};

/* The settings that say where things are. */
static const char *const places[] = { "KAFKA_BROKERS", "DATABASE_URL",
				      "DB_SCHEMA", "TOPIC_SUFFIX" };

enum { N_PLACES = sizeof(places) / sizeof(places[0]) };

/* "NAME=value" and a line feed. */
static void read_line(char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return;
	*value++ = '\0';
	value[strcspn(value, "\n")] = '\0';
	for (size_t i = 0; i < N_PLACES; i++)
		if (!strcmp(line, places[i]) && setenv(line, value, 1))
			abort();
}

/* What the environment said is of other servers, also what libpq reads. */
static void forget_places(void)
{
	for (size_t i = 0; i < N_PLACES; i++)
		if (unsetenv(places[i]))
			abort();
	for (char **entry = environ; *entry;) {
		char name[64];

		if (!strncmp(*entry, "PG", 2) &&
		    str_n_copy(name, sizeof(name), *entry,
			       strcspn(*entry, "=")) &&
		    !unsetenv(name))
			entry = environ; /* it has moved */
		else
			entry++;
	}
}

int conf_from_run(const char *dir)
{
	char path[4096], line[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/run.env", dir);
	file = fopen(path, "re");
	if (!file) {
		out_say("no make run can be found in '%.200s': '%.200s': %s",
			dir, path, strerrordesc_np(errno));
		out_hint("--run takes the RUN_DIR of a make run that is under "
			 "way; it is '.run' when nobody says another");
		return CONF_E_BAD;
	}
	forget_places();
	while (fgets(line, sizeof(line), file))
		read_line(line);
	(void)fclose(file);
	return 0;
}
