/* SPDX-License-Identifier: MIT */
/* Migration: files in order; see migration.h. Main thread. */
#include "infra/overlord/migration.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/xalloc.h"

static int fail(struct migration_fault *fault, int outcome, const char *format,
		...) __attribute__((format(printf, 3, 4)));

static int fail(struct migration_fault *fault, int outcome, const char *format,
		...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	return outcome;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), n_end = strlen(end);

	return n >= n_end && !strcmp(s + n - n_end, end);
}

int migration_parse(const char *file, int64_t *ret_version,
		    char ret_name[MIGRATION_NAME_MAX], bool *ret_up)
{
	static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_-";
	const char *end = ends_with(file, ".up.sql")     ? ".up.sql"
			  : ends_with(file, ".down.sql") ? ".down.sql"
							 : NULL;
	const char *name = strchr(file, '_');
	int64_t version;
	size_t n_name;

	if (!end || !name || strlen(file) >= MIGRATION_NAME_MAX)
		return MIGRATION_E_NAME;
	if (str_n_to_i64(&version, file, (size_t)(name - file), 1, INT64_MAX))
		return MIGRATION_E_NAME;
	name++;
	n_name = strspn(name, name_chars);
	if (!n_name || strcmp(name + n_name, end) != 0)
		return MIGRATION_E_NAME;
	*ret_version = version;
	(void)str_n_copy(ret_name, MIGRATION_NAME_MAX, name, n_name);
	*ret_up = end[1] == 'u';
	return 0;
}

static struct migration *find(const struct migration_set *set, int64_t version)
{
	for (size_t i = 0; i < set->n_rows; i++)
		if (set->rows[i].version == version)
			return &set->rows[i];
	return NULL;
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

int migration_set_add(struct migration_set *set, const char *file,
		      struct migration_fault *fault)
{
	char name[MIGRATION_NAME_MAX];
	struct migration *row;
	int64_t version;
	bool up;

	if (migration_parse(file, &version, name, &up))
		return fail(fault, MIGRATION_E_NAME,
			    "'%s' is no migration's name: "
			    "NNNN_name.up.sql or NNNN_name.down.sql",
			    file);
	row = find(set, version);
	if (!row)
		row = append(set, version, name);
	if (strcmp(row->name, name) != 0 || (up ? row->up : row->down))
		return fail(fault, MIGRATION_E_ORDER,
			    "version %" PRId64 " is there twice: '%s' and '%s'",
			    version, file,
			    row->up ? row->up_file : row->down_file);
	if (up)
		row->up = str_copy(row->up_file, sizeof(row->up_file), file);
	else
		row->down =
			str_copy(row->down_file, sizeof(row->down_file), file);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct migration *left = a, *right = b;

	return (left->version > right->version) -
	       (left->version < right->version);
}

int migration_set_check(struct migration_set *set,
			struct migration_fault *fault)
{
	if (set->n_rows)
		qsort(set->rows, set->n_rows, sizeof(*set->rows), compare);
	for (size_t i = 0; i < set->n_rows; i++) {
		const struct migration *row = &set->rows[i];

		if (row->version != (int64_t)i + 1)
			return fail(fault, MIGRATION_E_ORDER,
				    "version %zu is missing before '%s'", i + 1,
				    row->up ? row->up_file : row->down_file);
		if (!row->up || !row->down)
			return fail(fault, MIGRATION_E_ORDER,
				    "'%s' has no %s file beside it",
				    row->up ? row->up_file : row->down_file,
				    row->up ? "down" : "up");
	}
	return 0;
}

static int load_names(struct migration_set *set, DIR *dir,
		      struct migration_fault *fault)
{
	const struct dirent *entry;
	int r;

	while ((entry = readdir(dir))) {
		if (!ends_with(entry->d_name, ".sql") ||
		    entry->d_name[0] == '.')
			continue;
		r = migration_set_add(set, entry->d_name, fault);
		if (r)
			return r;
	}
	return migration_set_check(set, fault);
}

int migration_set_load(struct migration_set *set, const char *dir,
		       struct migration_fault *fault)
{
	struct buf text = { 0 };
	DIR *handle = opendir(dir);
	int r;

	*set = (struct migration_set){ .dir = dir };
	if (!handle)
		return fail(fault, MIGRATION_E_FILE,
			    "folder '%s' cannot be read: %s", dir,
			    strerrordesc_np(errno));
	r = load_names(set, handle, fault);
	(void)closedir(handle);
	for (size_t i = 0; !r && i < set->n_rows; i++) {
		r = migration_read(set, set->rows[i].up_file, &text, fault);
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

const struct migration *migration_find(const struct migration_set *set,
				       int64_t version)
{
	return find(set, version);
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
		n = fread(buf_room(ret, 65536), 1, 65536, file);
		ret->n += n;
		if (ret->n > MIGRATION_FILE_MAX_BYTES)
			return -EFBIG;
	} while (n);
	if (ferror(file))
		return -EIO;
	if (memchr(ret->p, '\0', ret->n))
		return -EILSEQ;
	*buf_room(ret, 1) = '\0';
	return 0;
}

int migration_read(const struct migration_set *set, const char *file,
		   struct buf *ret, struct migration_fault *fault)
{
	char path[4096];
	FILE *handle;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", set->dir, file);
	handle = fopen(path, "re");
	r = handle ? read_all(handle, ret) : -errno;
	if (handle)
		(void)fclose(handle);
	if (r)
		return fail(fault, MIGRATION_E_FILE,
			    "file '%s' cannot be read: %s", path,
			    strerrordesc_np(-r));
	return 0;
}

void migration_checksum(const void *p, size_t n, char ret[CHECKSUM_CHARS + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n_digest = 0;

	if (!EVP_Digest(p, n, digest, &n_digest, EVP_sha256(), NULL))
		abort();
	assert(n_digest * 2 == CHECKSUM_CHARS);
	for (size_t i = 0; i < n_digest; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

/* Only a folder of ours has the control tables beside the services'. */
static bool is_ours(const char *dir)
{
	char path[MIGRATION_PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/control", dir);
	return access(path, R_OK | X_OK) == 0;
}

int migration_folder(char ret[MIGRATION_PATH_MAX],
		     struct migration_fault *fault)
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
	return fail(fault, MIGRATION_E_FILE,
		    "there are no migrations in 'migrations' of this folder, "
		    "nor in '%.200s' in '%s', '%s' or '%s'",
		    program, beside[0], beside[1], beside[2]);
}
