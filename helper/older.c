/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A kernel that is too old for the programs: said by what it lacks, not by what its verifier called the first of it. */
#include <bpf/btf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "helper.h"

/* What the programs cannot do without, where a kernel's types show it: the function's number in enum bpf_func_id. */
static const char *const NEEDED[] = {"ktime_get_coarse_ns", "sock_from_file", "get_current_task_btf"}; /* 5.11 */

static bool knows(const struct btf *kernel, const char *function)
{
	int id = btf__find_by_name_kind(kernel, "bpf_func_id", BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, (unsigned int)id) : NULL;
	const struct btf_enum *value = type ? btf_enum(type) : NULL;

	if (!type)
		return true; /* cannot be told */
	for (int i = 0; i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(kernel, value[i].name_off);

		if (name && !strncmp(name, "BPF_FUNC_", 9) && !strcmp(name + 9, function))
			return true;
	}
	return false;
}

/*
 * After the programs were refused. Writes the sentence and returns true when this kernel is older than 5.15 and lacks something
 * that they need; distributions that brought it to an older number never come here.
 */
bool explain_old_kernel(const struct btf *kernel, char *failure, size_t size)
{
	struct utsname name;
	char lacking[256] = "";
	int major = 0, minor = 0;

	if (uname(&name) || sscanf(name.release, "%d.%d", &major, &minor) != 2 || major > 5 || (major == 5 && minor >= 15))
		return false;
	if (major < 5 || minor < 12)
		snprintf(lacking, sizeof lacking, "atomic operations with a result");
	for (size_t i = 0; i < sizeof NEEDED / sizeof *NEEDED; i++) {
		size_t used = strlen(lacking);

		if (!knows(kernel, NEEDED[i]))
			snprintf(lacking + used, sizeof lacking - used, "%sbpf_%s", used ? ", " : "", NEEDED[i]);
	}
	if (!*lacking)
		return false;
	snprintf(failure, size, "Linux %.60s is too old for capturing, it lacks %s: use 5.15 or newer", name.release, lacking);
	return true;
}
