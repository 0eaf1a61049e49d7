/* SPDX-License-Identifier: MIT */
/*
 * Many processes that live for about a millisecond, each one making one connection and one exchange.
 *
 *   lab-swarm PROGRAM COUNT AT-ONCE ARG...     runs PROGRAM ARG... COUNT times, fork and exec, AT-ONCE together
 *
 * PROGRAM is lab-client, which prints its own pid and port; the last line here is {"event":"swarm","started","failed"}.
 */
#include "common.h"

int main(int argc, char **argv)
{
	int count, together, running = 0, started = 0, failed = 0, status;

	if (argc < 4)
		return 2;
	count = atoi(argv[2]);
	together = atoi(argv[3]);
	alarm(60);
	argv[3] = argv[1];
	while (started < count || running > 0) {
		if (started < count && running < together) {
			pid_t pid = fork();

			if (pid < 0)
				die("fork");
			if (pid == 0) {
				execv(argv[1], argv + 3);
				_exit(127);
			}
			started++;
			running++;
			continue;
		}
		if (wait(&status) > 0) {
			running--;
			failed += status != 0;
		}
	}
	printf("{\"event\":\"swarm\",\"started\":%d,\"failed\":%d}\n", started, failed);
	return 0;
}
