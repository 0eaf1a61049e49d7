/** A keyframe with pseudonyms: the reducer's state with every address, name and user replaced where it stands. */
import { KEY } from '../abi/generated.ts';
import type { Column } from '../flow/columns.ts';
import { Reducer } from '../flow/reducer.ts';
import { Strings } from '../flow/strings.ts';
import { cleanAlpn, cleanRequest, cleanWide } from './facts.ts';
import { cleanKey, isDropReason } from './frames.ts';
import type { Pseudonyms, TextKind } from './pseudonyms.ts';

/** The state with pseudonyms; its indexes are built anew. */
export function cleanState(reducer: Reducer, names: Pseudonyms): Reducer {
  const { model } = reducer;
  reducer.editKeys((keys, count) => {
    const bytes = new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength);
    for (let row = 0; row < count; row++) cleanKey(names, bytes, row * KEY.size);
  });
  const { flows, sockets, processes, interfaces, reasons, reasonName } = model;
  sockets.addresses.edit((words, count) => {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    // Number 0 is "any"; what has only its first word is IPv4.
    for (let row = 1; row < count; row++) {
      const wide = words[row * 4 + 1] !== 0 || words[row * 4 + 2] !== 0 || words[row * 4 + 3] !== 0;
      if (wide) names.addresses.v6(bytes, row * 16);
      else names.addresses.v4(bytes, row * 16);
    }
  });
  for (const [column, count] of [
    [sockets.uid, sockets.rows.count],
    [processes.uid, processes.rows.count],
  ] as const)
    for (let row = 0; row < count; row++) column.data[row] = names.uid(column.data[row]!);
  for (const face of interfaces.list) {
    face.name = names.unicode('interface', face.name);
    face.reason = '';
  }

  const strings = new Strings();
  /** Numbers in columns are strings + 1. */
  const replace = (column: Column<Uint32Array>, count: number, made: (bytes: Uint8Array) => Uint8Array): void => {
    for (let i = 0; i < count * column.stride; i++) {
      const id = column.data[i]!;
      if (id !== 0) column.data[i] = strings.intern(made(model.strings.bytesOf(id - 1))) + 1;
    }
  };
  const as = (kind: TextKind) => (bytes: Uint8Array) => names.bytes(kind, bytes);
  replace(processes.comm, processes.rows.count, as('process'));
  replace(processes.exe, processes.rows.count, as('path'));
  replace(processes.file, processes.rows.count, as('path'));
  replace(processes.args, processes.rows.count, as('arguments'));
  replace(model.folded.process, model.folded.rows.count, as('process'));
  replace(model.cgroups.paths, model.cgroups.count, as('container'));
  model.cgroups.details.data.fill(0);
  replace(flows.name, flows.rows.count, as('name'));
  const { applications } = model;
  const rows = applications.rows.count;
  for (const column of [applications.tlsName, applications.tlsCertificate, applications.dnsQuestion])
    replace(column, rows, as('name'));
  for (const column of [applications.tlsAlpn, applications.tlsChosen])
    replace(column, rows, (bytes) => cleanAlpn(names, bytes));
  replace(applications.banner, rows, as('name'));
  replace(applications.httpRequest, rows, (bytes) => cleanRequest(names, bytes));
  model.names.edit(
    (words, at) => cleanWide(names.addresses, words, at),
    (name) => strings.intern(names.bytes('name', model.strings.bytesOf(name))),
  );
  replace(reasonName, reasons.count, (bytes) =>
    isDropReason(Buffer.from(bytes).toString('latin1')) ? bytes : names.bytes('name', bytes),
  );
  model.strings.become(strings);
  return Reducer.restore(reducer.serialize());
}
