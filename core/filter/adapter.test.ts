import { describe, expect, it } from 'vitest';
import { FEATURE_DROPS, KEY } from '../abi/generated.ts';
import { APP_TLS } from '../flow/applications.ts';
import { FlowModel, METRIC_CONNECT, METRIC_RESPONSE, METRIC_RTT, ROLES_SYN } from '../flow/model.ts';
import { PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import { modelFields, type Surroundings } from './adapter.ts';
import { compile } from './compile.ts';
import { parseAddress } from './address.ts';
import { FIELDS } from './fields.ts';
import { parse } from './parse.ts';

const START = 1_795_521_600_000_000_000n; // 2026-11-24T12:00:00Z

function key(lo: string, loPort: number, hi: string, hiPort: number, protocol: number, iface = 3): Uint8Array {
  const bytes = new Uint8Array(KEY.size);
  const view = new DataView(bytes.buffer);
  for (const [text, at] of [
    [lo, KEY.loAddress],
    [hi, KEY.hiAddress],
  ] as const) {
    const address = parseAddress(text);
    if ('error' in address) throw new Error(address.error);
    bytes.set(address.bytes, at);
    view.setUint8(KEY.family, address.family);
  }
  view.setUint16(KEY.loPort, loPort, true);
  view.setUint16(KEY.hiPort, hiPort, true);
  view.setUint16(KEY.iface, iface, true);
  view.setUint8(KEY.protocol, protocol);
  return bytes;
}

/** Flow 0: 10.0.0.9:443 served to 192.168.1.7:40000 (the client is hi); flow 1: ping over IPv6; flow 2: UDP, bare. */
function session(): FlowModel {
  const model = new FlowModel();
  model.clock.begin(1000, 0);
  model.clock.anchor(1000n, START, 0);
  model.features = FEATURE_DROPS;
  Object.assign(model.interfaces.ensure(3), { name: 'eth0', netns: 4026531840 });
  const flow = model.begin(key('10.0.0.9', 443, '192.168.1.7', 40000, 6), 0, 77, 5e9);
  model.setClient(flow, 1, ROLES_SYN);
  model.addPacket(flow, 1, 6, 600, 76, 5, 580, 5e9);
  model.addPacket(flow, 0, 8, 9000, 8600, 4, 8800, 7e9);
  model.sample(flow, METRIC_CONNECT, 210e3, 5e9);
  for (const us of [100, 200, 60_000]) model.sample(flow, METRIC_RTT, us * 1000, 6e9);
  model.sample(flow, METRIC_RESPONSE, 2e6, 6e9, 0);
  model.countReset(flow, 0);
  model.countZeroWindow(flow, 1);
  model.countRetransmits(flow, 1, 2);
  model.setReason(2, model.strings.internText('NO_SOCKET'));
  model.addDrop(flow, 2, 3);
  model.addDrop(flow, 9, 1);
  model.setName(flow, 0, model.strings.internText('shop.example'));
  const { applications } = model;
  const row = model.applicationOf(flow);
  applications.protocol.data[row] = APP_TLS;
  applications.tlsName.data[row] = model.strings.internText('shop.example') + 1;
  applications.tlsAlpn.data[row] = model.strings.internText('h2\0http/1.1') + 1;
  const socket = model.sockets.ensure(5, 0, 5e9);
  model.flows.socket.data[flow * 2 + 1] = socket;
  const process = model.processes.ensure(7, 1, 0);
  model.processes.comm.data[process] = model.strings.internText('curl') + 1;
  model.processes.exe.data[process] = model.strings.internText('/usr/bin/curl') + 1;
  model.processes.args.data[process] = model.strings.internText('curl\0-v\0https://shop.example/\0') + 1;
  model.processes.uid.data[process] = 1000;
  model.processes.cgroupLow.data[process] = 77;
  model.cgroups.ensure(77, 0);
  model.cgroups.name(77, 0, model.strings.internText('/user.slice'));
  model.processes.parentPid.data[process] = 1;
  model.processes.flags.data[process] = PROCESS_UID_KNOWN | PROCESS_PARENT_KNOWN;
  model.sockets.addOwner(socket, process, 7, 2, 4e9);
  model.begin(key('fe80::1', 9, 'fe80::2', 9, 58), 0, 0, 6e9);
  model.begin(key('10.0.0.1', 53, '10.0.0.2', 53, 17), 0, 0, 8e9);
  return model;
}

const SURROUNDINGS: Surroundings = {
  id: (flow) => `flow-${flow}`,
  labels: (flow) => (flow === 0 ? ['shop', 'slow'] : []),
  userName: (uid) => (uid === 1000 ? 'ada' : null),
};

/** Numbers of the flows that match. */
function matching(text: string, model = session()): number[] {
  const result = parse(text);
  if (!result.ok) throw new Error(`${text}: ${result.problem.message}`);
  const predicate = compile(result.ast, modelFields(model, SURROUNDINGS));
  return [0, 1, 2].filter(predicate);
}

describe('filters over the flow model', () => {
  it.each([
    ['tcp', [0]],
    ['icmpv6 || udp', [1, 2]],
    ['client.addr == 192.168.1.7 && server.addr == 10.0.0.9', [0]],
    ['ip.addr == 10.0.0.0/24', [0, 2]],
    ['ip.addr == fe80::/10', [1]],
    ['ip.addr == fe80::2%eth0', [1]],
    ['ip.addr == fe80::2%eth1', []],
    ['server.port == 443 && client.port == 40000', [0]],
    ['port', [0, 2]],
    ['interface == "eth0" && netns == 4026531840', [0, 1, 2]],
    ['sent.packets == 6 && received.packets == 8 && packets == 14', [0]],
    ['sent.bytes == 600 && received.bytes == 9000 && bytes == 9600', [0]],
    ['sent.payload == 76 && received.payload == 8600 && frames == 9', [0]],
    ['connect == 210us', [0]],
    ['rtt.n == 3 && rtt.min == 100us && rtt.max == 60ms && rtt.p99 == 60ms && rtt.mean == 20100us', [0]],
    ['rtt.p50 > 198us && rtt.p50 < 202us', [0]],
    ['response.max == 2ms && response.n == 1', [0]],
    ['!rtt.n', [1, 2]],
    ['resets == 1 && zero_windows == 1 && retransmits == 2 && sent.retransmits == 2', [0]],
    ['drops == 4 && drop.reason == "NO_SOCKET" && drop.reason == "9"', [0]],
    ['drops == 0', [1, 2]],
    ['server.name == "SHOP.example" && peer.name ~ "^shop" && tls.sni', [0]],
    ['tls.alpn == "h2" && tls.alpn == "http/1.1"', [0]],
    ['process.name == "curl" && client.process.pid == 7 && process.uid == 1000 && parent.pid == 1', [0]],
    ['process.exe == "/usr/bin/curl" && process.cmdline == "curl -v https://shop.example/"', [0]],
    ['process.user == "ada" && process.cgroup contains "slice"', [0]],
    ['server.process.pid', []],
    ['label == "slow"', [0]],
    ['id == "flow-2"', [2]],
    ['roles == syn', [0]],
    ['end == reset && state == closed', [0]],
    ['state == active', [1, 2]],
    ['started == +5s', [0]],
    ['started > 2026-11-24T12:00:05.5Z', [1, 2]],
    ['age == 3s && idle == 1s', [0]],
    ['ended', [0]],
    ['duration == 2s && received.rate == 36kbit/s', [0]],
  ] as [string, number[]][])('%s', (text, flows) => {
    expect(matching(text)).toEqual(flows);
  });

  it('have an accessor for every field of the table', () => {
    const fields = modelFields(session(), SURROUNDINGS);
    for (const spec of FIELDS) {
      for (const source of spec.either.length > 0 ? spec.either : [spec.source]) {
        const isText = spec.type === 'text' || spec.type === 'enum';
        const found = spec.list
          ? fields.list(source)
          : isText
            ? fields.text(source)
            : spec.type === 'address'
              ? fields.address(source)
              : fields.number(source);
        expect(found, source).not.toBeNull();
      }
    }
  });

  it('keep working while the model grows', () => {
    const model = session();
    const result = parse('client.port == 50000 && server.addr == 10.9.9.9');
    if (!result.ok) throw new Error('parse');
    const predicate = compile(result.ast, modelFields(model));
    let last = -1;
    for (let i = 0; i < 5000; i++) {
      last = model.begin(key('10.9.9.9', 80, '172.16.0.1', 45001 + i, 6), 0, i + 1, 9e9);
      model.setClient(last, 1, ROLES_SYN);
    }
    expect(predicate(last)).toBe(45001 + 4999 === 50000);
  });

  it('find nothing by drops in captures of others, where nobody counted them', () => {
    const model = session();
    model.countsFromPackets = true;
    expect(matching('drops == 0', model)).toEqual([]);
  });
});
