/* SPDX-License-Identifier: MIT */
/* Tcp: sockets of a server, none of which blocks. Main thread. */
#include "infra/grillsim/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/text.h"

#define HOST_MAX 64
#define PORT_MAX 8
#define BACKLOG 64
#define PATH_MAX_BYTES 4096

static int bind_to(const struct addrinfo *to, int *ret_fd)
{
	int fd = socket(to->ai_family,
			to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	int r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, to->ai_addr, to->ai_addrlen) || listen(fd, BACKLOG)) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int tcp_listen(const char *address, int *ret_fd)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE,
					.ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char host[HOST_MAX];
	char port[PORT_MAX];
	uint16_t number;
	int r;

	if (text_host_port(address, host, &number))
		return -EINVAL;
	(void)snprintf(port, sizeof(port), "%u", number);
	if (getaddrinfo(host, port, &hints, &found))
		return -EADDRNOTAVAIL;
	r = bind_to(found, ret_fd);
	freeaddrinfo(found);
	return r;
}

int tcp_address(int fd, const char *address, char ret[TCP_ADDRESS_MAX])
{
	struct sockaddr_in bound = { 0 };
	socklen_t n = sizeof(bound);
	char host[HOST_MAX];
	uint16_t number;

	if (text_host_port(address, host, &number))
		return -EINVAL;
	if (getsockname(fd, (struct sockaddr *)&bound, &n))
		return -errno;
	(void)snprintf(ret, TCP_ADDRESS_MAX, "%s:%u", host,
		       ntohs(bound.sin_port));
	return 0;
}

int tcp_accept(int fd, int *ret_fd)
{
	int on = 1;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client < 0)
		return -errno;
	(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = client;
	return 0;
}

int tcp_write_address(const char *path, const char *address)
{
	char draft[PATH_MAX_BYTES];
	FILE *file;

	if (!*path)
		return 0;
	if (snprintf(draft, sizeof(draft), "%s.new", path) >=
	    (int)sizeof(draft))
		return -ENAMETOOLONG;
	file = fopen(draft, "we");
	if (!file)
		return -errno;
	(void)fprintf(file, "%s\n", address);
	if (fclose(file) || rename(draft, path))
		return -errno;
	return 0;
}
