import {
  ABI_VERSION,
  COMMAND_ATTACH,
  COMMAND_ATTACH_LAYOUT,
  COMMAND_CAPTURE,
  COMMAND_CAPTURE_LAYOUT,
  COMMAND_CREDIT,
  COMMAND_CREDIT_LAYOUT,
  COMMAND_DETACH,
  COMMAND_DETACH_LAYOUT,
  COMMAND_FILTER,
  COMMAND_FILTER_LAYOUT,
  COMMAND_HELLO,
  COMMAND_HELLO_LAYOUT,
  COMMAND_RESYNC,
  COMMAND_STOP,
  FRAME_HEADER,
  MAGIC,
  RULE,
  RULES_MAX,
  RULE_ADDRESS,
  RULE_FAMILY,
  RULE_IFACE,
  RULE_PORT,
  RULE_PROTOCOL,
} from '../abi/generated.ts';

/** One command as bytes, header included, ready for the socket. */
export type Command = Uint8Array<ArrayBuffer>;

function command(type: number, size: number, fill?: (view: DataView, at: number) => void): Command {
  const bytes = new Uint8Array(FRAME_HEADER.size + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(FRAME_HEADER.length, size, true);
  view.setUint16(FRAME_HEADER.type, type, true);
  fill?.(view, FRAME_HEADER.size);
  return bytes;
}

/** What the helper is told before it loads anything. 0 or absent = the helper's own default. */
export interface HelloCommand {
  /** WANT_* bits. */
  readonly flags?: number;
  /** Read-out and drain interval, 10 to 5000 ms. */
  readonly intervalMs?: number;
  /** Flow table over all CPUs. */
  readonly tableBytes?: number;
  readonly packetRingBytes?: number;
  readonly eventRingBytes?: number;
  readonly stateRingBytes?: number;
}

/** First command, struct fg_command_hello. */
export function helloCommand(hello: HelloCommand): Command {
  const layout = COMMAND_HELLO_LAYOUT;
  return command(COMMAND_HELLO, layout.size, (view, at) => {
    view.setUint32(at + layout.magic, MAGIC, true);
    view.setUint32(at + layout.abiVersion, ABI_VERSION, true);
    view.setUint32(at + layout.flags, hello.flags ?? 0, true);
    view.setUint32(at + layout.intervalMs, hello.intervalMs ?? 0, true);
    view.setBigUint64(at + layout.tableBytes, BigInt(hello.tableBytes ?? 0), true);
    view.setBigUint64(at + layout.packetRingBytes, BigInt(hello.packetRingBytes ?? 0), true);
    view.setBigUint64(at + layout.eventRingBytes, BigInt(hello.eventRingBytes ?? 0), true);
    view.setBigUint64(at + layout.stateRingBytes, BigInt(hello.stateRingBytes ?? 0), true);
  });
}

/** struct fg_command_attach; `ingress` and `egress` are RUNG_* wanted, RUNG_AUTO = the ladder. */
export function attachCommand(ifindex: number, iface: number, ingress: number, egress: number): Command {
  const layout = COMMAND_ATTACH_LAYOUT;
  return command(COMMAND_ATTACH, layout.size, (view, at) => {
    view.setUint32(at + layout.ifindex, ifindex, true);
    view.setUint16(at + layout.iface, iface, true);
    view.setUint32(at + layout.ingress, ingress, true);
    view.setUint32(at + layout.egress, egress, true);
  });
}

/** struct fg_command_detach. */
export function detachCommand(iface: number): Command {
  const layout = COMMAND_DETACH_LAYOUT;
  return command(COMMAND_DETACH, layout.size, (view, at) => view.setUint16(at + layout.iface, iface, true));
}

/** struct fg_command_capture; snaplen 0 = whole packets, intervalMs 0 = as it is. */
export function captureCommand(enabled: boolean, snaplen: number, intervalMs = 0): Command {
  const layout = COMMAND_CAPTURE_LAYOUT;
  return command(COMMAND_CAPTURE, layout.size, (view, at) => {
    view.setUint32(at + layout.enabled, enabled ? 1 : 0, true);
    view.setUint32(at + layout.snaplen, snaplen, true);
    view.setUint32(at + layout.intervalMs, intervalMs, true);
  });
}

/** A rule of the kernel's prefilter: every field that is given must match; a packet is copied when any rule matches. */
export interface CaptureRule {
  readonly iface?: number;
  /** IPPROTO_* */
  readonly protocol?: number;
  readonly family?: 4 | 6;
  /** Either end's port within from..to. */
  readonly port?: { readonly from: number; readonly to: number };
  /** Either end within address/prefixLength: 4 or 16 bytes, network order. */
  readonly address?: { readonly bytes: Uint8Array; readonly prefixLength: number };
}

/** struct fg_command_filter: at most 64 rules, none = everything. More than 64 throws RangeError: merge them first. */
export function filterCommand(rules: readonly CaptureRule[]): Command {
  if (rules.length > RULES_MAX) throw new RangeError(`${rules.length} rules, at most ${RULES_MAX} fit`);
  const layout = COMMAND_FILTER_LAYOUT;
  return command(COMMAND_FILTER, layout.size, (view, start) => {
    view.setUint32(start + layout.count, rules.length, true);
    rules.forEach((rule, index) => {
      const at = start + layout.rules + index * RULE.size;
      let fields = 0;
      if (rule.iface !== undefined) {
        fields |= RULE_IFACE;
        view.setUint16(at + RULE.iface, rule.iface, true);
      }
      if (rule.protocol !== undefined) {
        fields |= RULE_PROTOCOL;
        view.setUint8(at + RULE.protocol, rule.protocol);
      }
      if (rule.family !== undefined) {
        fields |= RULE_FAMILY;
        view.setUint8(at + RULE.family, rule.family);
      }
      if (rule.port !== undefined) {
        fields |= RULE_PORT;
        view.setUint16(at + RULE.portFrom, rule.port.from, true);
        view.setUint16(at + RULE.portTo, rule.port.to, true);
      }
      if (rule.address !== undefined) {
        fields |= RULE_ADDRESS | RULE_FAMILY; // a prefix is of one family
        view.setUint8(at + RULE.family, rule.address.bytes.length === 4 ? 4 : 6);
        view.setUint8(at + RULE.prefixLength, rule.address.prefixLength);
        rule.address.bytes.forEach((byte, i) => view.setUint8(at + RULE.address + i, byte));
      }
      view.setUint32(at + RULE.fields, fields, true);
    });
  });
}

/** struct fg_command_credit: bytes of frames consumed since the start. */
export function creditCommand(consumed: number): Command {
  const layout = COMMAND_CREDIT_LAYOUT;
  return command(COMMAND_CREDIT, layout.size, (view, at) =>
    view.setBigUint64(at + layout.consumed, BigInt(consumed), true),
  );
}

/** Asks for everything that exists to be said again (after lost state events). */
export const resyncCommand = (): Command => command(COMMAND_RESYNC, 0);

/** Asks the helper to detach, send what is left and BYE, and exit. */
export const stopCommand = (): Command => command(COMMAND_STOP, 0);
