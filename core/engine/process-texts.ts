import type { ProcessTexts } from '../capture/pcapng-writer.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import type { Owner } from '../session/options.ts';

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
