import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import { feed, flowsFrame, frame, interfaceRecord, opening, type Counters, type FlowRecord } from './frames.testkit.ts';
import { Paths, pathsOf } from './paths.ts';
import { Reducer } from './reducer.ts';

interface Face {
  name: string;
  index: number;
  master?: number;
  link?: number;
  loopback?: boolean;
}

const IN = abi.FLOW_INGRESS_LO;
const OUT = abi.FLOW_EGRESS_LO;
/** lo's packets arrive and hi's leave, or the other way. */
const FROM_LO = abi.FLOW_INGRESS_LO | abi.FLOW_EGRESS_HI;
const TO_LO = abi.FLOW_EGRESS_LO | abi.FLOW_INGRESS_HI;

class Bench {
  readonly reducer = new Reducer();
  #slot = 0;

  constructor(...faces: Face[]) {
    feed(this.reducer, ...opening());
    faces.forEach((face, iface) => this.face(iface, face));
  }

  face(iface: number, { name, index, master = 0, link = 0, loopback = false }: Face): void {
    const bytes = interfaceRecord(iface, name, loopback);
    const view = new DataView(bytes.buffer);
    view.setUint32(abi.INTERFACE.ifindex, index, true);
    view.setUint32(abi.INTERFACE.master, master, true);
    view.setUint32(abi.INTERFACE.link, link, true);
    feed(this.reducer, frame(abi.FRAME_INTERFACE, bytes));
  }

  flow(iface: number, record: FlowRecord): void {
    const defaults = { lo: { packets: 10, bytes: 1000 } satisfies Counters, epoch: 77 };
    feed(this.reducer, flowsFrame({ ...defaults, slot: ++this.#slot, ...record, key: { ...record.key, iface } }));
  }

  /** Names of the interfaces of each shown flow's path, the one that is counted marked. */
  get shown(): string[] {
    const { model } = this.reducer;
    const paths = new Paths(model).update();
    const name = (flow: number): string => model.interfaces.get(model.flows.ifaceOf(flow))?.name ?? '';
    return Array.from({ length: model.flows.rows.count }, (_, flow) => flow)
      .filter((flow) => paths.shown(flow))
      .map((flow) =>
        paths
          .members(flow)
          .map((member) => (member === flow ? `[${name(member)}]` : name(member)))
          .join(' '),
      );
  }
}

const eth0 = { name: 'eth0', index: 2 };
const eth1 = { name: 'eth1', index: 3 };

describe('packets that pass several interfaces', () => {
  it('in here and out there: one flow, counted where most packets passed', () => {
    const bench = new Bench(eth0, eth1);
    bench.flow(0, { flags: FROM_LO, lo: { packets: 100 }, hi: { packets: 90 }, first: 1, last: 50 });
    bench.flow(1, { flags: TO_LO, lo: { packets: 95 }, hi: { packets: 90 }, first: 1.1, last: 50 });
    expect(bench.shown).toEqual(['[eth0] eth1']);
    expect(pathsOf(bench.reducer.model).duplicates()).toMatchObject({ packets: 185 });
  });

  it('a VLAN, the bond below and its port: counted on top, where the socket is, whatever came first', () => {
    const vlan = { name: 'bond0.7', index: 9, link: 8 };
    const bench = new Bench({ ...eth0, master: 8 }, { name: 'bond0', index: 8 }, vlan);
    for (const iface of [0, 1, 2])
      bench.flow(iface, { flags: TO_LO, cookies: [5n, 0n], lo: { packets: 20 + iface }, first: 3 - iface, last: 9 });
    expect(bench.shown).toEqual(['[bond0.7] bond0 eth0']);
    const { flows, sockets } = bench.reducer.model;
    expect(flows.ifaceOf(sockets.flow.data[sockets.find(5, 0)]!)).toBe(2);
  });

  it('a bridge and its port, and a bridged packet by port and port', () => {
    const bridge = { name: 'br0', index: 5 };
    const port = (name: string, index: number): Face => ({ name, index, master: 5 });
    const local = new Bench(port('p0', 6), bridge);
    local.flow(0, { flags: TO_LO, cookies: [5n, 0n] });
    local.flow(1, { flags: TO_LO, cookies: [5n, 0n], first: 0.9 });
    expect(local.shown).toEqual(['[br0] p0']);
    const bridged = new Bench(port('p0', 6), port('p1', 7), bridge);
    bridged.flow(0, { flags: FROM_LO, first: 1 });
    bridged.flow(1, { flags: TO_LO, first: 1.01 });
    expect(bridged.shown).toEqual(['[p0] p1']);
  });

  it('both ends of a veth pair, with a socket at each', () => {
    const bench = new Bench({ name: 'veth0', index: 6, link: 7 }, { name: 'veth1', index: 7, link: 6 });
    const both = { hi: { packets: 10 } };
    bench.flow(0, { flags: TO_LO, cookies: [5n, 0n], first: 1, ...both });
    bench.flow(1, { flags: FROM_LO, cookies: [0n, 6n], first: 1.01, ...both });
    expect(bench.shown).toEqual(['[veth0] veth1']);
  });

  it('are no longer one flow when they are not the same packets', () => {
    // Sent out by two interfaces side by side (a datagram to everybody, a bond whose halves are watched).
    const halves = new Bench(eth0, eth1);
    halves.flow(0, { flags: OUT });
    halves.flow(1, { flags: OUT });
    expect(halves.shown).toEqual(['[eth0]', '[eth1]']);
    // Each way by another interface: neither has what the other has.
    const ways = new Bench(eth0, eth1);
    ways.flow(0, { flags: OUT });
    ways.flow(1, { flags: abi.FLOW_INGRESS_HI, lo: {}, hi: { packets: 9 } });
    expect(ways.shown).toEqual(['[eth0]', '[eth1]']);
    // The connection moved on to the other interface.
    const moved = new Bench(eth0, eth1);
    moved.flow(0, { flags: OUT, first: 0, last: 1000 });
    moved.flow(1, { flags: IN, first: 3000, last: 4000 });
    expect(moved.shown).toEqual(['[eth0]', '[eth1]']);
    // Another connection with the same ports at the same time: another namespace's, say.
    const other = new Bench(eth0, eth1);
    other.flow(0, { flags: IN, epoch: 1 });
    other.flow(1, { flags: OUT, epoch: 2 });
    expect(other.shown).toEqual(['[eth0]', '[eth1]']);
    const datagrams = new Bench(eth0, eth1);
    datagrams.flow(0, { key: { protocol: 17 }, flags: OUT, cookies: [5n, 0n] });
    datagrams.flow(1, { key: { protocol: 17 }, flags: OUT | IN, cookies: [6n, 0n] });
    expect(datagrams.shown).toEqual(['[eth0]', '[eth1]']);
    const loopback = new Bench({ name: 'lo', index: 1, loopback: true }, eth0);
    loopback.flow(0, { flags: IN });
    loopback.flow(1, { flags: OUT });
    expect(loopback.shown).toEqual(['[lo]', '[eth0]']);
  });

  it('keep the flow that is shown while the others are only a little ahead, and follow when topology says so', () => {
    const bench = new Bench(eth0, eth1);
    bench.flow(0, { flags: IN, lo: { packets: 1000 } });
    bench.flow(1, { flags: OUT, lo: { packets: 999 } });
    const { model } = bench.reducer;
    const paths = new Paths(model).update();
    expect([paths.shown(0), paths.shown(1), paths.hidden]).toEqual([true, false, 1]);
    bench.flow(1, { flags: OUT, lo: { packets: 9 } });
    expect([paths.update().shown(0), paths.hidden]).toEqual([true, 1]);
    bench.flow(1, { flags: OUT, lo: { packets: 500 } });
    expect([paths.update().shown(0), paths.shownFor(0), paths.hidden]).toEqual([false, 1, 1]);
  });

  it('sum up: shown and hidden together are what the interfaces counted, for thousands of connections', () => {
    const bench = new Bench(eth0, eth1, { name: 'eth2', index: 4 });
    let counted = 0;
    for (let port = 0; port < 3000; port++) {
      for (const [iface, flags] of [
        [0, IN],
        [1, OUT],
        [2, IN],
      ] as const) {
        if (port % 3 === 0 && iface > 0) continue;
        const packets = 1 + ((port * 7 + iface) % 50);
        counted += packets;
        bench.flow(iface, { key: { loPort: 1000 + port }, epoch: port + 1, flags, lo: { packets } });
      }
    }
    const { model } = bench.reducer;
    const paths = new Paths(model).update();
    let shown = 0;
    let flows = 0;
    for (let flow = 0; flow < model.flows.rows.count; flow++) {
      if (!paths.shown(flow)) continue;
      flows++;
      shown += model.flows.counters.data[flow * 10]!;
    }
    expect(flows).toBe(3000);
    expect(shown + paths.duplicates().packets).toBe(counted);
    expect(paths.hidden).toBe(model.flows.rows.count - 3000);
  });
});
