import type { ProcessTexts } from '../capture/pcapng-writer.ts';
import { printable } from '../errors.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import { containerName, placeOfProcess } from '../processes/places.ts';
import type { Owner } from '../session/options.ts';
import { processName } from '../summary/process.ts';

const COMMENT_MAX = 400;
/** Programs whose comments are remembered. */
const KNOWN_MAX = 10_000;

/** What Wireshark's process blocks say of the process in row `row`. */
export function textsOfProcess({ processes, strings, clock }: FlowModel, row: number): ProcessTexts {
  const text = (id: number | undefined): string | null => (id === undefined || id === 0 ? null : strings.text(id - 1));
  const args = text(processes.args.data[row]);
  const flags = processes.flags.data[row] ?? 0;
  return {
    pid: processes.pid.data[row] ?? 0,
    name: text(processes.comm.data[row]),
    path: text(processes.exe.data[row]) ?? text(processes.file.data[row]),
    commandLine: args === null ? null : args.replace(/\0$/, '').split('\0'),
    parentPid: (flags & PROCESS_PARENT_KNOWN) === 0 ? null : (processes.parentPid.data[row] ?? null),
    uid: (flags & PROCESS_UID_KNOWN) === 0 ? null : (processes.uid.data[row] ?? null),
    startNs: startOf({ processes, clock }, row),
  };
}

function startOf({ processes, clock }: Pick<FlowModel, 'processes' | 'clock'>, row: number): bigint | null {
  return clock.wallNs(clock.relative(processes.startLow.data[row] ?? 0, processes.startHigh.data[row] ?? 0));
}

/** What Wireshark's process blocks say of the owner of a packet; asked once for each process, when its first packet is written. */
export function processTexts(model: FlowModel): (owner: Owner) => ProcessTexts | null {
  return ({ pid }) => {
    for (let row = model.processes.rows.count - 1; row >= 0; row--) {
      if (model.processes.pid.data[row] === pid) return textsOfProcess(model, row);
    }
    return null;
  };
}

/** `curl (pid 1234, unit ssh.service, container web)`: a comment on its packets. Made once for each program that a process runs. */
export function processComments(model: FlowModel): (owner: Owner) => Uint8Array | null {
  const known = new Map<number, Uint8Array>();
  return ({ pid, identity = pid }) => {
    const made = known.get(identity);
    if (made !== undefined) return made;
    const row = Math.floor(identity / 65536); // as ownerOfPacket makes it
    const name = processName(model, row);
    const { unit, container } = placeOfProcess(model, row);
    // Its name and its group are told a little after its first packet.
    if (name === '') return null;
    const words = [`pid ${pid}`];
    if (unit !== null) words.push(`unit ${unit}`);
    if (container !== null) words.push(`container ${containerName(container)}`);
    const text = new TextEncoder().encode(printable(`${name} (${words.join(', ')})`).slice(0, COMMENT_MAX));
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(identity, text);
    return text;
  };
}

/** The process that had a pid at a wall time: the newest that had begun by then, else the first that had it. */
export function processAt(model: FlowModel): (pid: number, wallNs: bigint) => ProcessTexts | null {
  const rows = new Map<number, number[]>();
  for (let row = 0; row < model.processes.rows.count; row++) {
    const pid = model.processes.pid.data[row]!;
    const known = rows.get(pid);
    if (known === undefined) rows.set(pid, [row]);
    else known.push(row);
  }
  return (pid, wallNs) => {
    const known = rows.get(pid);
    if (known === undefined) return null;
    const begun = known.filter((row) => (startOf(model, row) ?? 0n) <= wallNs);
    return textsOfProcess(model, begun.at(-1) ?? known[0]!);
  };
}
