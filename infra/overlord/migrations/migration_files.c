/* SPDX-License-Identifier: MIT */
/* Migration files: found, in order, read; see migrations.h. Main thread. */
#include "infra/overlord/migrations/migrations.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/text/text.h"
#include "infra/lib/xalloc.h"

/* The hint of all that is wrong here. */
static const char where[] =
	"MIGRATIONS_DIR or --dir says where the migrations are";

/* "0001_positions.up.sql" into its parts; false: no migration's name. */
static bool parse(const char *file, int64_t *ret_version,
		  char ret_name[MIGRATION_NAME_MAX], enum direction *ret)
{
	static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_-";
	const char *name = strchr(file, '_');
	size_t n_name;

	if (!name || strlen(file) >= MIGRATION_NAME_MAX ||
	    str_n_to_i64(ret_version, file, (size_t)(name - file), 1,
			 INT64_MAX))
		return false;
	name++;
	n_name = strspn(name, name_chars);
	*ret = strcmp(name + n_name, ".up.sql") ? DOWN : UP;
	return str_n_copy(ret_name, MIGRATION_NAME_MAX, name, n_name) &&
	       n_name && (*ret == UP || !strcmp(name + n_name, ".down.sql"));
}

/* One of the files that are there, or NULL. */
static const char *a_file(const struct migration *row)
{
	if (*row->files[UP])
		return row->files[UP];
	return *row->files[DOWN] ? row->files[DOWN] : NULL;
}

/* Of @n_files. One whose version is higher than that stands behind a gap: it
 * goes to the last row. */
static int add_file(struct migrator *migrator, int n_files, const char *file)
{
	char name[MIGRATION_NAME_MAX];
	enum direction direction;
	struct migration *row;
	int64_t version;

	if (!parse(file, &version, name, &direction))
		return verb_failed(
			where,
			"'%s' is no migration's name: NNNN_name.up.sql or "
			"NNNN_name.down.sql",
			file);
	row = &migrator->rows[version > n_files ? n_files : version - 1];
	if (a_file(row) && version <= n_files &&
	    (*row->files[direction] || strcmp(row->name, name) != 0))
		return verb_failed(where,
				   "version %" PRId64
				   " is there twice: '%s' and '%s'",
				   version, file, a_file(row));
	row->version = version;
	(void)str_copy(row->name, sizeof(row->name), name);
	(void)str_copy(row->files[direction], MIGRATION_NAME_MAX, file);
	return 0;
}

/* Counts the rows, which go from 1 on without a gap, and both ways. */
static int check_rows(struct migrator *migrator, int n_files)
{
	const struct migration *rows = migrator->rows;
	size_t n = 0, next;

	while (a_file(&rows[n]))
		n++;
	for (next = n; next <= (size_t)n_files; next++)
		if (a_file(&rows[next]))
			return verb_failed(where,
					   "version %zu is missing before '%s'",
					   n + 1, a_file(&rows[next]));
	for (size_t i = 0; i < n; i++)
		if (!*rows[i].files[UP] || !*rows[i].files[DOWN])
			return verb_failed(NULL,
					   "'%s' has no %s file beside it",
					   a_file(&rows[i]),
					   *rows[i].files[UP] ? "down" : "up");
	migrator->n_rows = n;
	return 0;
}

static int read_all(FILE *file, struct buf *ret)
{
	size_t n;

	do {
		n = fread(buf_reserve(ret, 65536), 1, 65536, file);
		ret->n += n;
		if (ret->n > MIGRATION_FILE_MAX_BYTES)
			return -EFBIG;
	} while (n);
	if (ferror(file))
		return -EIO;
	if (memchr(ret->p, '\0', ret->n))
		return -EILSEQ;
	*buf_reserve(ret, 1) = '\0';
	return 0;
}

static int read_file(const struct migrator *migrator, const char *name,
		     struct buf *ret)
{
	char path[MIGRATION_DIR_MAX + MIGRATION_NAME_MAX];
	FILE *file;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", migrator->dir, name);
	file = fopen(path, "re");
	r = file ? read_all(file, ret) : -errno;
	if (file)
		(void)fclose(file);
	if (!r)
		return 0;
	return verb_failed(where, "file '%s' cannot be read: %s", path,
			   strerrordesc_np(-r));
}

static int is_sql(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && end && !strcmp(end, ".sql");
}

int migrator_load(struct migrator *migrator)
{
	struct dirent **files;
	int r = 0, n = scandir(migrator->dir, &files, is_sql, alphasort);

	if (n < 0)
		return verb_failed(where, "folder '%s' cannot be read: %s",
				   migrator->dir, strerrordesc_np(errno));
	/* And one for those behind a gap, which is empty in a good folder. */
	migrator->rows = xcalloc((size_t)n + 1, sizeof(*migrator->rows));
	for (int i = 0; i < n; i++) {
		if (!r)
			r = add_file(migrator, n, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	if (!r)
		r = check_rows(migrator, n);
	for (size_t i = 0; !r && i < migrator->n_rows; i++) {
		struct migration *row = &migrator->rows[i];

		for (int way = UP; !r && way <= DOWN; way++)
			r = read_file(migrator, row->files[way],
				      &row->texts[way]);
		if (!r)
			artifact_digest(row->texts[UP].p, row->texts[UP].n,
					row->checksum);
	}
	return r;
}

void migrator_deinit(struct migrator *migrator)
{
	for (size_t i = 0; i < migrator->n_rows; i++) {
		buf_deinit(&migrator->rows[i].texts[UP]);
		buf_deinit(&migrator->rows[i].texts[DOWN]);
	}
	free(migrator->rows);
	*migrator = (struct migrator){ 0 };
}

/* Only a folder of ours has the control tables beside the services'. */
static bool is_ours(const char *dir)
{
	char path[MIGRATION_DIR_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/control", dir);
	return access(path, R_OK | X_OK) == 0;
}

int migration_folder(const struct verb *verb, char ret[MIGRATION_DIR_MAX])
{
	/* An installation's, a copied program's, a build folder's. */
	static const char *const beside[] = {
		"../share/toasties-galore/migrations",
		"migrations",
		"../../../migrations",
	};
	const char *said =
		verb->options.dir ? verb->options.dir : verb->conf.migrations;
	char program[MIGRATION_DIR_MAX / 2] = "";
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (!str_copy(ret, MIGRATION_DIR_MAX - 16, *said ? said : "migrations"))
		return verb_usage(verb, "folder '%.100s...' is too long", said);
	if (*said || is_ours(ret))
		return 0;
	program[n > 0 ? n : 0] = '\0';
	*(strrchr(program, '/') ?: program) = '\0';
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		(void)snprintf(ret, MIGRATION_DIR_MAX, "%s/%s", program,
			       beside[i]);
		if (is_ours(ret))
			return 0;
	}
	return verb_failed(
		where,
		"there are no migrations in 'migrations' of this folder, nor "
		"in '%.200s' in '%s', '%s' or '%s'",
		program, beside[0], beside[1], beside[2]);
}
