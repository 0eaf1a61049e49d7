// Where the time of an exchange went: the network, the kernel's receive queue, the application, the peer; each against what the
// programs themselves saw of the clock. What this capture point cannot see has a reason.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { type Flow, flowOf, record, type Samples, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

const EXCHANGES = 5;
const SERVER = { queue: 25, application: 15 };
const CLIENT = { queue: 10, application: 20 };
/** Clock readings of one packet lie this far apart, unless somebody is put aside in between. */
const APART_US = 1500;

const mean = (values: unknown): number => {
  const list = values as number[];
  return list.reduce((sum, value) => sum + value, 0) / list.length / 1000;
};

describeAsRoot('where the time went', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  const seen: { what: string; flow: Flow; near: LabEvent; far: LabEvent; here: ('client' | 'server')[] }[] = [];

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    const slow = server.start('exchange', ['server', '--port', 80, '--queue-ms', SERVER.queue, '--application-ms', SERVER.application]); // prettier-ignore
    await slow.event('listening');
    const recorders = {
      client: await record(lab, client, join(lab.directory, 'client.pcapng')),
      server: await record(lab, server, join(lab.directory, 'server.pcapng')),
      both: await record(lab, server, join(lab.directory, 'lo.pcapng'), ['-i', 'lo']),
    };
    const ask = async (from: Host, to: string): Promise<LabEvent[]> => {
      const child = from.start('exchange', ['client', '--to', to, '--port', 80, '--exchanges', EXCHANGES, '--queue-ms', CLIENT.queue, '--application-ms', CLIENT.application]); // prettier-ignore
      const near = await child.event('exchanged');
      await child.done;
      const of = (event: LabEvent): boolean => event.event === 'exchanged' && event['port'] === near['port'];
      await slow.until('its end', () => slow.events.some(of));
      return [near, slow.events.find(of) ?? {}];
    };
    const remote = [await ask(client, link.right.v4), await ask(client, link.right.v6)];
    const local = [await ask(server, '127.0.0.1'), await ask(server, '::1')];
    await settle(300);
    const told: [string, Summary, LabEvent[][], ('client' | 'server')[]][] = [
      ['at the client', await recorders.client.finish(), remote, ['client']],
      ['at the server', await recorders.server.finish(), remote, ['server']],
      ['on loopback', await recorders.both.finish(), local, ['client', 'server']],
    ];
    for (const [what, summary, runs, here] of told)
      for (const [near = {}, far = {}] of runs)
        seen.push({ what, flow: flowOf(summary, near['port']), near, far, here });
  });
  afterAll(() => lab.dispose());

  const expectSide = (
    what: string,
    queue: Samples | null,
    application: Samples | null,
    truth: LabEvent,
    slept: typeof SERVER,
  ) => {
    // prettier-ignore
    expect([what, queue?.n, application?.n]).toEqual([what, (truth['queueNs'] as number[]).length, (truth['leastNs'] as number[]).length]); // prettier-ignore
    // Never less than it lay there, and for no exchange less than the program slept.
    expect(queue?.meanUs, what).toBeGreaterThanOrEqual(mean(truth['queueNs']));
    expect(queue?.minUs, what).toBeGreaterThan(slept.queue * 1000);
    expect(application?.meanUs, what).toBeGreaterThanOrEqual(mean(truth['leastNs']));
    expect(application?.meanUs, what).toBeLessThanOrEqual(mean(truth['mostNs']));
    expect(application?.minUs, what).toBeGreaterThan(slept.application * 1000);
  };

  it('the queue and the application of each end that is here, as its program saw them', () => {
    expect(seen).toHaveLength(6);
    for (const { what, flow, near, far, here } of seen) {
      const { where } = flow.latency;
      if (here.includes('client'))
        expectSide(`client, ${what}`, where.clientQueue, where.clientApplication, near, CLIENT);
      if (here.includes('server'))
        expectSide(`server, ${what}`, where.serverQueue, where.serverApplication, far, SERVER);
    }
  });

  it('queue and application of the server are all of its response, nothing is counted twice or left out', () => {
    for (const { what, flow, here } of seen.filter((each) => each.here.includes('server'))) {
      const { where, response } = flow.latency;
      const parts = (where.serverQueue?.meanUs ?? NaN) + (where.serverApplication?.meanUs ?? NaN);
      expect([what, here, response?.n]).toEqual([what, here, EXCHANGES]);
      expect(Math.abs((response?.meanUs ?? NaN) - parts), what).toBeLessThan(APART_US);
    }
  });

  it('seen from the client, the rest is the network and the peer', () => {
    for (const { what, flow, far } of seen.filter((each) => each.what === 'at the client')) {
      const { where, response, rtt } = flow.latency;
      expect([what, where.network]).toEqual([what, rtt]);
      expect(where.peerMeanUs, what).toBeCloseTo((response?.meanUs ?? NaN) - (rtt?.minUs ?? NaN), 0);
      // No delay is between them here: the peer is all that its program saw, but for an acknowledgement of some µs.
      expect(where.peerMeanUs, what).toBeGreaterThan((mean(far['queueNs']) + mean(far['leastNs'])) * 0.95);
    }
  });

  it('what cannot be seen here is null, with the reason', () => {
    for (const { what, flow } of seen) {
      const { where, ...rest } = flow.latency;
      expect(rest.rtt).not.toBeNull();
      if (what === 'at the client') {
        expect(where).toMatchObject({ serverQueue: null, serverApplication: null, serverUnknown: 'remote', clientUnknown: null }); // prettier-ignore
        // Nor is it known what a peer sent again.
        expect([flow.sentRetransmits, flow.receivedRetransmits]).toEqual([0, null]);
      } else if (what === 'at the server') {
        expect(where).toMatchObject({ clientQueue: null, clientApplication: null, clientUnknown: 'remote', serverUnknown: null }); // prettier-ignore
        expect([flow.sentRetransmits, flow.receivedRetransmits]).toEqual([null, 0]);
      } else {
        expect(where).toMatchObject({
          clientUnknown: null,
          serverUnknown: null,
          peerMeanUs: null,
          peerUnknown: 'local',
        });
        expect([flow.sentRetransmits, flow.receivedRetransmits]).toEqual([0, 0]);
      }
    }
  });
});
