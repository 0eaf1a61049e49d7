// Hostile frames on the helper's socket: it ends with a clear sentence, never by a signal, nothing left attached.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Child } from '../lab/child.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { CHECKOUT } from '../lab/programs.ts';

const HELPER = join(CHECKOUT, 'dist/helper/flowglass-helper');

// From bpf/abi.h, spelled out again on purpose: this is the outside view of the wire.
const MAGIC = 0x53474c46;
const HELLO = 128;
const ATTACH = 129;
const CAPTURE = 131;
const FILTER = 132;
const CREDIT = 133;
const FRAME_HELLO = 1;
const FRAME_BYE = 14;

const frame = (type: number, payload: Buffer, length = payload.length, flags = 0) => {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  return Buffer.concat([header, payload]);
};
const hello = (magic = MAGIC, version = 1, tableBytes = 1n << 20n) => {
  const payload = Buffer.alloc(48);
  payload.writeUInt32LE(magic, 0);
  payload.writeUInt32LE(version, 4);
  payload.writeBigUInt64LE(tableBytes, 16);
  return frame(HELLO, payload);
};
const attach = (ifindex: number, iface: number, rung: number) => {
  const payload = Buffer.alloc(16);
  payload.writeUInt32LE(ifindex, 0);
  payload.writeUInt16LE(iface, 4);
  payload.writeUInt32LE(rung, 8);
  payload.writeUInt32LE(rung, 12);
  return frame(ATTACH, payload);
};

describeAsRoot('hostile frames', () => {
  let lab: Lab;
  let client: Host;
  let directory: string;
  let ifindex: number;
  const servers: Server[] = [];

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    const server = lab.host('server');
    lab.link(client, server);
    ifindex = Number(JSON.parse(client.run('ip', ['-j', 'link', 'show', 'dev', 'veth0']))[0].ifindex);
    directory = mkdtempSync(join(tmpdir(), 'flowglass-hostile-'));
    expect(existsSync(HELPER), 'npm run build first').toBe(true);
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  afterAll(() => {
    lab.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Starts a helper that connects to us; `types` grows with the frame types it sends. */
  async function helper(token = randomBytes(32)) {
    const path = join(directory, `s${servers.length}-${Math.random().toString(36).slice(2)}`);
    const types: number[] = [];
    const connected = new Promise<Socket>((resolve) => {
      const server = createServer((socket) => {
        let buffer = Buffer.alloc(0);
        socket.on('error', () => undefined);
        socket.on('data', (data) => {
          buffer = Buffer.concat([buffer, data]);
          while (buffer.length >= 8 && buffer.length >= 8 + buffer.readUInt32LE(0)) {
            types.push(buffer.readUInt16LE(4));
            buffer = buffer.subarray(8 + buffer.readUInt32LE(0));
          }
        });
        resolve(socket);
      });
      servers.push(server);
      server.listen(path);
    });
    await settle(20);
    const child = lab.care(new Child(HELPER, ['--socket', path, '--netns', client.path], { timeoutMs: 20_000 }));
    child.write(token.toString('latin1'));
    return { child, types, socket: connected };
  }

  /** It must end by itself, by exit and not by a signal, and say why. */
  async function expectRefusal(child: Child, why: string): Promise<void> {
    const { status, signal, stderr } = await child.done;
    expect(signal, `${why}: ${stderr}`).toBeNull();
    expect(status, why).not.toBe(0);
    expect(stderr, why).toMatch(/^flowglass-helper: [^\n]+\n$/m);
    expect(client.attached('veth0'), why).toEqual([]);
  }

  const tokenOf = () => Buffer.from(Array.from({ length: 32 }, (_, i) => i + 32)); // survives being written as text

  it.each<[string, Buffer]>([
    ['a hello with the wrong magic', hello(0x12345678)],
    ['version 99 of the protocol and this helper speaks', hello(MAGIC, 99)],
    ['a table beyond all memory', hello(MAGIC, 1, 1n << 62n)],
    ['a hello cut short', frame(HELLO, Buffer.alloc(7))],
    ['a hello too long', frame(HELLO, Buffer.alloc(200))],
    ['a length beyond the limit', frame(HELLO, Buffer.alloc(16), 0xffffffff)],
    ['a command before the hello', attach(1, 0, 1)],
    ['a frame type that is the helper’s own', frame(12, Buffer.alloc(8))],
    ['flags that mean nothing', frame(HELLO, Buffer.alloc(48), 48, 0xffff)],
    ['text', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ])('%s', async (why, bytes) => {
    const { child, socket } = await helper(tokenOf());
    (await socket).write(bytes);
    await expectRefusal(child, why);
    if (why.startsWith('version')) expect(child.stderr).toContain(why);
  });

  it.each<[string, Buffer]>([
    ['an interface number that means none', attach(1, 0xffff, 1)],
    ['a rung that does not exist', attach(1, 1, 77)],
    ['a second hello', hello()],
    ['an attach cut short', frame(ATTACH, Buffer.alloc(3))],
    ['capture with a wrong size', frame(CAPTURE, Buffer.alloc(5))],
    [
      'more rules than there are',
      (() => {
        const b = Buffer.alloc(8 + 64 * 32);
        b.writeUInt32LE(65, 0);
        return frame(FILTER, b);
      })(),
    ],
    [
      'credit for more than was sent',
      (() => {
        const b = Buffer.alloc(8);
        b.writeBigUInt64LE(1n << 60n, 0);
        return frame(CREDIT, b);
      })(),
    ],
    ['an unknown command', frame(200, Buffer.alloc(8))],
    ['noise', Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), randomBytes(4000)])],
  ])('attached, then %s', async (why, bytes) => {
    const { child, types, socket } = await helper(tokenOf());
    const connection = await socket;
    connection.write(hello());
    for (let i = 0; i < 200 && !types.includes(FRAME_HELLO); i++) await settle(25);
    connection.write(attach(ifindex, 0, 1));
    // INTERFACE frames tell of devices that are there, too: what counts is what is attached.
    for (let i = 0; i < 200 && client.attached('veth0').length < 2; i++) await settle(25);
    expect(client.attached('veth0')).toHaveLength(2);
    connection.write(bytes);
    await expectRefusal(child, why);
    expect(types).toContain(FRAME_BYE);
  });

  it('random bytes, 30 times: never a signal', async () => {
    for (let i = 0; i < 30; i++) {
      const { child, socket } = await helper(tokenOf());
      const noise = randomBytes(1 + Math.floor(Math.random() * 300));
      if (i % 2 === 0 && noise.length >= 8) {
        noise.writeUInt32LE(Math.max(0, noise.length - 8), 0); // a well-formed header around nonsense
        noise.writeUInt16LE(128 + (i % 8), 4);
      }
      const connection = await socket;
      connection.write(noise);
      connection.end();
      const { signal } = await child.done;
      expect(signal, noise.toString('hex')).toBeNull();
    }
  }, 60_000);

  it('the engine closes its end: it detaches and exits', async () => {
    const { child, types, socket } = await helper(tokenOf());
    const connection = await socket;
    connection.write(hello());
    for (let i = 0; i < 200 && !types.includes(FRAME_HELLO); i++) await settle(25);
    connection.write(attach(ifindex, 0, 1));
    // INTERFACE frames tell of devices that are there, too: what counts is what is attached.
    for (let i = 0; i < 200 && client.attached('veth0').length < 2; i++) await settle(25);
    connection.destroy();
    const { signal } = await child.done;
    expect(signal).toBeNull();
    expect(client.attached('veth0')).toEqual([]);
  });

  it('no token on standard input: it says so and does not connect on', async () => {
    const { child } = await helper(Buffer.alloc(0));
    child.closeInput();
    await expectRefusal(child, 'no token');
  });
});
