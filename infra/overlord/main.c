/* SPDX-License-Identifier: MIT */
/*
 * Overlord: the operator's command line. What it can do stands in
 * overlord.def, and is done in cmd_*.c; cli.c finds it.
 */
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "infra/overlord/cli.h"

/*
 * A descriptor that was closed is opened on something that cannot be written
 * to; else a session would get its number, and the answer.
 */
static void open_standard_files(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDONLY);
}

int main(int argc, char **argv)
{
	open_standard_files();
	/* Names in tables may be of any script. */
	(void)setlocale(LC_CTYPE, "");
	return cli_run(argc > 0 ? argc - 1 : 0, argv + 1);
}
