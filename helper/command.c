/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the engine may ask for. Every member is checked; the first that is not valid ends the session. */
#include "helper.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "skeleton.h"

#define INTERVAL_MIN_MS 10U
#define INTERVAL_MAX_MS 5000U
#define TABLE_MAX (8ULL << 30)
#define RING_MAX (1ULL << 30)
#define SNAPLEN_MAX 262144U /* what libpcap accepts at most */

static int refuse(const char **reason, const char *sentence)
{
	*reason = sentence;
	return -EPROTO;
}

static bool interval_valid(uint32_t interval_ms)
{
	return interval_ms == 0 || (interval_ms >= INTERVAL_MIN_MS && interval_ms <= INTERVAL_MAX_MS);
}

int command_hello(const struct fg_frame_header *header, const void *payload, struct fg_command_hello *hello,
		  const char **reason)
{
	const uint32_t known = FG_WANT_ACCEPT_TRACING | FG_WANT_NO_LATENCY | FG_WANT_NO_SOCKETS | FG_WANT_NO_ARGS |
			       FG_WANT_NO_PEEKS;

	if (header->type != FG_COMMAND_HELLO)
		return refuse(reason, "something else before HELLO");
	if (header->length != sizeof *hello || header->flags)
		return refuse(reason, "a HELLO of the wrong size");
	memcpy(hello, payload, sizeof *hello);
	if (hello->magic != FG_MAGIC)
		return refuse(reason, "a HELLO with a wrong magic number");
	if (hello->abi_version != FG_ABI_VERSION) {
		static char both[160];

		snprintf(both, sizeof both, "version %u of the protocol and this helper speaks %d: install helper and application of one release",
			 hello->abi_version, FG_ABI_VERSION);
		return refuse(reason, both);
	}
	if (hello->flags & ~known)
		return refuse(reason, "a HELLO with unknown flags");
	if (!interval_valid(hello->interval_ms))
		return refuse(reason, "a HELLO with an interval outside 10 to 5000 ms");
	if (hello->table_bytes > TABLE_MAX)
		return refuse(reason, "a HELLO that asks for more than 8 GiB of flow table");
	if (hello->packet_ring_bytes > RING_MAX || hello->event_ring_bytes > RING_MAX || hello->state_ring_bytes > RING_MAX)
		return refuse(reason, "a HELLO that asks for a ring of more than 1 GiB");
	return 0;
}

static int run_attach(struct helper *helper, const void *payload, const char **reason)
{
	struct fg_command_attach command;

	memcpy(&command, payload, sizeof command);
	if (command.iface == FG_IFACE_NONE)
		return refuse(reason, "ATTACH with an interface number out of range");
	if (command.reserved || command.ifindex == 0 || command.ifindex > INT32_MAX)
		return refuse(reason, "ATTACH with a bad interface index");
	if (command.ingress > FG_RUNG_CLSACT || command.egress > FG_RUNG_CLSACT || command.egress == FG_RUNG_XDP_NATIVE ||
	    command.egress == FG_RUNG_XDP_GENERIC || (!command.ingress && !command.egress))
		return refuse(reason, "ATTACH with a hook that does not exist");
	(void)attach_interface(helper, &command); /* its answer is an INTERFACE frame either way */
	return 0;
}

static int run_detach(struct helper *helper, const void *payload, const char **reason)
{
	struct fg_command_detach command;
	struct interface *interface;

	memcpy(&command, payload, sizeof command);
	if (command.iface == FG_IFACE_NONE || command.reserved || command.reserved2)
		return refuse(reason, "DETACH with an interface number out of range");
	interface = interface_numbered(helper, command.iface);
	if (interface && interface->attached)
		attach_detach(helper, interface, FG_INTERFACE_DETACHED);
	return 0;
}

static int run_capture(struct helper *helper, const void *payload, const char **reason)
{
	struct fg_command_capture command;

	memcpy(&command, payload, sizeof command);
	if (command.enabled > 1 || command.snaplen > SNAPLEN_MAX || command.reserved ||
	    !interval_valid(command.interval_ms))
		return refuse(reason, "CAPTURE with a value out of range");
	helper->snaplen = command.snaplen;
	helper->skeleton->bss->capture.snaplen = command.snaplen;
	atomic_thread_fence(memory_order_release);
	helper->skeleton->bss->capture.enabled = command.enabled;
	if (command.interval_ms)
		helper->interval_ms = command.interval_ms;
	return 0;
}

static bool rule_valid(const struct fg_rule *rule)
{
	const uint32_t known = FG_RULE_PROTOCOL | FG_RULE_FAMILY | FG_RULE_ADDRESS | FG_RULE_PORT | FG_RULE_IFACE;

	if (rule->fields & ~known || rule->reserved[0] || rule->reserved[1] || rule->reserved[2])
		return false;
	if (rule->fields & (FG_RULE_FAMILY | FG_RULE_ADDRESS) && rule->family != 4 && rule->family != 6)
		return false;
	if (rule->fields & FG_RULE_ADDRESS && rule->prefix_length > (rule->family == 4 ? 32 : 128))
		return false;
	if (rule->fields & FG_RULE_PORT && rule->port_from > rule->port_to)
		return false;
	return !(rule->fields & FG_RULE_IFACE) || rule->iface != FG_IFACE_NONE;
}

/* Between the two stores of the count the kernel sees no rules and copies everything: more than asked for, which the
 * engine's exact filter takes out again, never less. */
static int run_filter(struct helper *helper, const void *payload, const char **reason)
{
	static struct fg_command_filter command;

	memcpy(&command, payload, sizeof command);
	if (command.count > FG_RULES_MAX || command.reserved)
		return refuse(reason, "FILTER with more rules than there may be");
	for (uint32_t i = 0; i < command.count; i++)
		if (!rule_valid(&command.rules[i]))
			return refuse(reason, "FILTER with a rule that is not valid");
	helper->skeleton->bss->capture.rule_count = 0;
	atomic_thread_fence(memory_order_seq_cst);
	memcpy(helper->skeleton->bss->rules, command.rules, command.count * sizeof command.rules[0]);
	atomic_thread_fence(memory_order_seq_cst);
	helper->skeleton->bss->capture.rule_count = command.count;
	return 0;
}

static int run_verdict(struct helper *helper, const void *payload, const char **reason)
{
	struct fg_command_verdict command, *verdict;

	memcpy(&command, payload, sizeof command);
	if (!command.epoch || command.unwanted > 1 || command.key.iface == FG_IFACE_NONE)
		return refuse(reason, "VERDICT with a value out of range");
	verdict = &helper->skeleton->bss->verdicts[fg_verdict_place(command.epoch, command.key.iface)];
	if (!command.unwanted && (verdict->epoch != command.epoch || memcmp(&verdict->key, &command.key, sizeof command.key)))
		return 0; /* another flow has its place */
	verdict->unwanted = 0;
	atomic_thread_fence(memory_order_seq_cst);
	verdict->key = command.key;
	verdict->epoch = command.epoch;
	atomic_thread_fence(memory_order_seq_cst);
	verdict->unwanted = command.unwanted;
	helper->skeleton->bss->capture.verdicts = 1;
	return 0;
}

static int run_credit(struct helper *helper, const void *payload, const char **reason)
{
	struct fg_command_credit command;

	memcpy(&command, payload, sizeof command);
	if (command.consumed < helper->channel.consumed || command.consumed > helper->channel.written)
		return refuse(reason, "CREDIT for bytes that were never sent");
	helper->channel.consumed = command.consumed;
	return 0;
}

static size_t expected_length(uint16_t type)
{
	switch (type) {
	case FG_COMMAND_ATTACH:
		return sizeof(struct fg_command_attach);
	case FG_COMMAND_DETACH:
		return sizeof(struct fg_command_detach);
	case FG_COMMAND_CAPTURE:
		return sizeof(struct fg_command_capture);
	case FG_COMMAND_FILTER:
		return sizeof(struct fg_command_filter);
	case FG_COMMAND_CREDIT:
		return sizeof(struct fg_command_credit);
	case FG_COMMAND_VERDICT:
		return sizeof(struct fg_command_verdict);
	case FG_COMMAND_RESYNC:
	case FG_COMMAND_STOP:
		return 0;
	default:
		return SIZE_MAX;
	}
}

int command_run(struct helper *helper, const struct fg_frame_header *header, const void *payload, const char **reason)
{
	size_t expected = expected_length(header->type);

	if (header->type == FG_COMMAND_HELLO)
		return refuse(reason, "HELLO twice");
	if (expected == SIZE_MAX)
		return refuse(reason, "a command that does not exist");
	if (header->length != expected || header->flags)
		return refuse(reason, "a command of the wrong size");
	switch (header->type) {
	case FG_COMMAND_ATTACH:
		return run_attach(helper, payload, reason);
	case FG_COMMAND_DETACH:
		return run_detach(helper, payload, reason);
	case FG_COMMAND_CAPTURE:
		return run_capture(helper, payload, reason);
	case FG_COMMAND_FILTER:
		return run_filter(helper, payload, reason);
	case FG_COMMAND_CREDIT:
		return run_credit(helper, payload, reason);
	case FG_COMMAND_VERDICT:
		return run_verdict(helper, payload, reason);
	case FG_COMMAND_RESYNC:
		snapshot_start(helper);
		return 0;
	default: /* FG_COMMAND_STOP */
		return -ESHUTDOWN;
	}
}
