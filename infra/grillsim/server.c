/* SPDX-License-Identifier: MIT */
/*
 * Server: bytes -> request -> plates -> answer. libmodbus makes and sends a
 * Modbus answer, out of one mapping that is filled just before. Main thread.
 */
#include "infra/grillsim/server.h"

#include <modbus.h>
#include <string.h>
#include <sys/socket.h>

#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"

struct server {
	struct server_params params;
	struct net *modbus_port;
	struct net *control_port; /* NULL: none */
	modbus_t *modbus;
	modbus_mapping_t *mapping;
	int fault;
};

/* False if the client does not receive it. */
static bool answer(struct server *server, struct net_client *client,
		   const struct request *request, int64_t now_ms)
{
	int n;

	(void)modbus_set_socket(server->modbus, client->fd);
	if (client->exception) {
		n = modbus_reply_exception(server->modbus, client->in,
					   (unsigned int)client->exception);
	} else {
		if (request->kind == REQUEST_STATUS)
			plates_status(server->params.plates, request, now_ms,
				      server->mapping->tab_registers);
		n = modbus_reply(server->modbus, client->in,
				 (int)request->n_bytes, server->mapping);
	}
	client->resume_at_ms = NET_NEVER;
	net_consume(client, request->n_bytes);
	return n > 0;
}

/*
 * Does and answers what has come, until something has to wait. A request whose
 * answer waited has been done. False if the client has to go.
 */
static bool serve(void *arg, struct net_client *client, int64_t now_ms)
{
	struct server *server = arg;
	bool is_done = client->resume_at_ms != NET_NEVER;
	struct request request;
	struct fate fate;
	int r;

	for (;; is_done = false) {
		r = request_parse(&request, client->in, client->n_in,
				  server->params.unit, server->params.n_plates);
		if (r)
			return r == REQUEST_E_MORE;
		if (!is_done) {
			server->fault = plates_do(server->params.plates,
						  &request, now_ms, &fate);
			if (server->fault)
				return false;
			client->exception = fate.exception;
			if (!fate.answers) {
				net_consume(client, request.n_bytes);
				continue;
			}
			if (fate.slow_ms) {
				client->resume_at_ms = now_ms + fate.slow_ms;
				return true;
			}
		}
		if (!answer(server, client, &request, now_ms))
			return false;
	}
}

/* ---- fault commands ---- */

int server_apply(struct server *server, const char *line, size_t n,
		 struct buf *out)
{
	int64_t now_ms = clock_now_ms();
	struct fault_command command;
	int r = fault_command_parse(&command, line, n, server->params.n_plates);

	if (r) {
		buf_text(out, fault_complaint(r));
		return r;
	}
	log_info("GRILLSIM-FAULT", "'%.*s'", (int)n, line);
	if (command.verb == FAULT_DOWN) {
		net_down(server->modbus_port, now_ms + command.number);
		return 0;
	}
	if (command.verb == FAULT_POWER_CUT)
		net_cut(server->modbus_port);
	return plates_apply(server->params.plates, &command, now_ms, out);
}

/* False if the client does not receive it. */
static bool answer_line(struct server *server, int fd, const char *line,
			size_t n)
{
	struct buf shown = { 0 };
	struct buf text = { 0 };
	ssize_t sent;
	bool whole;
	int r = server_apply(server, line, n, &shown);

	buf_text(&text, r ? "error: " : "ok");
	if (r < 0)
		buf_text(&text, err_text(r));
	buf_add(&text, shown.p, shown.n);
	buf_text(&text, "\n");
	sent = send(fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	whole = sent >= 0 && (size_t)sent == text.n;
	buf_deinit(&shown);
	buf_deinit(&text);
	return whole;
}

static bool control_readable(void *arg, struct net_client *client,
			     int64_t now_ms)
{
	const char *line = (const char *)client->in;
	const char *end;

	(void)now_ms;
	while ((end = memchr(line, '\n', client->n_in))) {
		if (!answer_line(arg, client->fd, line, (size_t)(end - line)))
			return false;
		net_consume(client, (size_t)(end - line) + 1);
	}
	return true;
}

/* ---- life ---- */

int server_new(struct server **ret, const struct server_params *params)
{
	CLEANUP(server_freep)
	struct server *server = xcalloc(1, sizeof(*server));
	uint16_t *identity;
	int r;

	server->params = *params;
	server->modbus = xalloc_check(modbus_new_tcp(NULL, 0));
	server->mapping =
		xalloc_check(modbus_mapping_new(0, 0, REGISTERS_N, 0));
	identity = server->mapping->tab_registers + AT_IDENTITY;
	identity[IDENTITY_MAGIC] = MAGIC;
	identity[IDENTITY_VERSION] = MAP_VERSION;
	identity[IDENTITY_PLATES] = (uint16_t)params->n_plates;
	r = net_new(&server->modbus_port, params->loop, params->address, serve,
		    server);
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
	(void)net_free(server->control_port);
	(void)net_free(server->modbus_port);
	if (server->mapping)
		modbus_mapping_free(server->mapping);
	if (server->modbus)
		modbus_free(server->modbus);
	free(server);
	return NULL;
}

int server_open_control(struct server *server, const char *address)
{
	return *address ? net_new(&server->control_port, server->params.loop,
				  address, control_readable, server)
			: 0;
}

const char *server_address(const struct server *server)
{
	return net_address(server->modbus_port);
}

const char *server_control_address(const struct server *server)
{
	return server->control_port ? net_address(server->control_port) : "";
}

int64_t server_left_ms(const struct server *server, int64_t now_ms)
{
	return net_left_ms(server->modbus_port, now_ms);
}

int server_turn(struct server *server, int64_t now_ms)
{
	int r = net_turn(server->modbus_port, now_ms);

	return r ? r : server->fault;
}
