/* SPDX-License-Identifier: MIT */
/*
 * Cli: overlord's command line, without the program's own name.
 */
#ifndef OVERLORD_CLI_H
#define OVERLORD_CLI_H

/* What main() returns: 0 done, 1 failed, 2 used wrongly; it has been said. */
int cli_run(int argc, char *const *argv);

#endif
