// The past of a live source: any moment of it, there and back, is what it was, and capturing goes on meanwhile.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LiveSource } from '../../core/engine/live-source.ts';
import { listInterfaces } from '../../core/system/interfaces.ts';
import { findNamespace } from '../../core/system/netns.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

describeAsRoot('the past of what is watched', () => {
  let lab: Lab;
  let client: Host;
  let link: Link;
  let source: LiveSource;
  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    const server = lab.host('server');
    link = lab.link(client, server);
    await server.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 100, '--response', 1000], { timeoutMs: 60_000 }); // prettier-ignore
    const namespace = findNamespace(client.path);
    source = await LiveSource.start({
      application: 'test',
      sources: [{ interfaces: listInterfaces(namespace).filter(({ name }) => name === 'veth0'), namespace, name: client.path, all: false }],
      onLog: () => undefined,
      onLeft: () => undefined,
      onEnd: (error) => {
        throw error;
      },
    }); // prettier-ignore
  });
  afterAll(async () => {
    await source.close();
    lab.dispose();
  });

  it('is the same state whichever way one comes there, and goes on growing', async () => {
    const traffic = client.start('client', ['tcp', '--to', link.right.v4, '--port', 80, '--send', 100, '--receive', 1000, '--exchanges', 300, '--pause-ms', 10]); // prettier-ignore
    await settle(2500);
    const state = async (atNs: number): Promise<Buffer> => {
      await source.seek(atNs);
      expect(source.following).toBe(false);
      expect(source.cursorNs).toBe(atNs);
      return Buffer.from(source.state());
    };
    const { endNs } = source;
    const [early, late] = [endNs * 0.4, endNs * 0.9];
    const packets = (): number => source.model.flows.counters.data[0] ?? 0;
    const first = await state(early);
    const before = packets();
    const then = await state(late);
    expect(packets()).toBeGreaterThan(before);
    expect(await state(early)).toEqual(first);
    expect(await state(late)).toEqual(then);
    // A moment that was not there when it first looked back.
    await settle(600);
    const { endNs: now } = source;
    expect(now).toBeGreaterThan(endNs);
    await state(now);
    expect(await state(early)).toEqual(first);
    const overtaken = source.seek(late);
    source.follow();
    await overtaken;
    expect(source.following).toBe(true);
    await traffic.stop();
  });
});
