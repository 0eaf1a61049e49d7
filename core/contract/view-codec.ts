/**
 * Binary form of a view update: one ArrayBuffer that can be transferred.
 *
 * Little-endian. Header of 32 bytes: u32 magic "FGV1", u32 view, u32 base version (0 = full), u32 version,
 * f64 cursor ns, u32 number of tables, u32 reserved. Then each table: u32 rows removed, u32 rows changed, f64 keys
 * removed, f64 keys changed, and the columns of its schema in order, each padded to 8 bytes. Then the strings that the
 * page has not seen: u32 count, u32 reserved, and per string u32 id, u32 byte length, UTF-8 padded to 8.
 *
 * The page acknowledges versions; an update whose base is not the page's version is dropped and asked for in full.
 */
import { VIEW_TABLES, type ColumnType, type TableSchema, type ViewKind } from './tables.ts';

const MAGIC = 0x31564746;
const HEADER = 32;
const SIZE: Record<ColumnType, number> = { f64: 8, f32: 4, u32: 4, u8: 1, str: 4 };
const pad8 = (n: number): number => (n + 7) & ~7;

/** Columns of one table, structure of arrays; strings as interned ids. */
export type Column = Float64Array | Float32Array | Uint32Array | Uint8Array;

function makeColumn(type: ColumnType, capacity: number): Column {
  switch (type) {
    case 'f64':
      return new Float64Array(capacity);
    case 'f32':
      return new Float32Array(capacity);
    case 'u8':
      return new Uint8Array(capacity);
    default:
      return new Uint32Array(capacity);
  }
}

/** A table's rows as last sent (engine) or as known (page): keyed rows in typed columns, grown by doubling. */
export class RowSet {
  readonly schema: TableSchema;
  keys = new Float64Array(64);
  columns: Column[];
  length = 0;
  private readonly index = new Map<number, number>();

  constructor(schema: TableSchema) {
    this.schema = schema;
    this.columns = schema.columns.map(([, type]) => makeColumn(type, 64));
  }

  /** Row number of a key, or -1. */
  find(key: number): number {
    return this.index.get(key) ?? -1;
  }

  /** Row number of a key, added with zeros if new. */
  upsert(key: number): number {
    const found = this.index.get(key);
    if (found !== undefined) return found;
    if (this.length === this.keys.length) this.grow();
    const row = this.length++;
    this.keys[row] = key;
    this.index.set(key, row);
    for (const column of this.columns) column[row] = 0;
    return row;
  }

  /** Removes a key; the last row takes its place. */
  remove(key: number): void {
    const row = this.index.get(key);
    if (row === undefined) return;
    const last = --this.length;
    this.index.delete(key);
    if (row === last) return;
    const moved = this.keys[last] as number;
    this.keys[row] = moved;
    this.index.set(moved, row);
    for (const column of this.columns) column[row] = column[last] as number;
  }

  clear(): void {
    this.length = 0;
    this.index.clear();
  }

  /** Column by name; throws on a name the schema does not have (a bug of ours). */
  column(name: string): Column {
    const at = this.schema.columns.findIndex(([column]) => column === name);
    if (at < 0) throw new Error(`table ${this.schema.name} has no column ${name}`);
    return this.columns[at] as Column;
  }

  private grow(): void {
    const capacity = this.keys.length * 2;
    const keys = new Float64Array(capacity);
    keys.set(this.keys);
    this.keys = keys;
    this.columns = this.columns.map((column, i) => {
      const bigger = makeColumn((this.schema.columns[i] as readonly [string, ColumnType])[1], capacity);
      bigger.set(column);
      return bigger;
    });
  }
}

/** Interns strings for one page; ids start at 1, 0 is null. */
export class StringInterner {
  private readonly ids = new Map<string, number>();
  private fresh: [number, string][] = [];

  id(text: string | null): number {
    if (text === null) return 0;
    let id = this.ids.get(text);
    if (id === undefined) {
      id = this.ids.size + 1;
      this.ids.set(text, id);
      this.fresh.push([id, text]);
    }
    return id;
  }

  /** Strings given an id since the last call. */
  takeFresh(): [number, string][] {
    const fresh = this.fresh;
    this.fresh = [];
    return fresh;
  }
}

export interface TableUpdate {
  removed: Float64Array;
  /** Rows of `from` to send. */
  changed: Uint32Array;
  from: RowSet;
}

/**
 * Compares the rows wanted now with those sent last and brings `sent` up to date.
 * NaN equals NaN. Cost: one pass over both.
 */
export function diffRows(next: RowSet, sent: RowSet): TableUpdate {
  const changed: number[] = [];
  const removed: number[] = [];
  const columns = next.columns.length;
  for (let row = 0; row < next.length; row++) {
    const key = next.keys[row] as number;
    let at = sent.find(key);
    let differs = at < 0;
    if (at < 0) at = sent.upsert(key);
    for (let c = 0; c < columns; c++) {
      const value = (next.columns[c] as Column)[row] as number;
      const old = (sent.columns[c] as Column)[at] as number;
      if (value !== old && !(value !== value && old !== old)) {
        (sent.columns[c] as Column)[at] = value;
        differs = true;
      }
    }
    if (differs) changed.push(row);
  }
  if (sent.length !== next.length) {
    for (let row = 0; row < sent.length; row++) {
      const key = sent.keys[row] as number;
      if (next.find(key) < 0) removed.push(key);
    }
    for (const key of removed) sent.remove(key);
  }
  return { removed: Float64Array.from(removed), changed: Uint32Array.from(changed), from: next };
}

export interface ViewHeader {
  view: number;
  base: number;
  version: number;
  cursorNs: number;
}

const encoder = new TextEncoder();

/** Encodes one update. */
export function encodeView(
  header: ViewHeader,
  tables: readonly TableUpdate[],
  strings: readonly [number, string][],
): ArrayBuffer {
  const encoded = strings.map(([id, text]) => [id, encoder.encode(text)] as const);
  let size = HEADER;
  for (const { removed, changed, from } of tables) {
    size += 8 + 8 * (removed.length + changed.length);
    for (const [, type] of from.schema.columns) size += pad8(SIZE[type] * changed.length);
  }
  size += 8;
  for (const [, bytes] of encoded) size += 8 + pad8(bytes.length);

  const buffer = new ArrayBuffer(size);
  const view = new DataView(buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, header.view, true);
  view.setUint32(8, header.base, true);
  view.setUint32(12, header.version, true);
  view.setFloat64(16, header.cursorNs, true);
  view.setUint32(24, tables.length, true);
  let at = HEADER;
  for (const { removed, changed, from } of tables) {
    view.setUint32(at, removed.length, true);
    view.setUint32(at + 4, changed.length, true);
    at += 8;
    new Float64Array(buffer, at, removed.length).set(removed);
    at += 8 * removed.length;
    const keys = new Float64Array(buffer, at, changed.length);
    for (let i = 0; i < changed.length; i++) keys[i] = from.keys[changed[i] as number] as number;
    at += 8 * changed.length;
    from.schema.columns.forEach(([, type], c) => {
      const source = from.columns[c] as Column;
      const target = columnAt(buffer, at, type, changed.length);
      for (let i = 0; i < changed.length; i++) target[i] = source[changed[i] as number] as number;
      at += pad8(SIZE[type] * changed.length);
    });
  }
  view.setUint32(at, encoded.length, true);
  at += 8;
  for (const [id, bytes] of encoded) {
    view.setUint32(at, id, true);
    view.setUint32(at + 4, bytes.length, true);
    new Uint8Array(buffer, at + 8, bytes.length).set(bytes);
    at += 8 + pad8(bytes.length);
  }
  return buffer;
}

function columnAt(buffer: ArrayBuffer, at: number, type: ColumnType, length: number): Column {
  switch (type) {
    case 'f64':
      return new Float64Array(buffer, at, length);
    case 'f32':
      return new Float32Array(buffer, at, length);
    case 'u8':
      return new Uint8Array(buffer, at, length);
    default:
      return new Uint32Array(buffer, at, length);
  }
}

/** Reads the header alone; null when the bytes are no view update. */
export function peekView(buffer: ArrayBuffer): ViewHeader | null {
  if (buffer.byteLength < HEADER) return null;
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) return null;
  return {
    view: view.getUint32(4, true),
    base: view.getUint32(8, true),
    version: view.getUint32(12, true),
    cursorNs: view.getFloat64(16, true),
  };
}

const decoder = new TextDecoder();

/** The page's copy of one view. */
export class ViewState {
  readonly tables: RowSet[];
  version = 0;
  cursorNs = 0;

  constructor(kind: ViewKind) {
    this.tables = VIEW_TABLES[kind].map((schema) => new RowSet(schema));
  }

  table(name: string): RowSet {
    const found = this.tables.find((table) => table.schema.name === name);
    if (!found) throw new Error(`view has no table ${name}`);
    return found;
  }

  /**
   * Applies one update; strings go into `strings` by id. Returns false (nothing changed) when its base is not our
   * version: ask for the view again. Throws RangeError on bytes that are not an update.
   */
  apply(buffer: ArrayBuffer, strings: Map<number, string>): boolean {
    const header = peekView(buffer);
    if (!header) throw new RangeError('not a view update');
    const view = new DataView(buffer);
    if (view.getUint32(24, true) !== this.tables.length) throw new RangeError('view update has other tables');
    const fits = header.base === 0 || header.base === this.version;
    let at = HEADER;
    for (const table of this.tables) {
      const removed = view.getUint32(at, true);
      const changed = view.getUint32(at + 4, true);
      at += 8;
      if (fits && header.base === 0) table.clear();
      if (fits) for (const key of new Float64Array(buffer, at, removed)) table.remove(key);
      at += 8 * removed;
      const keys = new Float64Array(buffer, at, changed);
      at += 8 * changed;
      const rows = fits ? Uint32Array.from(keys, (key) => table.upsert(key)) : null;
      table.schema.columns.forEach(([, type], c) => {
        const source = columnAt(buffer, at, type, changed);
        const target = table.columns[c] as Column;
        if (rows) for (let i = 0; i < changed; i++) target[rows[i] as number] = source[i] as number;
        at += pad8(SIZE[type] * changed);
      });
    }
    const count = view.getUint32(at, true);
    at += 8;
    for (let i = 0; i < count; i++) {
      const length = view.getUint32(at + 4, true);
      strings.set(view.getUint32(at, true), decoder.decode(new Uint8Array(buffer, at + 8, length)));
      at += 8 + pad8(length);
    }
    if (!fits) return false;
    this.version = header.version;
    this.cursorNs = header.cursorNs;
    return true;
  }
}
