/* SPDX-License-Identifier: MIT */
/* Artifact: libcrypto's SHA-256, and a program that is run and listened to. */
#include "infra/overlord/agent/artifact.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"

#define VERSION_TIMEOUT_MS 5000

void artifact_digest(const void *p, size_t n,
		     char ret[ARTIFACT_DIGEST_CHARS + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n_digest = 0;

	if (!EVP_Digest(p, n, digest, &n_digest, EVP_sha256(), NULL))
		abort();
	assert(n_digest * 2 == ARTIFACT_DIGEST_CHARS);
	for (size_t i = 0; i < n_digest; i++)
		hex_put(ret + 2 * i, digest[i]);
	ret[ARTIFACT_DIGEST_CHARS] = '\0';
}

static int digest_open(int fd, char ret[ARTIFACT_DIGEST_CHARS + 1])
{
	struct stat status;
	void *p;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size <= 0)
		return -ENOEXEC;
	p = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	artifact_digest(p, (size_t)status.st_size, ret);
	(void)munmap(p, (size_t)status.st_size);
	return 0;
}

int artifact_digest_file(const char *path, char ret[ARTIFACT_DIGEST_CHARS + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = digest_open(fd, ret);
	(void)close(fd);
	return r;
}

/* What it writes goes to @fd. */
static int spawn(const char *path, int fd, pid_t *ret)
{
	char *const argv[] = { (char *)(uintptr_t)path,
			       (char *)(uintptr_t) "--version", NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, fd, 1);
	if (!r)
		r = posix_spawn(ret, path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Until it closes its output; false: not within the time. */
static bool listen_to(int fd, char *ret, size_t bytes)
{
	int64_t until_ms = clock_now_ms() + VERSION_TIMEOUT_MS;
	struct pollfd output = { .fd = fd, .events = POLLIN };
	char rest[512];
	size_t n = 0;

	ret[0] = '\0';
	while (poll(&output, 1, clock_left_ms(until_ms)) == 1) {
		bool full = n == bytes - 1;
		ssize_t got = read(fd, full ? rest : ret + n,
				   full ? sizeof(rest) : bytes - 1 - n);

		if (got <= 0)
			return true;
		if (!full)
			n += (size_t)got;
		ret[n] = '\0';
	}
	return false;
}

int artifact_version(const char *path, char ret[ARTIFACT_VERSION_BYTES])
{
	char line[512] = "";
	int fds[2] = { -1, -1 }, status = 0, r;
	const char *word;
	pid_t pid = 0;
	bool ended;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	r = spawn(path, fds[1], &pid);
	(void)close(fds[1]);
	ended = !r && listen_to(fds[0], line, sizeof(line));
	(void)close(fds[0]);
	if (r)
		return r;
	assert(pid > 0);
	if (!ended)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	if (!ended)
		return -ETIMEDOUT;
	line[strcspn(line, "\n")] = '\0';
	word = strrchr(line, ' ');
	word = word ? word + 1 : line;
	if (status || !*word || !text_is_clean(text_of(word)))
		return -EPROTO;
	(void)str_copy(ret, ARTIFACT_VERSION_BYTES, word);
	return 0;
}
