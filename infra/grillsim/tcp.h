/* SPDX-License-Identifier: MIT */
/* Tcp: a listening socket, and where it listens. Main thread. */
#ifndef GRILLSIM_TCP_H
#define GRILLSIM_TCP_H

#include <stdint.h>

enum { TCP_ADDRESS_MAX = 80 };

/*
 * Listens on "host:port"; port 0: any, and it is asked for with tcp_address().
 * Gives a descriptor that does not block, or a fault.
 */
int tcp_listen(const char *address, int *ret_fd);

/* "host:port" as bound, the host as in @address. */
int tcp_address(int fd, const char *address, char ret[TCP_ADDRESS_MAX]);

/* A client of @fd that does not block; a fault when there is none. */
int tcp_accept(int fd, int *ret_fd);

/* One line into @path by way of a rename; an empty @path: nothing. */
int tcp_write_address(const char *path, const char *address);

#endif
