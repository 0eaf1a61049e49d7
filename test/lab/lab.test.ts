import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Child } from './child.ts';
import type { Host } from './host.ts';
import { Lab, type Link, reapLeftovers, settle } from './lab.ts';
import { describeAsRoot } from './privilege.ts';
import { labProgram } from './programs.ts';

describeAsRoot('laboratory', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server, { offloads: false });
  });
  afterAll(() => lab.dispose());

  it('carries exactly what the client sends, and interface counters and tcpdump agree on the frames', async () => {
    await server.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 100, '--response', 50_000]);
    const before = client.counters('veth0');
    const truth = await server.capture('veth0', join(lab.directory, 'truth.pcap'));
    for (const to of [link.right.v4, link.right.v6]) {
      const run = client.start('client', [
        'tcp',
        '--to',
        to,
        '--port',
        80,
        '--send',
        100,
        '--receive',
        50_000,
        '--exchanges',
        3,
      ]);
      const closed = await run.event('closed');
      expect(closed).toMatchObject({ sent: 300, received: 150_000, errno: 0, pid: run.pid });
    }
    await settle(100);
    const { frames } = await truth.stop();
    const after = client.counters('veth0');
    expect(frames).toBe(after.rxPackets - before.rxPackets + after.txPackets - before.txPackets);
    expect(frames).toBeGreaterThan(200); // 300,000 bytes in segments: the offloads really are off
  });

  it('delays each way by what was asked, through the relay', async () => {
    const a = lab.host('a');
    const b = lab.host('b');
    await lab.delayed(a, b, { delayUs: 20_000 });
    await b.server(['tcp', '--port', 80, '--mode', 'echo']);
    for (const to of ['10.77.2.2', 'fd77:0:0:2::2']) {
      const connects: number[] = [];
      // Never sooner; later when the relay does not run at once, but not every time.
      while (connects.length < 10 && !connects.some((ms) => ms < 44)) {
        const args = ['tcp', '--to', to, '--port', 80, '--send', 10, '--receive', 10, '--exchanges', 3];
        const closed = await a.start('client', args).event('closed');
        expect(closed).toMatchObject({ sent: 30, received: 30, errno: 0 });
        connects.push(Number(closed['connectNs']) / 1e6);
      }
      expect(Math.min(...connects)).toBeGreaterThan(40);
      expect(Math.min(...connects)).toBeLessThan(44);
    }
  });

  it('loses by exact pattern with nft', async () => {
    server.nft('udp dport 9 numgen inc mod 4 == 0 counter drop');
    await server.server(['udp', '--port', 9, '--mode', 'sink']);
    await client.start('client', ['udp', '--to', link.right.v4, '--port', 9, '--count', 40]).done;
    expect(server.run('nft', ['list', 'ruleset'])).toMatch(/counter packets 10 /);
    server.nft();
  });

  it('leaves nothing behind, also after it was killed', async () => {
    const script = `import { Lab } from ${JSON.stringify(join(import.meta.dirname, 'lab.ts'))};
      const lab = new Lab(); const host = lab.host('x');
      host.start('server', ['tcp', '--port', 80]); console.log(JSON.stringify({ event: 'up', name: host.name }));
      setTimeout(() => {}, 60000);`;
    labProgram('server');
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const child = new Child(process.execPath, [
        '--import',
        await typescriptLoader(),
        '--input-type=module',
        '-e',
        script,
      ]);
      const name = String((await child.event('up'))['name']);
      expect(existsSync(`/run/netns/${name}`)).toBe(true);
      child.signal(signal);
      await child.done;
      if (signal === 'SIGKILL') expect(reapLeftovers()).toContain(name);
      expect(existsSync(`/run/netns/${name}`)).toBe(false);
    }
    const dead = readdirSync('/run/netns').filter(
      (name) => name.startsWith('fgl-') && !existsSync(`/proc/${name.split('-')[1]}`),
    );
    expect(dead).toEqual([]);
  });
});

/** A module that lets a plain node of version 20 import our TypeScript: strips types with the installed compiler. */
async function typescriptLoader(): Promise<string> {
  const hooks = `import ts from ${JSON.stringify(import.meta.resolve('typescript'))}; import { readFile } from 'node:fs/promises'; import { fileURLToPath } from 'node:url';
    export async function load(url, context, next) {
      if (!url.endsWith('.ts')) return next(url, context);
      const source = ts.transpileModule(await readFile(fileURLToPath(url), 'utf8'), { compilerOptions: { target: 'es2022', module: 'esnext', verbatimModuleSyntax: true } }).outputText;
      return { format: 'module', source, shortCircuit: true };
    }`;
  const url = `data:text/javascript,${encodeURIComponent(hooks)}`;
  return `data:text/javascript,${encodeURIComponent(`import { register } from 'node:module'; register(${JSON.stringify(url)});`)}`;
}
