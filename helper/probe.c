/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --probe: what this kernel and these permissions allow, as one JSON object on standard output. Nothing is attached to
 * an interface; tracepoints are attached and let go again, because a kernel may refuse them only then. */
#include "helper.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "skeleton.h"

static void text(const char *value)
{
	putchar('"');
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void capabilities(void)
{
	static const struct {
		const char *name;
		unsigned int number;
	} list[] = { { "cap_net_admin", 12 }, { "cap_sys_ptrace", 19 }, { "cap_sys_admin", 21 }, { "cap_perfmon", 38 },
		     { "cap_bpf", 39 } };
	const char *separator = "";

	printf(",\"capabilities\":[");
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		if (!privilege_has(list[i].number))
			continue;
		printf("%s\"%s\"", separator, list[i].name);
		separator = ",";
	}
	printf("]");
}

/* How many instructions the verifier followed for each program that it accepted: the build prints them, a test limits
 * them. They are known since kernel 5.16. */
static void instructions(const struct helper *helper)
{
	const char *separator = "";
	struct bpf_program *program;

	printf(",\"verified\":{");
	if (helper->skeleton) {
		bpf_object__for_each_program(program, helper->skeleton->obj) {
			struct bpf_prog_info info = { 0 };
			uint32_t size = sizeof info;

			if (bpf_program__fd(program) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
				continue;
			printf("%s\"%s\":%u", separator, bpf_program__name(program), info.verified_insns);
			separator = ",";
		}
	}
	printf("}");
}

int probe_run(struct helper *helper)
{
	static struct load_report report;
	char failure[400] = "";
	struct utsname system = { 0 };
	const char *separator = "";
	int error;

	helper->wanted = (struct fg_command_hello){ .flags = FG_WANT_ACCEPT_TRACING, .table_bytes = 1 << 20,
						    .packet_ring_bytes = 256 << 10, .event_ring_bytes = 256 << 10,
						    .state_ring_bytes = 256 << 10 };
	load_clamp(helper);
	uname(&system);
	printf("{\"version\":");
	text(FLOWGLASS_VERSION);
	printf(",\"abi\":%d,\"kernel\":", FG_ABI_VERSION);
	text(system.release);
	printf(",\"machine\":");
	text(system.machine);
	printf(",\"cpus\":%u,\"netns\":%u", helper->cpus, helper->hello.netns);
	capabilities();
	error = load_programs(helper, &report, failure, sizeof failure);
	if (!error)
		(void)load_attach(helper, &report);
	conntrack_open(helper);
	printf(",\"btf\":%s,\"cgroup\":%s,\"loaded\":%s,\"failure\":", report.btf ? "true" : "false",
	       !error && helper->cgroup_fd >= 0 ? "true" : "false", error ? "false" : "true");
	if (error)
		text(failure);
	else
		printf("null");
	printf(",\"features\":{");
	for (uint32_t bit = 0; load_feature_name(bit); bit++) {
		printf("%s\"%s\":%s", separator, load_feature_name(bit), helper->features >> bit & 1 ? "true" : "false");
		separator = ",";
	}
	printf("},\"refused\":[");
	for (uint32_t i = 0; i < report.refused_count; i++) {
		printf("%s{\"program\":", i ? "," : "");
		text(report.refused[i].program);
		printf(",\"reason\":");
		text(report.refused[i].reason);
		printf("}");
	}
	printf("],\"absent\":[");
	for (uint32_t i = 0; i < report.absent_count; i++) {
		printf("%s", i ? "," : "");
		text(report.absent[i]);
	}
	printf("]");
	instructions(helper);
	printf("}\n");
	load_close(helper);
	return error ? error == -EPERM ? EXIT_PERMISSION : EXIT_FAILED : EXIT_DONE;
}
