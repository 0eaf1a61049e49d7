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
  COMMAND_VERDICT,
  COMMAND_VERDICT_LAYOUT,
  FRAME_HEADER,
  MAGIC,
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

/** struct fg_command_filter from its payload (encodeRules of core/filter): at most 64 rules, none = everything. */
export function filterCommand(payload: Uint8Array): Command {
  const layout = COMMAND_FILTER_LAYOUT;
  if (payload.length !== layout.size) throw new RangeError(`a filter of ${payload.length} bytes, not ${layout.size}`);
  const bytes = command(COMMAND_FILTER, layout.size);
  bytes.set(payload, FRAME_HEADER.size);
  return bytes;
}

/** struct fg_command_verdict: packets of this flow (`key` = struct fg_key) are not to be copied, or are again. */
export function verdictCommand(key: Uint8Array, epoch: number, unwanted: boolean): Command {
  const layout = COMMAND_VERDICT_LAYOUT;
  const bytes = command(COMMAND_VERDICT, layout.size, (view, at) => {
    view.setUint32(at + layout.epoch, epoch, true);
    view.setUint32(at + layout.unwanted, unwanted ? 1 : 0, true);
  });
  bytes.set(key, FRAME_HEADER.size + layout.key);
  return bytes;
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
