/* SPDX-License-Identifier: MIT */
/*
 * Sockets that change hands, and other ways to own one. Each use is one line on standard output by who did it:
 * {"event":"used","role","pid","tid","localPort","peerPort"}; a use is ten bytes to an echo server and back.
 *
 *   lab-owners fork     --to A --port P          connects and uses; a forked child uses; parent again
 *   lab-owners child    --to A --port P          connects; only the forked child uses
 *   lab-owners exec     --to A --port P --program FILE     uses, then becomes FILE, which uses (FILE is this program)
 *   lab-owners pass     --to A --port P          uses, passes the socket by SCM_RIGHTS to a child that uses
 *   lab-owners thread   --to A --port P          a second thread connects and uses, the first one waits
 *   lab-owners uring    --to A --port P [--poll] connect, send and receive through io_uring; --poll: by its kernel thread
 *   lab-owners workers  --port P --count N [--reuseport]   N children accept from one listener, or each from its own
 *   lab-owners udp      --port P --clients N     answers one datagram of each client from a socket connected to it
 *   lab-owners numbered --directory D --program FILE --count N --every-us D -- ARG...
 *                                                runs N hard links of FILE (p0001-…) with ARG..., one every D µs
 */
#include "common.h"
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define BYTES 10

static char buffer[2048];

static void say(const char *role, int fd)
{
	printf("{\"event\":\"used\",\"role\":\"%s\",\"pid\":%d,\"tid\":%ld,\"localPort\":%d,\"peerPort\":%d}\n", role, getpid(),
	       syscall(SYS_gettid), local_port(fd), remote_port(fd));
	fflush(stdout);
}

static void use(const char *role, int fd)
{
	ssize_t have = 0, n;

	if (send(fd, buffer, BYTES, MSG_NOSIGNAL) != BYTES)
		die("send");
	while (have < BYTES && (n = recv(fd, buffer, (size_t)(BYTES - have), 0)) > 0)
		have += n;
	if (have != BYTES)
		die("recv");
	say(role, fd);
}

static int target(int argc, char **argv, struct sockaddr_storage *to, socklen_t *length)
{
	int fd;

	*length = parse_address(option(argc, argv, "--to", "127.0.0.1"), number(argc, argv, "--port", 0), to);
	fd = socket(to->ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	return fd;
}

static int connected(int argc, char **argv)
{
	struct sockaddr_storage to;
	socklen_t length;
	int fd = target(argc, argv, &to, &length);

	if (connect(fd, (struct sockaddr *)&to, length) != 0)
		die("connect");
	return fd;
}

/* Uses of different processes are apart by more than the 20 ms within which a packet's owner is left open. */
static void later(void)
{
	sleep_ms(60);
}

static void wait_all(void)
{
	int status;

	while (wait(&status) > 0)
		if (status)
			exit(1);
}

/* ---- handed on --------------------------------------------------------------------------------------------- */

static void pass(int argc, char **argv)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	char byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		die("socketpair");
	if (fork() == 0) {
		if (recvmsg(pair[1], &message, 0) != 1)
			die("recvmsg");
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
		later();
		use("receiver", fd);
		exit(0);
	}
	fd = connected(argc, argv);
	use("sender", fd);
	CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof(fd));
	if (sendmsg(pair[0], &message, 0) != 1)
		die("sendmsg");
	close(fd);
	wait_all();
}

static void become(int argc, char **argv)
{
	int fd = connected(argc, argv);
	char text[16];

	use("before", fd);
	later();
	snprintf(text, sizeof(text), "%d", fd);
	execl(option(argc, argv, "--program", argv[0]), "became", "continue", "--fd", text, (char *)NULL);
	die("exec");
}

static void *in_thread(void *argument)
{
	char **argv = argument;
	int argc = 0;

	while (argv[argc])
		argc++;
	use("thread", connected(argc, argv));
	return NULL;
}

/* ---- io_uring, by its system calls ------------------------------------------------------------------------- */

struct ring {
	int fd;
	bool poll;
	unsigned int *sq_tail, *sq_mask, *sq_array, *sq_flags, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void ring_open(struct ring *r, bool poll)
{
	struct io_uring_params p = { .flags = poll ? IORING_SETUP_SQPOLL : 0, .sq_thread_idle = 500 };
	char *sq, *cq;

	r->poll = poll;
	r->fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (r->fd < 0) {
		printf("{\"event\":\"unsupported\",\"errno\":%d}\n", errno);
		exit(0);
	}
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		  IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, p.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || r->sqes == MAP_FAILED)
		die("mmap");
	r->sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	r->sq_mask = (unsigned int *)(sq + p.sq_off.ring_mask);
	r->sq_array = (unsigned int *)(sq + p.sq_off.array);
	r->sq_flags = (unsigned int *)(sq + p.sq_off.flags);
	r->cq_head = (unsigned int *)(cq + p.cq_off.head);
	r->cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	r->cq_mask = (unsigned int *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

/* One request, to its end. */
static int ring_do(struct ring *r, struct io_uring_sqe sqe)
{
	unsigned int tail = *r->sq_tail, head = *r->cq_head, index = tail & *r->sq_mask, flags = IORING_ENTER_GETEVENTS;
	int result;

	r->sqes[index] = sqe;
	r->sq_array[index] = index;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (r->poll && __atomic_load_n(r->sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
		flags |= IORING_ENTER_SQ_WAKEUP;
	while (__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) == head)
		if (syscall(SYS_io_uring_enter, r->fd, r->poll ? 0 : 1, 1, flags, NULL, 0) < 0 && errno != EINTR)
			die("io_uring_enter");
	result = r->cqes[head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	if (result < 0) {
		errno = -result;
		die("io_uring");
	}
	return result;
}

static void uring(int argc, char **argv)
{
	struct sockaddr_storage to;
	socklen_t length;
	struct ring ring;
	int fd;

	ring_open(&ring, given(argc, argv, "--poll"));
	fd = target(argc, argv, &to, &length);
	ring_do(&ring, (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)&to, .off = length });
	ring_do(&ring, (struct io_uring_sqe){ .opcode = IORING_OP_SEND, .fd = fd, .addr = (uintptr_t)buffer, .len = BYTES });
	ring_do(&ring, (struct io_uring_sqe){ .opcode = IORING_OP_RECV, .fd = fd, .addr = (uintptr_t)buffer, .len = BYTES });
	say("uring", fd);
	close(fd);
}

/* ---- servers ----------------------------------------------------------------------------------------------- */

static int listener(int argc, char **argv)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address("::", number(argc, argv, "--port", 0), &address);
	int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (given(argc, argv, "--reuseport"))
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 256) != 0)
		die("listen");
	return fd;
}

static void accept_forever(int fd)
{
	for (;;) {
		int connection = accept(fd, NULL, NULL);
		ssize_t n = connection < 0 ? 0 : recv(connection, buffer, BYTES, 0);

		if (n <= 0)
			die("accept");
		send(connection, buffer, (size_t)n, MSG_NOSIGNAL);
		say("worker", connection);
		recv(connection, buffer, BYTES, 0); /* until the client is done */
		close(connection);
	}
}

static void listening(void)
{
	printf("{\"event\":\"listening\",\"pid\":%d}\n", getpid());
	fflush(stdout);
}

static void workers(int argc, char **argv, long count)
{
	bool own = given(argc, argv, "--reuseport");
	int shared = own ? -1 : listener(argc, argv), ready[2];
	char byte = 0;

	if (pipe(ready) != 0)
		die("pipe");
	for (long i = 0; i < count; i++) {
		if (fork() == 0) {
			int fd = own ? listener(argc, argv) : shared;

			alarm(60);
			if (write(ready[1], &byte, 1) != 1)
				die("write");
			accept_forever(fd);
		}
	}
	for (long i = 0; i < count; i++)
		if (read(ready[0], &byte, 1) != 1)
			die("read");
	listening();
	wait_all();
}

static int udp_socket(const struct sockaddr_storage *address, socklen_t length)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)address, length) != 0)
		die("bind");
	return fd;
}

static void udp(int argc, char **argv)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address("::", number(argc, argv, "--port", 0), &address);
	long clients = number(argc, argv, "--clients", 1);

	for (long i = 0, next = udp_socket(&address, length); i < clients; i++) {
		int fd = (int)next;
		struct sockaddr_storage from;
		socklen_t from_length = sizeof(from);
		ssize_t n;

		if (i == 0)
			listening();
		n = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &from_length);
		if (n < 0 || connect(fd, (struct sockaddr *)&from, from_length) != 0)
			die("udp");
		next = udp_socket(&address, length); /* there before the client can go on */
		send(fd, buffer, (size_t)n, 0);
		say("udp", fd);
	}
	sleep_ms(60000);
}

/* ---- many names -------------------------------------------------------------------------------------------- */

static void numbered(int argc, char **argv)
{
	const char *directory = option(argc, argv, "--directory", "."), *program = option(argc, argv, "--program", NULL);
	long count = number(argc, argv, "--count", 1), every_us = number(argc, argv, "--every-us", 0);
	uint64_t began = now_ns();
	int first = 1, status, failed = 0;
	char path[4096];

	while (first < argc && strcmp(argv[first], "--") != 0)
		first++;
	for (long i = 0; i < count; i++) {
		uint64_t due = began + (uint64_t)(i * every_us) * 1000, now = now_ns();
		struct timespec rest = { 0, now < due ? (long)(due - now) : 0 };
		pid_t pid;

		snprintf(path, sizeof(path), "%s/p%04ld-%.8lx", directory, i, (unsigned long)(i + 1) * 2654435761UL & 0xffffffff);
		if (link(program, path) != 0)
			die(path);
		nanosleep(&rest, NULL);
		pid = fork();
		if (pid == 0) {
			argv[first] = path;
			execv(path, argv + first);
			_exit(127);
		}
		printf("{\"event\":\"started\",\"pid\":%d,\"name\":\"%s\"}\n", pid, strrchr(path, '/') + 1);
		fflush(stdout);
		while (waitpid(-1, &status, WNOHANG) > 0)
			failed += status != 0;
	}
	while (wait(&status) > 0)
		failed += status != 0;
	printf("{\"event\":\"numbered\",\"failed\":%d,\"durationNs\":%llu}\n", failed, (unsigned long long)(now_ns() - began));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t thread;
	int fd;

	alarm(60);
	if (!strcmp(what, "fork")) {
		fd = connected(argc, argv);
		use("parent", fd);
		later();
		if (fork() == 0) {
			use("child", fd);
			exit(0);
		}
		wait_all();
		later();
		use("parent", fd);
	} else if (!strcmp(what, "child")) {
		fd = connected(argc, argv);
		later();
		if (fork() == 0) {
			use("child", fd);
			exit(0);
		}
		wait_all();
	} else if (!strcmp(what, "exec")) {
		become(argc, argv);
	} else if (!strcmp(what, "continue")) {
		use("after", (int)number(argc, argv, "--fd", -1));
	} else if (!strcmp(what, "pass")) {
		pass(argc, argv);
	} else if (!strcmp(what, "thread")) {
		pthread_create(&thread, NULL, in_thread, argv);
		pthread_join(thread, NULL);
	} else if (!strcmp(what, "uring")) {
		uring(argc, argv);
	} else if (!strcmp(what, "workers")) {
		workers(argc, argv, number(argc, argv, "--count", 2));
	} else if (!strcmp(what, "udp")) {
		udp(argc, argv);
	} else if (!strcmp(what, "numbered")) {
		numbered(argc, argv);
	} else {
		return 2;
	}
	return 0;
}
