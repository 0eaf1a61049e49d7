/** Takes flows and sockets out of the model, with everything that nothing else names any more. */
import type { FlowModel } from './model.ts';
import { PROCESS_EXITED_FLAG } from './processes.ts';
import { compactUnused, mark, renumber, type Reference } from './references.ts';

/** Exited processes that own nothing are kept this long: the events of their sockets may still come, ns. */
const EXITED_NS = 60e9;

/** `keep…` = 1 for each row that stays; the answer is the new row of each, -1 = gone. */
export function compactModel(
  model: FlowModel,
  keepFlows: Uint8Array,
  keepSockets: Uint8Array,
): { flows: Int32Array; sockets: Int32Array } {
  const { flows: table, sockets: socketTable, localTimes, tcpTrouble } = model;
  const flows = table.compact(keepFlows);
  const sockets = socketTable.compact(keepSockets);
  renumber(table.socket.data, table.rows.count * 2, sockets);
  renumber(socketTable.flow.data, socketTable.rows.count, flows);
  localTimes.fold(flows);
  tcpTrouble.fold(flows);
  compactDrops(model);
  compactMeasured(model);
  compactProcesses(model);
  compactUnused(model.strings.count, stringsOf(model), (keep) => model.strings.compact(keep));
  model.folded.rebuild();
  return { flows, sockets };
}

function compactDrops({ flows, drops, dropNext }: FlowModel): void {
  const keep = new Uint8Array(drops.count);
  mark(flows.drops.data, flows.rows.count, keep);
  // A list goes from newer rows to older ones.
  for (let drop = drops.count - 1; drop >= 0; drop--)
    if (keep[drop] === 1 && dropNext.data[drop]! >= 0) keep[dropNext.data[drop]!] = 1;
  const numbers = drops.compact(keep);
  renumber(flows.drops.data, flows.rows.count, numbers);
  renumber(dropNext.data, drops.count, numbers);
}

/** What flows and sockets measured, and what flows carried. */
function compactMeasured(model: FlowModel): void {
  const { flows, sockets, applications, histograms, samples, throughput, localTimes } = model;
  const of = ({ rows }: { readonly rows: Reference['rows'] }, column: Reference['column']): Reference => ({
    rows,
    column,
    base: 0,
  });
  compactUnused(applications.rows.count, [of(flows, flows.application)], (keep) => applications.rows.compact(keep));
  compactUnused(
    histograms.count,
    [
      of(flows, flows.rtt),
      of(flows, flows.response),
      of(sockets, sockets.rtt),
      of(applications, applications.latency),
      ...localTimes.references,
    ],
    (keep) => histograms.compact(keep),
  );
  compactUnused(samples.count, [of(flows, flows.samples), of(sockets, sockets.samples)], (keep) =>
    samples.compact(keep),
  );
  compactUnused(throughput.count, [of(flows, flows.throughput)], (keep) => throughput.compact(keep));
}

/** Processes that run, exited lately, or own a socket that stays. */
function compactProcesses({ processes, sockets, nowNs }: FlowModel): void {
  const { count } = processes.rows;
  const owners: Reference = { rows: sockets.owners, column: sockets.ownerProcess, base: 0 };
  compactUnused(count, [owners], (keep) => {
    for (let row = 0; row < count; row++) {
      const exited = (processes.flags.data[row]! & PROCESS_EXITED_FLAG) !== 0;
      const newest =
        processes.find(processes.pid.data[row]!, processes.startLow.data[row]!, processes.startHigh.data[row]!) === row;
      if (newest && !(exited && nowNs - processes.exitedNs.data[row]! > EXITED_NS)) keep[row] = 1;
    }
    return processes.compact(keep);
  });
}

function stringsOf(model: FlowModel): Reference[] {
  const { flows, processes, applications, cgroups, names, reasons, reasonName, folded } = model;
  const plusOne = (rows: Reference['rows'], columns: readonly Reference['column'][]): Reference[] =>
    columns.map((column) => ({ rows, column, base: 1 }));
  return [
    ...plusOne(flows.rows, [flows.name]),
    ...plusOne(processes.rows, [processes.comm, processes.exe, processes.file, processes.args]),
    ...plusOne(applications.rows, applications.texts),
    ...plusOne(reasons, [reasonName]),
    ...cgroups.references,
    ...names.references,
    ...folded.references,
  ];
}
