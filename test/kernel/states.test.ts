// Every state of both sockets of a connection, with its time, whoever closes first: as the kernel goes through them.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { flowOf, record, type Flow } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

const HOLD_MS = 300;
const ACTIVE = ['FIN_WAIT1', 'FIN_WAIT2', 'CLOSE'];
const PASSIVE = ['CLOSE_WAIT', 'LAST_ACK', 'CLOSE'];

describeAsRoot('states of a connection', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  beforeEach(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
  });
  afterEach(() => lab.dispose());

  const msOf = (flow: Flow, to: string): number => Date.parse(flow.states?.find((state) => state.to === to)?.at ?? '');

  it.each([
    ['the client', ['--mode', 'respond', '--request', 100, '--response', 1000], ['--send', 100, '--receive', 1000, '--hold-ms', HOLD_MS], ACTIVE, PASSIVE], // prettier-ignore
    ['the server', ['--mode', 'source', '--response', 1000], ['--hold-ms', HOLD_MS], PASSIVE, ACTIVE],
  ])('%s closes first', async (who, mode, ask, near, far) => {
    await server.server(['tcp', '--port', 80, ...mode]);
    const recorders = [
      await record(lab, client, join(lab.directory, 'near.pcapng')),
      await record(lab, server, join(lab.directory, 'far.pcapng')),
    ];
    const child = client.start('client', ['tcp', '--to', link.right.v4, '--port', 80, ...ask]);
    const closed = await child.event('closed');
    await settle(500);
    const [atClient, atServer] = await Promise.all(recorders.map((recorder) => recorder.finish()));
    if (atClient === undefined || atServer === undefined) throw new Error('unreachable');
    const [mine, theirs] = [flowOf(atClient, closed['localPort']), flowOf(atServer, closed['localPort'])];
    expect(mine.states?.map(({ to }) => to)).toEqual(['SYN_SENT', 'ESTABLISHED', ...near]);
    expect(theirs.states?.map(({ to }) => to).filter((to) => to !== 'SYN_RECV')).toEqual(['ESTABLISHED', ...far]);
    for (const flow of [mine, theirs]) {
      const states = flow.states ?? [];
      for (const [i, { at, from }] of states.entries()) {
        if (i > 0) expect(from).toBe(states[i - 1]?.to);
        if (i > 0) expect(at >= (states[i - 1]?.at ?? '')).toBe(true);
      }
      expect([flow.state, flow.end]).toEqual(['closed', 'fin']);
    }
    const [began] = mine.states ?? [];
    expect(Date.parse(began?.at ?? '') - Date.parse(mine.started)).toBeLessThanOrEqual(1);
    // How long a state lasted is what the program waited in it.
    const left = who === 'the client' ? msOf(mine, 'FIN_WAIT1') - msOf(mine, 'ESTABLISHED') : msOf(mine, 'LAST_ACK') - msOf(mine, 'CLOSE_WAIT'); // prettier-ignore
    expect(left).toBeGreaterThanOrEqual(HOLD_MS - 1);
    const connectMs = msOf(mine, 'ESTABLISHED') - Date.parse(began?.at ?? '');
    expect(Math.abs(connectMs - (mine.latency.connectUs ?? NaN) / 1000)).toBeLessThanOrEqual(1.1);
  });
});
