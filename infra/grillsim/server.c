/* SPDX-License-Identifier: MIT */
/*
 * Server: bytes -> request -> plates -> answer. libmodbus makes and sends the
 * answer, out of one mapping that is filled just before. Main thread.
 */
#include "infra/grillsim/server.h"

#include <modbus.h>

#include "infra/lib/xalloc.h"

struct server {
	struct server_params params;
	struct net *net;
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
	r = net_new(&server->net, params->loop, params->address, serve, server);
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
	(void)net_free(server->net);
	if (server->mapping)
		modbus_mapping_free(server->mapping);
	if (server->modbus)
		modbus_free(server->modbus);
	free(server);
	return NULL;
}

struct net *server_net(struct server *server)
{
	return server->net;
}

int server_turn(struct server *server, int64_t now_ms)
{
	int r = net_turn(server->net, now_ms);

	return r ? r : server->fault;
}
