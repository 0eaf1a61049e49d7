import { expect, it } from 'vitest';
import { parseHosts } from './hosts-names.ts';

const HOSTS = `
127.0.0.1	localhost
10.0.0.7  db.shop.example db   # orders
fe80::7%eth0 printer
0.0.0.0 ads.example
not-an-address x
::1
`;

it('addresses have the names of their lines, the first of a line last, since the newest is shown', () => {
  expect(parseHosts(HOSTS).map(({ address, name }) => `${address.subarray(0, 4).join('.')} ${name}`)).toEqual([
    '254.128.0.0 printer',
    '10.0.0.7 db',
    '10.0.0.7 db.shop.example',
    '127.0.0.1 localhost',
  ]);
});
