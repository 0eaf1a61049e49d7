import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { mmdb } from '../../test/lab/mmdb.ts';
import type { FlowglassError } from '../errors.ts';
import { parseAddress } from '../filter/address.ts';
import { Databases, NO_OWNER } from './databases.ts';
import { networkText } from './places.ts';
import { networkOf } from './ranges.ts';

function range(text: string): string {
  const address = parseAddress(text);
  if ('error' in address) throw new Error(address.error);
  return networkOf(new Uint32Array(Uint8Array.from(address.bytes).buffer), 0, address.family);
}

describe('the range of an address', () => {
  it.each([
    ['private', '10.0.0.1 10.255.255.255 172.16.0.0 172.31.255.255 192.168.7.7 fd00::1 fc00::'],
    ['public', '9.255.255.255 11.0.0.0 172.32.0.0 8.8.8.8 192.0.0.9 2606:4700::1 2001:4860::8888 2001:1::1 2a00::'],
    ['shared', '100.64.0.1 100.127.255.255'],
    ['loopback', '127.0.0.1 127.255.0.1 ::1'],
    ['link-local', '169.254.169.254 fe80::1 febf::1'],
    ['multicast', '224.0.0.251 239.255.255.250 ff02::fb'],
    ['broadcast', '255.255.255.255'],
    ['documentation', '192.0.2.1 198.51.100.7 203.0.113.80 2001:db8::1 3fff:fff::1'],
    ['benchmark', '198.18.0.1 198.19.255.255 2001:2::1'],
    ['translation', '64:ff9b::8.8.8.8 64:ff9b:1::1 2002:808:808::1 2001::1 192.88.99.1'],
    ['discard', '100::1'],
    ['reserved', '240.0.0.1 0.1.2.3 192.0.0.200 fec0::1 4000::1 5f00::1'],
    ['unspecified', '0.0.0.0 ::'],
  ])('is %s', (network, addresses) => {
    for (const address of addresses.split(' ')) expect(range(address), address).toBe(network);
  });
});

describe('databases of networks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-mmdb-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: Uint8Array | string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const asn = file(
    'asn.mmdb',
    mmdb('GeoLite2-ASN', {
      '203.0.113.0/24': { autonomous_system_number: 64500, autonomous_system_organization: 'Example Org' },
      '2001:db8::/32': { autonomous_system_number: 64501, autonomous_system_organization: 'Example 6' },
    }),
  );
  const country = file(
    'country.mmdb',
    mmdb('DBIP-Country-Lite', { '203.0.113.0/25': { country: { iso_code: 'DE' } } }),
  );
  const open = (...paths: string[]): { databases: Databases; problems: FlowglassError[] } => {
    const problems: FlowglassError[] = [];
    return { databases: Databases.open(paths, (error) => problems.push(error)), problems };
  };

  it('tell system, organisation and country, the one beside the other', () => {
    const { databases, problems } = open(asn, country);
    expect(problems).toEqual([]);
    expect(databases.about.map(({ type, built }) => [type, built])).toEqual([
      ['GeoLite2-ASN', '2026-11-24'],
      ['DBIP-Country-Lite', '2026-11-24'],
    ]);
    expect(databases.lookup('203.0.113.80')).toEqual({ asn: 64500, organisation: 'Example Org', country: 'DE' });
    expect(databases.lookup('203.0.113.200')).toEqual({ asn: 64500, organisation: 'Example Org', country: null });
    expect(databases.lookup('2001:db8::7')).toEqual({ asn: 64501, organisation: 'Example 6', country: null });
    expect(databases.lookup('198.51.100.1')).toEqual(NO_OWNER);
  });

  it("read IPinfo's fields too, and ignore what has another shape", () => {
    const { databases } = open(
      file(
        'lite.mmdb',
        mmdb('ipinfo_lite', {
          '203.0.113.0/24': { asn: 'AS64500', as_name: 'Example Org', country_code: 'NL', country: 'Netherlands' },
          '198.51.100.0/24': { asn: 'none', autonomous_system_number: 'x', country: { iso_code: 'Germany' } },
        }),
      ),
    );
    expect(databases.lookup('203.0.113.1')).toEqual({ asn: 64500, organisation: 'Example Org', country: 'NL' });
    expect(databases.lookup('198.51.100.1')).toEqual(NO_OWNER);
  });

  it('that cannot be used are told of once each; the others are used', () => {
    const cut = file('cut.mmdb', mmdb('X', { '203.0.113.0/24': { a: 1 } }).subarray(0, 100));
    const { databases, problems } = open(join(folder, 'none.mmdb'), file('text.mmdb', 'no database'), cut, folder, asn);
    expect(problems.map(({ what }) => what.replace(/.*: /, ''))).toEqual([
      'there is no such file',
      'it is no MMDB database, or it is damaged',
      'it is no MMDB database, or it is damaged',
      'it is a directory',
    ]);
    expect(databases.lookup('203.0.113.80').asn).toBe(64500);
  });

  it('are damaged anywhere and still break nothing', () => {
    const whole = mmdb('GeoLite2-ASN', { '203.0.113.0/24': { autonomous_system_number: 64500, x: ['a', { b: 'c' }] } });
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 0xff;
      const { databases } = open(file('changed.mmdb', bytes));
      for (const address of ['203.0.113.80', '2001:db8::1']) databases.lookup(address);
    }
  });
});

it('what is shown of a network', () => {
  expect(networkText('public', { asn: 64500, organisation: 'Example', country: 'DE' })).toBe('AS64500 Example, DE');
  expect(networkText('public', { asn: null, organisation: null, country: 'DE' })).toBe('DE');
  expect(networkText('private', NO_OWNER)).toBe('private');
});
