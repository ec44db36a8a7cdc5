/* SPDX-License-Identifier: MIT */
/*
 * Control: lines of a few clients. A line that is too long, or a client that
 * does not take its answer, ends the connection. Main thread.
 */
#include "infra/grillsim/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/grillsim/faults.h"
#include "infra/grillsim/tcp.h"
#include "infra/lib/err.h"
#include "infra/lib/xalloc.h"

#define SPEAKER_MAGIC 0x7370656bu
#define SPEAKERS_MAX 16

struct speaker {
	uint32_t magic;
	struct control *control;
	int fd;
	struct loop_source *source;
	char in[ORDER_LINE_MAX];
	size_t n_in;
};

struct control {
	struct loop *loop;
	char address[TCP_ADDRESS_MAX];
	int fd;
	struct loop_source *source;
	control_fn fn;
	void *arg;
	struct speaker *speakers[SPEAKERS_MAX];
};

static struct speaker *speaker_free(struct speaker *speaker)
{
	if (!speaker)
		return NULL;
	(void)loop_source_free(speaker->source);
	(void)close(speaker->fd);
	speaker->magic = 0;
	free(speaker);
	return NULL;
}

static void drop(struct speaker *speaker)
{
	struct control *control = speaker->control;

	for (int i = 0; i < SPEAKERS_MAX; i++) {
		if (control->speakers[i] != speaker)
			continue;
		control->speakers[i] = speaker_free(speaker);
		return;
	}
}

static bool answer(struct speaker *speaker, const char *line, size_t n)
{
	struct buf shown = { 0 };
	struct buf text = { 0 };
	ssize_t sent;
	bool whole;
	int r = speaker->control->fn(speaker->control->arg, line, n, &shown);

	buf_text(&text, r ? "error: " : "ok");
	if (r < 0)
		buf_text(&text, err_text(r));
	buf_add(&text, shown.p, shown.n);
	buf_text(&text, "\n");
	sent = send(speaker->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	whole = sent >= 0 && (size_t)sent == text.n;
	buf_deinit(&shown);
	buf_deinit(&text);
	return whole;
}

/* Answers each whole line; false if the client has to go. */
static bool serve(struct speaker *speaker)
{
	char *end;

	while ((end = memchr(speaker->in, '\n', speaker->n_in))) {
		size_t n = (size_t)(end - speaker->in);

		if (!answer(speaker, speaker->in, n))
			return false;
		speaker->n_in -= n + 1;
		memmove(speaker->in, end + 1, speaker->n_in);
	}
	return speaker->n_in < sizeof(speaker->in);
}

static void speaker_readable(void *arg)
{
	struct speaker *speaker = arg;
	ssize_t n;

	assert(speaker->magic == SPEAKER_MAGIC);
	n = recv(speaker->fd, speaker->in + speaker->n_in,
		 sizeof(speaker->in) - speaker->n_in, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		speaker->n_in += (size_t)n;
	if (n <= 0 || !serve(speaker))
		drop(speaker);
}

static void listener_readable(void *arg)
{
	struct control *control = arg;
	struct speaker *speaker;
	int fd;

	if (tcp_accept(control->fd, &fd))
		return;
	for (int i = 0; i < SPEAKERS_MAX; i++) {
		if (control->speakers[i])
			continue;
		speaker = xcalloc(1, sizeof(*speaker));
		speaker->magic = SPEAKER_MAGIC;
		speaker->control = control;
		speaker->fd = fd;
		speaker->source = loop_readable(control->loop, fd,
						speaker_readable, speaker);
		control->speakers[i] = speaker;
		return;
	}
	(void)close(fd);
}

int control_new(struct control **ret, struct loop *loop, const char *address,
		control_fn fn, void *arg)
{
	CLEANUP(control_freep)
	struct control *control = xcalloc(1, sizeof(*control));
	int r;

	control->loop = loop;
	control->fn = fn;
	control->arg = arg;
	control->fd = -1;
	r = tcp_listen(address, &control->fd);
	if (!r)
		r = tcp_address(control->fd, address, control->address);
	if (r)
		return r;
	control->source =
		loop_readable(loop, control->fd, listener_readable, control);
	*ret = control;
	control = NULL;
	return 0;
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	for (int i = 0; i < SPEAKERS_MAX; i++)
		(void)speaker_free(control->speakers[i]);
	(void)loop_source_free(control->source);
	if (control->fd >= 0)
		(void)close(control->fd);
	free(control);
	return NULL;
}

const char *control_address(const struct control *control)
{
	return control->address;
}
