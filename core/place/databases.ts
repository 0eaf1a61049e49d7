/**
 * Whose network an address is in: autonomous system, organisation, country, from offline databases in the MMDB format
 * that the user names (MaxMind, DB-IP, IPinfo and others). Nothing is asked of anybody.
 */
import { readFileSync, statSync } from 'node:fs';
import { Reader, type Response } from 'maxmind';
import { FlowglassError } from '../errors.ts';

const FILE_MAX = 1 << 30;

export interface Owner {
  /** Number of the autonomous system */
  readonly asn: number | null;
  readonly organisation: string | null;
  /** ISO 3166-1, two letters */
  readonly country: string | null;
}

export const NO_OWNER: Owner = { asn: null, organisation: null, country: null };

interface About {
  readonly path: string;
  readonly type: string;
  readonly built: string;
}

interface Opened {
  readonly reader: Reader<Response>;
  readonly about: About;
}

/** One or more databases; what the first does not tell is asked of the next. */
export class Databases {
  readonly #readers: readonly Reader<Response>[];
  /** What each is, and when it was made. */
  readonly about: readonly About[];

  private constructor(opened: readonly Opened[]) {
    this.#readers = opened.map(({ reader }) => reader);
    this.about = opened.map(({ about }) => about);
  }

  /** Opens what can be opened; `problem` is told of each other file, once. */
  static open(paths: readonly string[], problem: (error: FlowglassError) => void): Databases {
    const opened: Opened[] = [];
    for (const path of paths) {
      try {
        opened.push(openOne(path));
      } catch (error) {
        problem(unreadable(path, error));
      }
    }
    return new Databases(opened);
  }

  /** `address`: IPv4 or IPv6 as text, without zone. */
  lookup(address: string): Owner {
    let found = NO_OWNER;
    for (const reader of this.#readers) {
      try {
        found = filledUp(found, ownerFrom(reader.get(address)));
      } catch {
        // IPv6 asked of a database of IPv4, or a damaged record: it tells nothing.
      }
    }
    return found;
  }
}

/** Also looks something up, so that a file that only begins well is noticed now. */
function openOne(path: string): Opened {
  const { size } = statSync(path);
  if (size > FILE_MAX) throw new Error('it is larger than 1 GiB');
  const reader = new Reader<Response>(readFileSync(path));
  reader.get('192.0.2.1');
  const { databaseType, buildEpoch } = reader.metadata;
  return { reader, about: { path, type: String(databaseType), built: buildEpoch.toISOString().slice(0, 10) } };
}

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a directory',
};

function unreadable(path: string, error: unknown): FlowglassError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = SYSTEM_WORDS[code] ?? 'it is no MMDB database, or it is damaged';
  return new FlowglassError({
    code: 'bad-mmdb',
    what: `a database of networks cannot be used: ${why}`,
    where: path,
    hint: 'everything else is shown; give an MMDB file of MaxMind, DB-IP or IPinfo with ASN or country',
    exitCode: 1,
  });
}

const filledUp = (first: Owner, second: Owner): Owner => ({
  asn: first.asn ?? second.asn,
  organisation: first.organisation ?? second.organisation,
  country: first.country ?? second.country,
});

/** Fields of the databases that are around: MaxMind's and DB-IP's, IPinfo's. A record may be anything. */
function ownerFrom(record: unknown): Owner {
  const number = numberAt(record, 'autonomous_system_number') ?? numberAt(record, 'traits', 'autonomous_system_number');
  const as = /^AS(\d{1,10})$/.exec(textAt(record, 'asn') ?? '')?.[1];
  const country =
    textAt(record, 'country', 'iso_code') ??
    textAt(record, 'country_code') ??
    textAt(record, 'registered_country', 'iso_code') ??
    textAt(record, 'country');
  return {
    asn: number ?? (as === undefined ? null : Number(as)),
    organisation:
      textAt(record, 'autonomous_system_organization') ??
      textAt(record, 'traits', 'autonomous_system_organization') ??
      textAt(record, 'as_name') ??
      textAt(record, 'organization'),
    country: country !== null && /^[A-Z]{2}$/.test(country) ? country : null,
  };
}

function valueAt(record: unknown, path: readonly string[]): unknown {
  let value = record;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === key)?.[1];
  }
  return value;
}

function textAt(record: unknown, ...path: string[]): string | null {
  const value = valueAt(record, path);
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberAt(record: unknown, ...path: string[]): number | null {
  const value = valueAt(record, path);
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}
