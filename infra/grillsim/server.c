/* SPDX-License-Identifier: MIT */
/*
 * Server: bytes -> frame -> plates -> answer.
 *
 * The bytes are collected here and checked by frame.c; libmodbus makes and
 * sends the answer, out of one mapping that is filled just before. Addresses
 * are an allow-list: status and identity are read, command blocks written
 * whole, anything else is an illegal address. What a request does, it does
 * when it comes; only its answer may be late, or never sent.
 */
#include "infra/grillsim/server.h"

#include <assert.h>
#include <errno.h>
#include <modbus.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/grillsim/frame.h"
#include "infra/grillsim/registers.h"
#include "infra/grillsim/tcp.h"
#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"

#define CLIENT_MAGIC 0x636c6e74u
#define CLIENTS_MAX 64
#define REOPEN_MS 20
#define REOPEN_TRIES_MAX 500
#define NEVER INT64_MAX

struct client {
	uint32_t magic;
	struct server *server;
	int fd;
	struct loop_source *source;
	uint8_t in[FRAME_MAX_BYTES];
	size_t n_in;
	/* The first frame in the buffer has been done and waits for this. */
	int64_t answer_at_ms; /* NEVER: nothing waits */
	int exception;
	struct frame frame;
};

struct server {
	struct loop *loop;
	struct plates *plates;
	modbus_t *modbus;
	modbus_mapping_t *mapping;
	char address[TCP_ADDRESS_MAX];
	int unit;
	int fd; /* -1 while down */
	struct loop_source *source;
	int64_t up_at_ms; /* NEVER: it is up */
	int n_reopened;
	struct client *clients[CLIENTS_MAX];
	int fault;
};

/* ---- clients ---- */

static struct client *client_free(struct client *client)
{
	if (!client)
		return NULL;
	(void)loop_source_free(client->source);
	(void)close(client->fd);
	client->magic = 0;
	free(client);
	return NULL;
}

static void drop(struct client *client)
{
	struct server *server = client->server;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (server->clients[i] != client)
			continue;
		server->clients[i] = client_free(client);
		return;
	}
}

static void forget_frame(struct client *client)
{
	client->n_in -= client->frame.n_bytes;
	memmove(client->in, client->in + client->frame.n_bytes, client->n_in);
	client->answer_at_ms = NEVER;
}

/* ---- what a request does ---- */

static bool is_identity(const struct frame *frame)
{
	return frame->address >= AT_IDENTITY &&
	       frame->address + frame->n_registers <= AT_IDENTITY + IDENTITY_N;
}

static struct fate refused(int exception)
{
	return (struct fate){ .answers = true, .exception = exception };
}

static struct fate do_read(struct server *server, const struct frame *frame)
{
	struct fate all = { .acts = true, .answers = true };
	int first = (frame->address - AT_STATUS) / BLOCK;
	int last =
		(frame->address - AT_STATUS + frame->n_registers - 1) / BLOCK;

	if (is_identity(frame))
		return all;
	if (last >= plates_n(server->plates))
		return refused(MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
	for (int i = first; i <= last; i++) {
		struct fate one = plates_read(server->plates, i);

		all.answers = all.answers && one.answers;
		if (one.slow_ms > all.slow_ms)
			all.slow_ms = one.slow_ms;
	}
	return all;
}

static struct fate do_write(struct server *server, const struct frame *frame,
			    int64_t now_ms)
{
	int at = frame->address - AT_COMMAND;
	struct fate fate = { 0 };
	int r;

	if (at < 0 || at % BLOCK || at / BLOCK >= plates_n(server->plates) ||
	    frame->n_registers != COMMAND_N)
		return refused(MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
	r = plates_write(server->plates, at / BLOCK, frame->registers, now_ms,
			 &fate);
	if (r)
		server->fault = r;
	return fate;
}

static struct fate do_frame(struct server *server, const struct frame *frame,
			    int64_t now_ms)
{
	if (frame->unit != server->unit)
		return refused(MODBUS_EXCEPTION_GATEWAY_TARGET);
	switch (frame->kind) {
	case FRAME_READ:
		return do_read(server, frame);
	case FRAME_WRITE:
		return do_write(server, frame, now_ms);
	case FRAME_REFUSED:
		break;
	}
	return refused(frame->exception);
}

/* ---- answers ---- */

static void fill_mapping(struct server *server, const struct frame *frame,
			 int64_t now_ms)
{
	uint16_t *registers = server->mapping->tab_registers;
	int first = (frame->address - AT_STATUS) / BLOCK;
	int last =
		(frame->address - AT_STATUS + frame->n_registers - 1) / BLOCK;

	if (frame->kind != FRAME_READ || is_identity(frame))
		return;
	for (int i = first; i <= last; i++)
		plates_status(server->plates, i, now_ms,
			      registers + AT_STATUS + (size_t)i * BLOCK);
}

/* False if the client does not take it. */
static bool answer(struct client *client, int64_t now_ms)
{
	struct server *server = client->server;
	int n;

	(void)modbus_set_socket(server->modbus, client->fd);
	if (client->exception) {
		n = modbus_reply_exception(server->modbus, client->in,
					   (unsigned int)client->exception);
	} else {
		fill_mapping(server, &client->frame, now_ms);
		n = modbus_reply(server->modbus, client->in,
				 (int)client->frame.n_bytes, server->mapping);
	}
	forget_frame(client);
	return n > 0;
}

/*
 * Does and answers what has come, until something has to wait. False if the
 * client has to go.
 */
static bool serve(struct client *client, int64_t now_ms)
{
	struct server *server = client->server;
	struct fate fate;
	int r;

	while (client->answer_at_ms == NEVER && !server->fault) {
		r = frame_parse(&client->frame, client->in, client->n_in);
		if (r == FRAME_E_MORE)
			return true;
		if (r)
			return false;
		fate = do_frame(server, &client->frame, now_ms);
		if (server->fault)
			return false;
		client->exception = fate.exception;
		if (!fate.answers)
			forget_frame(client);
		else if (fate.slow_ms)
			client->answer_at_ms = now_ms + fate.slow_ms;
		else if (!answer(client, now_ms))
			return false;
	}
	return true;
}

static void client_readable(void *arg)
{
	struct client *client = arg;
	int64_t now_ms = clock_now_ms();
	ssize_t n;
	int r;

	assert(client->magic == CLIENT_MAGIC);
	if (client->n_in == sizeof(client->in)) {
		drop(client); /* more than one request ahead of its answer */
		return;
	}
	n = recv(client->fd, client->in + client->n_in,
		 sizeof(client->in) - client->n_in, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->n_in += (size_t)n;
	r = plates_step(client->server->plates, now_ms);
	if (r)
		client->server->fault = r;
	if (r || !serve(client, now_ms))
		drop(client);
}

static void listener_readable(void *arg)
{
	struct server *server = arg;
	struct client *client;
	int fd;

	if (tcp_accept(server->fd, &fd))
		return;
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (server->clients[i])
			continue;
		client = xcalloc(1, sizeof(*client));
		client->magic = CLIENT_MAGIC;
		client->server = server;
		client->fd = fd;
		client->answer_at_ms = NEVER;
		client->source = loop_readable(server->loop, fd,
					       client_readable, client);
		server->clients[i] = client;
		return;
	}
	log_warn("GRILLSIM-FULL", "more than %d clients, will refuse one",
		 CLIENTS_MAX);
	(void)close(fd);
}

/* ---- life ---- */

static int open_up(struct server *server)
{
	int r = tcp_listen(server->address, &server->fd);

	if (r)
		return r;
	server->source = loop_readable(server->loop, server->fd,
				       listener_readable, server);
	server->up_at_ms = NEVER;
	return 0;
}

static void close_down(struct server *server)
{
	server->source = loop_source_free(server->source);
	if (server->fd >= 0)
		(void)close(server->fd);
	server->fd = -1;
}

int server_new(struct server **ret, struct loop *loop, struct plates *plates,
	       const char *address, int unit)
{
	CLEANUP(server_freep)
	struct server *server = xcalloc(1, sizeof(*server));
	uint16_t *identity;
	int r;

	server->fd = -1;
	server->loop = loop;
	server->plates = plates;
	server->unit = unit;
	server->modbus = xalloc_check(modbus_new_tcp(NULL, 0));
	server->mapping =
		xalloc_check(modbus_mapping_new(0, 0, REGISTERS_N, 0));
	identity = server->mapping->tab_registers + AT_IDENTITY;
	identity[IDENTITY_MAGIC] = MAGIC;
	identity[IDENTITY_VERSION] = MAP_VERSION;
	identity[IDENTITY_PLATES] = (uint16_t)plates_n(plates);
	if (!str_copy(server->address, sizeof(server->address), address))
		return -EINVAL;
	r = open_up(server);
	if (!r)
		r = tcp_address(server->fd, address, server->address);
	if (r)
		return r;
	*ret = server;
	server = NULL;
	return 0;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	server_cut(server);
	close_down(server);
	if (server->mapping)
		modbus_mapping_free(server->mapping);
	if (server->modbus)
		modbus_free(server->modbus);
	free(server);
	return NULL;
}

const char *server_address(const struct server *server)
{
	return server->address;
}

/* ---- time ---- */

static int answer_due(struct server *server, int64_t now_ms)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = server->clients[i];

		if (!client || client->answer_at_ms > now_ms)
			continue;
		if (!answer(client, now_ms) || !serve(client, now_ms))
			drop(client);
	}
	return server->fault;
}

int server_turn(struct server *server, int64_t now_ms)
{
	int r = 0;

	if (server->up_at_ms <= now_ms) {
		/* Somebody's socket may still have the port for a moment. */
		r = open_up(server);
		if (r && ++server->n_reopened > REOPEN_TRIES_MAX)
			return r;
		if (r)
			server->up_at_ms = now_ms + REOPEN_MS;
	}
	return answer_due(server, now_ms);
}

int64_t server_left_ms(const struct server *server, int64_t now_ms)
{
	int64_t at_ms = server->up_at_ms;

	for (int i = 0; i < CLIENTS_MAX; i++)
		if (server->clients[i] &&
		    server->clients[i]->answer_at_ms < at_ms)
			at_ms = server->clients[i]->answer_at_ms;
	if (at_ms == NEVER)
		return NEVER;
	return at_ms > now_ms ? at_ms - now_ms : 0;
}

void server_cut(struct server *server)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		server->clients[i] = client_free(server->clients[i]);
}

void server_down(struct server *server, int64_t until_ms)
{
	server_cut(server);
	close_down(server);
	server->up_at_ms = until_ms;
	server->n_reopened = 0;
}
