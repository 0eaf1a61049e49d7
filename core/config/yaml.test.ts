import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { agentConfig, readAgentConfig } from '../agent/config.ts';
import { parseCollector, parseListen } from '../streams/collector.ts';
import { FlowglassError } from '../errors.ts';
import { parseConfig } from './yaml.ts';

const read = (text: string) => parseConfig(text, agentConfig, 'agent.yaml');

function sentence(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof FlowglassError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('configuration in YAML', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-config-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('holds defaults for everything that is left out', () => {
    expect(read('')).toEqual(read('metrics: {}\n'));
    expect(read('metrics:\n  groups: 7\n').metrics).toMatchObject({ groups: 7, addresses: false, listen: '127.0.0.1:9477' }); // prettier-ignore
  });

  it('names an unknown key with line, column and the one that was meant', () => {
    expect(sentence('metrics:\n  gruops: 7\n')).toBe('no such key "gruops" in "metrics", agent.yaml:2:3, did you mean "groups"?'); // prettier-ignore
    expect(sentence('# a line\ninterface: all\n')).toBe('no such key "interface", agent.yaml:2:1, did you mean "interfaces"?'); // prettier-ignore
    expect(sentence('streams:\n  - to: syslog\n    colector: udp://a:1\n')).toMatch(/^no such key "colector".*agent.yaml:3:5, did you mean "collector"\?|cannot be that/); // prettier-ignore
    expect(sentence('peers:\n  - name: a\n    networks: [10.0.0.0/8]\n    zzz: 1\n')).toBe('no such key "zzz" in "peers.0", agent.yaml:4:5, there are name, networks'); // prettier-ignore
  });

  it('says where a value is wrong, and why', () => {
    expect(sentence('metrics:\n  groups: many\n')).toMatch(/^"metrics\.groups" cannot be that: .*, agent\.yaml:2:11, correct it$/); // prettier-ignore
    expect(sentence('peers:\n- name: a\n  networks: [10.0.0.0/33]\n')).toMatch(/^"peers\.0\.networks\.0" cannot be that: .*agent\.yaml:3:14/); // prettier-ignore
    expect(sentence('filter: "tcp.prt == 1"\n')).toMatch(/^"filter" cannot be that: .*agent\.yaml:1:9/);
    expect(sentence('streams:\n- to: stdout\n- to: stdout\n')).toMatch(/two streams go to the same place/);
  });

  it('says where it is no YAML', () => {
    expect(sentence('metrics:\n  groups: [1\n')).toMatch(/^the configuration is no YAML \(.*\), agent\.yaml:\d+:\d+, correct it$/); // prettier-ignore
    expect(sentence('a: 1\na: 2\n')).toMatch(/no YAML \(Map keys must be unique.*agent\.yaml:2:1/);
  });

  it('refuses what multiplies, and what is too large', () => {
    const level = (n: number): string =>
      `l${n}: &l${n} [${Array.from({ length: 9 }, () => `*l${n - 1}`).join(', ')}]\n`;
    expect(sentence(`l0: &l0 [x]\n${[1, 2, 3, 4, 5, 6, 7, 8, 9].map(level).join('')}`)).toMatch(/fewer aliases/);
    const path = join(folder, 'large.yaml');
    writeFileSync(path, '#'.repeat(2 << 20));
    expect(() => readAgentConfig(path)).toThrow(/larger than 1 MiB/);
    expect(() => readAgentConfig(join(folder, 'none.yaml'))).toThrow(/no such file or directory/);
  });

  it('takes what the documentation shows, and its defaults are the real ones', () => {
    const page = readFileSync(new URL('../../docs/agent.md', import.meta.url), 'utf8');
    const shown = read(/```yaml\n([^]*?)```/.exec(page)?.[1] ?? 'x');
    expect({ ...shown, peers: [], streams: [] }).toEqual(read(''));
    expect([shown.peers.length, shown.streams.length]).toEqual([1, 2]);
  });

  it('takes addresses to listen at and to send to', () => {
    expect(parseListen('127.0.0.1:9477')).toEqual({ host: '127.0.0.1', port: 9477 });
    expect(parseListen('[::1]:1')).toEqual({ host: '::1', port: 1 });
    expect(parseListen(':0')).toEqual({ host: '::', port: 0 });
    for (const bad of ['', '9477', 'a:70000', '::1:1', 'a b:1']) expect(parseListen(bad), bad).toBeNull();
    expect(parseCollector('tls://logs.example:6514')).toEqual({ transport: 'tls', host: 'logs.example', port: 6514 });
    for (const bad of ['logs.example:514', 'http://a:1', 'udp://:514', 'udp://a:0'])
      expect(parseCollector(bad), bad).toBeNull();
  });
});
