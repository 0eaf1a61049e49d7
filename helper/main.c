/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Life of a helper: read the token, connect, check the peer, take HELLO, enter the namespace, load, give up what is not
 * needed any more, say HELLO, serve until STOP, SIGTERM or the end of a stream, detach, hand over what is left, BYE.
 */
#include "helper.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "netlink.h"

#define TOKEN_TIMEOUT_MS 10000
#define HELLO_TIMEOUT_MS 30000
/* Hooks on other CPUs that were running when their link was closed have ended after this. */
#define DETACH_PAUSE_NS 20000000L

static struct helper the_helper;

/* Before HELLO there is no session to say BYE to: one sentence on standard error, the same as LOG when there is a
 * socket, and the exit code. */
static int give_up(struct helper *helper, int code, const char *sentence)
{
	log_say(helper, FG_LOG_ERROR, "%s", sentence);
	if (helper->channel.fd >= 0) {
		helper->stopping = true;
		(void)channel_flush(helper);
	}
	return code;
}

static int exit_code(int error)
{
	return error == -EPERM || error == -EACCES ? EXIT_PERMISSION : EXIT_FAILED;
}

/* Waits until fd is readable; 0, -ETIMEDOUT or -errno. */
static int wait_readable(int fd, int timeout_ms)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };
	int ready = poll(&waiting, 1, timeout_ms);

	return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

static int read_token(struct helper *helper)
{
	size_t have = 0;

	while (have < FG_TOKEN_BYTES) {
		int error = wait_readable(STDIN_FILENO, TOKEN_TIMEOUT_MS);
		ssize_t length;

		if (error)
			return error;
		length = read(STDIN_FILENO, helper->hello.token + have, FG_TOKEN_BYTES - have);
		if (length <= 0)
			return length < 0 ? -errno : -EPIPE;
		have += (size_t)length;
	}
	return 0;
}

/* stdin carries nothing after the token; its end means that the engine has gone. */
static int read_stdin(void)
{
	char ignored[256];
	ssize_t length = read(STDIN_FILENO, ignored, sizeof ignored);

	return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -EPIPE;
}

/* Something to read on the socket before stdin ends or time is up. */
static int wait_for_engine(int socket)
{
	struct pollfd waiting[2] = { { .fd = socket, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	int ready = poll(waiting, 2, HELLO_TIMEOUT_MS);

	if (ready <= 0)
		return ready == 0 ? -ETIMEDOUT : -errno;
	if (waiting[0].revents)
		return 0;
	return read_stdin() ? -EPIPE : -EAGAIN;
}

/* The first command: it carries the sizes that loading needs. */
static int read_hello(struct helper *helper, const char **reason)
{
	struct {
		struct fg_frame_header header;
		struct fg_command_hello hello;
	} frame;
	uint8_t *to = (uint8_t *)&frame;
	size_t have = 0;

	while (have < sizeof frame) {
		ssize_t length;
		int error = wait_for_engine(helper->channel.fd);

		if (error == -EAGAIN)
			continue;
		if (error)
			return error;
		length = recv(helper->channel.fd, to + have, sizeof frame - have, 0);
		if (length <= 0)
			return length < 0 ? -errno : -EPIPE;
		have += (size_t)length;
		if (have >= sizeof frame.header && (frame.header.type != FG_COMMAND_HELLO || frame.header.flags ||
						    frame.header.length != sizeof frame.hello))
			return command_hello(&frame.header, &frame.hello, &helper->wanted, reason);
	}
	return command_hello(&frame.header, &frame.hello, &helper->wanted, reason);
}

static void hex_into(uint8_t *to, size_t bytes, const char *text)
{
	size_t nibble = 0;

	for (; *text && nibble < 2 * bytes; text++) {
		const char *digits = "0123456789abcdef";
		const char *digit = strchr(digits, *text);

		if (!digit)
			continue;
		to[nibble / 2] = (uint8_t)(to[nibble / 2] << 4 | (digit - digits));
		nibble++;
	}
}

static void describe_host(struct helper *helper)
{
	struct fg_hello *hello = &helper->hello;
	struct utsname system;
	struct stat netns;
	char text[64] = { 0 };
	int fd;

	hello->magic = FG_MAGIC;
	hello->abi_version = FG_ABI_VERSION;
	hello->pid = (uint32_t)getpid();
	hello->cpus = helper->cpus;
	if (!stat("/proc/self/ns/net", &netns))
		hello->netns = (uint32_t)netns.st_ino;
	if (!uname(&system)) {
		snprintf((char *)hello->kernel, sizeof hello->kernel, "%.63s", system.release);
		snprintf((char *)hello->machine, sizeof hello->machine, "%.15s", system.machine);
		snprintf((char *)hello->hostname, sizeof hello->hostname, "%.63s", system.nodename);
	}
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, text, sizeof text - 1) > 0)
			hex_into(hello->boot_id, sizeof hello->boot_id, text);
		close(fd);
	}
}

static int open_queues(struct helper *helper)
{
	static const size_t bytes[FG_STREAMS] = { STATE_QUEUE_BYTES, EVENT_QUEUE_BYTES, PACKET_QUEUE_BYTES };
	int error = 0;

	for (int i = 0; !error && i < FG_STREAMS; i++)
		error = queue_open(&helper->streams[i].queue, bytes[i]);
	if (!error)
		error = queue_open(&helper->peeks, PEEK_QUEUE_BYTES);
	return error ? error : snapshot_open(helper);
}

static int open_netlink(struct helper *helper)
{
	helper->route_fd = netlink_open(NETLINK_ROUTE, 0);
	if (helper->route_fd < 0)
		return helper->route_fd;
	helper->news_fd = netlink_open(NETLINK_ROUTE, RTMGRP_LINK);
	if (helper->news_fd < 0)
		return helper->news_fd;
	helper->ethtool_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return helper->ethtool_fd < 0 ? -errno : 0;
}

struct waits {
	struct pollfd fds[6];
};
enum { WAIT_TIMER, WAIT_SOCKET, WAIT_STDIN, WAIT_SIGNAL, WAIT_STEP, WAIT_NEWS };

/* Everything that serving needs is opened here, before the second seccomp filter. */
static int open_waits(struct helper *helper, struct waits *waits)
{
	sigset_t signals;
	int timer = clock_open_interval_timer(helper->interval_ms);
	int step = clock_open_step_timer();
	int signal_fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (timer < 0 || step < 0 || signal_fd < 0)
		return timer < 0 ? timer : step < 0 ? step : -errno;
	helper->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	waits->fds[WAIT_TIMER] = (struct pollfd){ .fd = timer, .events = POLLIN };
	waits->fds[WAIT_SOCKET] = (struct pollfd){ .fd = helper->channel.fd, .events = POLLIN };
	waits->fds[WAIT_STDIN] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	waits->fds[WAIT_SIGNAL] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	waits->fds[WAIT_STEP] = (struct pollfd){ .fd = step, .events = POLLIN };
	waits->fds[WAIT_NEWS] = (struct pollfd){ .fd = helper->news_fd, .events = POLLIN };
	return 0;
}

static void send_names(struct helper *helper)
{
	for (uint32_t i = 0; i < helper->name_count; i++)
		(void)queue_push(&helper->streams[FG_STREAM_STATE].queue, FG_FRAME_NAMES, &helper->names[i],
				 sizeof helper->names[i], 1);
	helper->streams[FG_STREAM_STATE].taken += helper->name_count;
}

/* From HELLO of the engine to our own. */
static int start(struct helper *helper, const char *netns, struct waits *waits, char *failure, size_t failure_size)
{
	static struct load_report report;
	int error = 0;

	if (netns)
		error = privilege_enter_netns(netns, failure, failure_size);
	if (error)
		return error;
	describe_host(helper);
	load_clamp(helper);
	error = load_programs(helper, &report, failure, failure_size);
	if (error)
		return error;
	snprintf(failure, failure_size, "opening netlink sockets");
	if ((error = open_netlink(helper)))
		return error;
	snprintf(failure, failure_size, "attaching to tracepoints");
	if ((error = load_attach(helper, &report)))
		return error;
	conntrack_open(helper); /* without it translations are not known, and the features say so */
	(void)clsact_open(helper); /* without a handle the clsact rung says so when it is needed */
	load_names(helper);
	snprintf(failure, failure_size, "mapping the tables of the kernel programs");
	if ((error = drain_open(helper)))
		return error;
	snprintf(failure, failure_size, "opening timers");
	if ((error = open_waits(helper, waits)))
		return error;
	snprintf(failure, failure_size, "giving up capabilities");
	if ((error = privilege_keep(1ULL << CAP_NET_ADMIN)))
		return error;
	snprintf(failure, failure_size, "installing the seccomp filter");
	if ((error = seccomp_serving()))
		return error;
	helper->hello.features = helper->features;
	helper->hello.slots_per_cpu = helper->drain.slots_per_cpu;
	clock_read(helper);
	helper->stats_ns = helper->clock.boot_ns;
	helper->channel.hello_due = helper->channel.clock_due = true;
	send_names(helper);
	interfaces_look(helper);
	conntrack_look(helper);
	failure[0] = 0;
	return channel_flush(helper);
}

static void each_tick(struct helper *helper)
{
	uint64_t now = clock_boot_ns();

	if (now - helper->stats_ns >= SECOND_NS) {
		helper->stats_ns = now - (now - helper->stats_ns) % SECOND_NS;
		clock_read(helper);
		helper->channel.clock_due = helper->channel.stats_due = true;
	}
	conntrack_news(helper); /* before the flows that they are about */
	drain_start(helper, false);
	drain_gaps(helper, false);
	if (helper->present_lost)
		interfaces_look(helper);
	if (helper->conntrack_lost)
		conntrack_look(helper);
	snapshot_tick(helper);
}

/* One turn of what is ready. 0, or why serving ends: -ESHUTDOWN, -EPIPE, -EPROTO. */
static int serve_once(struct helper *helper, struct waits *waits)
{
	uint32_t interval_ms = helper->interval_ms;
	uint64_t expirations;
	int error = 0;

	if (waits->fds[WAIT_STDIN].revents && (error = read_stdin()))
		return error;
	if (waits->fds[WAIT_SIGNAL].revents)
		return -ESHUTDOWN;
	if (waits->fds[WAIT_SOCKET].revents & (POLLIN | POLLHUP | POLLERR) && (error = channel_read(helper)))
		return error;
	if (interval_ms != helper->interval_ms)
		(void)clock_set_interval(waits->fds[WAIT_TIMER].fd, helper->interval_ms);
	if (waits->fds[WAIT_STEP].revents) {
		clock_arm_step_timer(waits->fds[WAIT_STEP].fd);
		clock_read(helper);
		helper->channel.clock_due = true;
	}
	if (waits->fds[WAIT_NEWS].revents)
		(void)interfaces_news(helper);
	if (waits->fds[WAIT_TIMER].revents && read(waits->fds[WAIT_TIMER].fd, &expirations, sizeof expirations) > 0)
		each_tick(helper);
	return 0;
}

static int serve(struct helper *helper, struct waits *waits)
{
	int more = 0;

	for (;;) {
		int error;

		waits->fds[WAIT_SOCKET].events =
			(short)(POLLIN | (helper->channel.blocked && channel_wants_to_write(helper) ? POLLOUT : 0));
		if (poll(waits->fds, sizeof waits->fds / sizeof waits->fds[0], more ? 0 : -1) < 0 && errno != EINTR)
			return -errno;
		helper->wakeups++;
		error = serve_once(helper, waits);
		if (error)
			return error;
		more = drain_pump(helper);
		if (more < 0)
			return more;
	}
}

/* Everything that is left, then BYE. Gives up on an engine that takes nothing for five seconds. */
static int hand_over(struct helper *helper)
{
	uint64_t written = helper->channel.written;
	uint64_t since = clock_boot_ns();

	conntrack_news(helper);
	drain_start(helper, true);
	for (;;) {
		struct pollfd socket = { .fd = helper->channel.fd, .events = POLLOUT };
		int more = drain_pump(helper);

		if (more < 0)
			return more;
		if (drain_done(helper) && channel_idle(helper)) {
			if (helper->channel.bye_sent)
				return 0;
			drain_gaps(helper, true);
			helper->channel.bye_due = true;
			continue;
		}
		if (helper->channel.written != written) {
			written = helper->channel.written;
			since = clock_boot_ns();
		} else if (clock_boot_ns() - since > STOP_PATIENCE_NS) {
			return -ETIMEDOUT;
		}
		(void)poll(&socket, 1, more ? 0 : helper->channel.blocked ? 100 : 1);
	}
}

static void finish(struct helper *helper, int reason)
{
	static const struct timespec pause = { .tv_nsec = DETACH_PAUSE_NS };

	snapshot_close(helper);
	attach_detach_all(helper);
	load_detach(helper);
	if (reason == -EPIPE)
		return;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	clock_read(helper);
	helper->stopping = true;
	helper->channel.clock_due = true;
	helper->channel.end_reason = reason == -ESHUTDOWN ? FG_END_STOPPED
				     : reason == -EPROTO  ? FG_END_PROTOCOL
							  : FG_END_FAILED;
	if (hand_over(helper) == -ETIMEDOUT)
		fprintf(stderr, "flowglass-helper: socket: the engine took nothing for %llu s, what was left is lost\n",
			STOP_PATIENCE_NS / SECOND_NS);
}

static int run(struct helper *helper, const char *path, const char *netns)
{
	static struct waits waits;
	char failure[400];
	const char *reason = "";
	int error = read_token(helper);

	if (error)
		return give_up(helper, EXIT_FAILED, "standard input: the 32 bytes of the token did not come, start me through flowglass");
	error = open_queues(helper);
	if (error)
		return give_up(helper, EXIT_FAILED, "no memory for the queues");
	(void)privilege_raise(); /* file capabilities are "=p" */
	error = channel_connect(helper, path);
	if (error) {
		snprintf(failure, sizeof failure, "socket %s: %s", path,
			 error == -EACCES ? "its owner is not who started me, start me through flowglass" : log_error(error));
		return give_up(helper, exit_code(error), failure);
	}
	error = privilege_no_new();
	if (!error)
		error = seccomp_loading();
	if (error)
		return give_up(helper, EXIT_FAILED, "the seccomp filter could not be installed");
	error = read_hello(helper, &reason);
	if (error == -EPROTO) {
		snprintf(failure, sizeof failure, "the engine sent %s, ending the session", reason);
		return give_up(helper, EXIT_FAILED, failure);
	}
	if (error == -EPIPE)
		return EXIT_DONE;
	if (error)
		return give_up(helper, EXIT_FAILED, "the engine did not say HELLO");
	error = start(helper, netns, &waits, failure, sizeof failure);
	if (error == -EPIPE)
		return EXIT_DONE;
	if (error) {
		size_t length = strlen(failure);

		if (!strchr(failure, ':'))
			snprintf(failure + length, sizeof failure - length, ": %s", log_error(error));
		return give_up(helper, exit_code(error), failure);
	}
	error = serve(helper, &waits);
	finish(helper, error);
	return error == -ESHUTDOWN || error == -EPIPE ? EXIT_DONE : EXIT_FAILED;
}

/* Ctrl-C reaches the whole process group: it is the engine's to act on. SIGTERM arrives through a descriptor. */
static void set_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t term;

	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	sigaction(SIGTSTP, &ignore, NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
}

/* Descriptors that came with exec are none of ours; 0, 1 and 2 must exist before anything is opened. */
static void set_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd)
			_exit(EXIT_FAILED);
	closefrom(3);
}

static int usage(void)
{
	fprintf(stderr, "flowglass-helper: usage: --socket PATH [--netns PATH] | --probe [--netns PATH] | --version\n");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct helper *helper = &the_helper;
	const char *path = NULL, *netns = NULL;
	bool probe = false;
	int code;

	set_descriptors();
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--version")) {
			printf("flowglass-helper %s (ABI %d)\n", FLOWGLASS_VERSION, FG_ABI_VERSION);
			return EXIT_DONE;
		} else if (!strcmp(argv[i], "--probe")) {
			probe = true;
		} else if (!strcmp(argv[i], "--socket") && i + 1 < argc) {
			path = argv[++i];
		} else if (!strcmp(argv[i], "--netns") && i + 1 < argc) {
			netns = argv[++i];
		} else {
			return usage();
		}
	}
	if (probe == (path != NULL))
		return usage();
	helper->channel.fd = helper->conntrack_fd = helper->news_fd = helper->route_fd = helper->ethtool_fd = helper->lock_fd = -1;
	helper->statm_fd = helper->cgroup_fd = -1;
	int cpus = libbpf_num_possible_cpus();
	helper->cpus = cpus > 0 ? (uint32_t)cpus : 1;
	if (probe) {
		char failure[400];

		(void)privilege_raise();
		code = netns ? privilege_enter_netns(netns, failure, sizeof failure) : 0;
		if (code)
			return give_up(helper, exit_code(code), failure);
		describe_host(helper);
		return probe_run(helper);
	}
	set_signals();
	code = run(helper, path, netns);
	drain_close(helper);
	load_close(helper);
	return code;
}
