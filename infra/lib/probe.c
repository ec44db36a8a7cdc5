/* SPDX-License-Identifier: MIT */
/* Probe: health and metrics over HTTP, from the program's own loop. */
#include "infra/lib/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "infra/lib/counters.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

#define REQUEST_MAX_BYTES 8192
#define REQUEST_TIMEOUT_S 5

struct probe {
	struct evhttp *http;
	const struct probe_checks *checks;
};

static void answer(struct evhttp_request *request, int status, const char *type,
		   const void *p, size_t n)
{
	struct evbuffer *body = xalloc_check(evbuffer_new());

	(void)evbuffer_add(body, p, n);
	(void)evhttp_add_header(evhttp_request_get_output_headers(request),
				"Content-Type", type);
	evhttp_send_reply(request, status, NULL, body);
	evbuffer_free(body);
}

static void reply_check(struct probe_reply *ret, probe_fn check, void *arg)
{
	const char *trouble = check(arg);

	ret->status = trouble ? HTTP_SERVUNAVAIL : HTTP_OK;
	ret->type = "text/plain; charset=utf-8";
	buf_text(&ret->body, trouble ? trouble : "ok");
}

bool probe_reply(struct probe_reply *ret, const struct probe_checks *checks,
		 struct text path)
{
	struct probe_reply reply = { .status = HTTP_OK };

	if (text_equal(path, TEXT("/livez"))) {
		reply_check(&reply, checks->live, checks->arg);
	} else if (text_equal(path, TEXT("/readyz"))) {
		reply_check(&reply, checks->ready, checks->arg);
	} else if (text_equal(path, TEXT("/startupz"))) {
		reply_check(&reply, checks->started, checks->arg);
	} else if (text_equal(path, TEXT("/metrics"))) {
		reply.type = "text/plain; version=0.0.4; charset=utf-8";
		counters_text(&reply.body);
	} else {
		return false;
	}
	*ret = reply;
	return true;
}

static void handle(struct evhttp_request *request, void *arg)
{
	const struct probe *probe = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	struct probe_reply reply;

	if (!probe_reply(&reply, probe->checks, text_of(path))) {
		answer(request, HTTP_NOTFOUND, "text/plain", "not found", 9);
		return;
	}
	answer(request, reply.status, reply.type, reply.body.p, reply.body.n);
	buf_deinit(&reply.body);
}

int probe_write_line(const char *path, const char *line)
{
	char draft[4096];
	FILE *file;

	if (snprintf(draft, sizeof(draft), "%s.new", path) >=
	    (int)sizeof(draft))
		return -ENAMETOOLONG;
	file = fopen(draft, "we");
	if (!file)
		return -errno;
	(void)fprintf(file, "%s\n", line);
	if (fclose(file) || rename(draft, path))
		return -errno;
	return 0;
}

int probe_write_port(const char *path, uint16_t port)
{
	char digits[8];

	(void)snprintf(digits, sizeof(digits), "%u", port);
	return probe_write_line(path, digits);
}

static uint16_t bound_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_in address = { 0 };
	socklen_t n = sizeof(address);

	(void)getsockname(evhttp_bound_socket_get_fd(bound),
			  (struct sockaddr *)&address, &n);
	return ntohs(address.sin_port);
}

int probe_new(struct probe **ret, struct loop *loop, const char *address,
	      const char *port_file, const struct probe_checks *checks)
{
	CLEANUP(probe_freep) struct probe *probe = xcalloc(1, sizeof(*probe));
	struct evhttp_bound_socket *bound;
	char host[64];
	uint16_t port;

	probe->checks = checks;
	if (text_host_port(address, host, &port)) {
		errno = EINVAL;
		return PROBE_E_ADDRESS;
	}
	probe->http = xalloc_check(evhttp_new(loop_base(loop)));
	evhttp_set_allowed_methods(probe->http, EVHTTP_REQ_GET);
	evhttp_set_max_headers_size(probe->http, REQUEST_MAX_BYTES);
	evhttp_set_max_body_size(probe->http, REQUEST_MAX_BYTES);
	evhttp_set_timeout(probe->http, REQUEST_TIMEOUT_S);
	evhttp_set_gencb(probe->http, handle, probe);
	bound = evhttp_bind_socket_with_handle(probe->http, host, port);
	if (!bound)
		return PROBE_E_ADDRESS;
	if (*port_file && probe_write_port(port_file, bound_port(bound)))
		return PROBE_E_ADDRESS;
	*ret = probe;
	probe = NULL;
	return 0;
}

struct probe *probe_free(struct probe *probe)
{
	if (!probe)
		return NULL;
	if (probe->http)
		evhttp_free(probe->http);
	free(probe);
	return NULL;
}
