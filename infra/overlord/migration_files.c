/* SPDX-License-Identifier: MIT */
/* Migration files: in order; see migrations.h. Main thread. */
#include "infra/overlord/migrations.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/text.h"
#include "infra/lib/xalloc.h"

/* The hint of all that is wrong here. */
static const char where[] =
	"MIGRATIONS_DIR or --dir says where the migrations are";

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), n_end = strlen(end);

	return n >= n_end && !strcmp(s + n - n_end, end);
}

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

static struct migration *append(struct migration_set *set, int64_t version,
				const char *name)
{
	struct migration *row;

	set->rows =
		xreallocarray(set->rows, set->n_rows + 1, sizeof(*set->rows));
	row = &set->rows[set->n_rows++];
	*row = (struct migration){ .version = version };
	(void)str_copy(row->name, sizeof(row->name), name);
	return row;
}

/* One of the files that are there. */
static const char *a_file(const struct migration *row)
{
	return row->files[*row->files[UP] ? UP : DOWN];
}

int migration_set_add(struct migration_set *set, const char *file)
{
	char name[MIGRATION_NAME_MAX];
	struct migration *row;
	enum direction direction;
	int64_t version;

	if (!parse(file, &version, name, &direction))
		return verb_failed(
			where,
			"'%s' is no migration's name: NNNN_name.up.sql or "
			"NNNN_name.down.sql",
			file);
	row = migration_find(set, version);
	if (!row)
		row = append(set, version, name);
	if (strcmp(row->name, name) != 0 || *row->files[direction])
		return verb_failed(where,
				   "version %" PRId64
				   " is there twice: '%s' and '%s'",
				   version, file, a_file(row));
	(void)str_copy(row->files[direction], MIGRATION_NAME_MAX, file);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct migration *left = a, *right = b;

	return (left->version > right->version) -
	       (left->version < right->version);
}

int migration_set_check(struct migration_set *set)
{
	if (set->n_rows)
		qsort(set->rows, set->n_rows, sizeof(*set->rows), compare);
	for (size_t i = 0; i < set->n_rows; i++) {
		const struct migration *row = &set->rows[i];

		if (row->version != (int64_t)i + 1)
			return verb_failed(where,
					   "version %zu is missing before '%s'",
					   i + 1, a_file(row));
		if (!*row->files[UP] || !*row->files[DOWN])
			return verb_failed(
				NULL, "'%s' has no %s file beside it",
				a_file(row), *row->files[UP] ? "down" : "up");
	}
	return 0;
}

static int load_names(struct migration_set *set, DIR *dir)
{
	const struct dirent *entry;
	int r = 0;

	while (!r && (entry = readdir(dir)))
		if (ends_with(entry->d_name, ".sql") && entry->d_name[0] != '.')
			r = migration_set_add(set, entry->d_name);
	return r ? r : migration_set_check(set);
}

int migration_set_load(struct migration_set *set, const char *dir)
{
	struct buf text = { 0 };
	DIR *handle = opendir(dir);
	int r;

	*set = (struct migration_set){ .dir = dir };
	if (!handle)
		return verb_failed(where, "folder '%s' cannot be read: %s", dir,
				   strerrordesc_np(errno));
	r = load_names(set, handle);
	(void)closedir(handle);
	for (size_t i = 0; !r && i < set->n_rows; i++) {
		r = migration_read(set, set->rows[i].files[UP], &text);
		if (!r)
			migration_checksum(text.p, text.n,
					   set->rows[i].checksum);
	}
	buf_deinit(&text);
	return r;
}

void migration_set_deinit(struct migration_set *set)
{
	free(set->rows);
	*set = (struct migration_set){ 0 };
}

struct migration *migration_find(const struct migration_set *set,
				 int64_t version)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (set->rows[i].version == version)
			return &set->rows[i];
	return NULL;
}

int64_t migration_newest(const struct migration_set *set)
{
	return set->n_rows ? set->rows[set->n_rows - 1].version : 0;
}

static int read_all(FILE *file, struct buf *ret)
{
	size_t n;

	buf_reset(ret);
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

int migration_read(const struct migration_set *set, const char *file,
		   struct buf *ret)
{
	char path[MIGRATION_PATH_MAX + MIGRATION_NAME_MAX];
	FILE *handle;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", set->dir, file);
	handle = fopen(path, "re");
	r = handle ? read_all(handle, ret) : -errno;
	if (handle)
		(void)fclose(handle);
	if (!r)
		return 0;
	return verb_failed(where, "file '%s' cannot be read: %s", path,
			   strerrordesc_np(-r));
}

void migration_checksum(const void *p, size_t n, char ret[CHECKSUM_CHARS + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n_digest = 0;

	if (!EVP_Digest(p, n, digest, &n_digest, EVP_sha256(), NULL))
		abort();
	assert(n_digest * 2 == CHECKSUM_CHARS);
	for (size_t i = 0; i < n_digest; i++)
		hex_put(ret + 2 * i, digest[i]);
	ret[CHECKSUM_CHARS] = '\0';
}

/* Only a folder of ours has the control tables beside the services'. */
static bool is_ours(const char *dir)
{
	char path[MIGRATION_PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/control", dir);
	return access(path, R_OK | X_OK) == 0;
}

int migration_folder(char ret[MIGRATION_PATH_MAX])
{
	/* An installation's, a copied program's, a build folder's. */
	static const char *const beside[] = {
		"../share/toasties-galore/migrations",
		"migrations",
		"../../../migrations",
	};
	char program[MIGRATION_PATH_MAX / 2] = "";
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n > 0 ? n : 0] = '\0';
	(void)str_copy(ret, MIGRATION_PATH_MAX, "migrations");
	if (is_ours(ret))
		return 0;
	*(strrchr(program, '/') ?: program) = '\0';
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		(void)snprintf(ret, MIGRATION_PATH_MAX, "%s/%s", program,
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
