import type { ProcessTexts } from '../capture/pcapng-writer.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import type { Owner } from '../session/options.ts';

/** What Wireshark's process blocks say of the owner of a packet; asked once for each process, when its first packet is written. */
export function processTexts(model: FlowModel): (owner: Owner) => ProcessTexts | null {
  return ({ pid }) => {
    const { processes, strings, clock } = model;
    for (let row = processes.rows.count - 1; row >= 0; row--) {
      if (processes.pid.data[row] !== pid) continue;
      const text = (id: number | undefined): string | null =>
        id === undefined || id === 0 ? null : strings.text(id - 1);
      const args = text(processes.args.data[row]);
      const flags = processes.flags.data[row] ?? 0;
      const startNs = clock.relative(processes.startLow.data[row] ?? 0, processes.startHigh.data[row] ?? 0);
      return {
        pid,
        name: text(processes.comm.data[row]),
        path: text(processes.exe.data[row]) ?? text(processes.file.data[row]),
        commandLine: args === null ? null : args.replace(/\0$/, '').split('\0'),
        parentPid: (flags & PROCESS_PARENT_KNOWN) === 0 ? null : (processes.parentPid.data[row] ?? null),
        uid: (flags & PROCESS_UID_KNOWN) === 0 ? null : (processes.uid.data[row] ?? null),
        startNs: clock.wallNs(startNs),
      };
    }
    return null;
  };
}
