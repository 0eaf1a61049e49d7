import { join } from 'node:path';
import { record, type Recorder, type Summary } from '../lab/flowglass.ts';
import type { Host, Tcpdump } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';

/** What runs beside the traffic that is measured. */
export type Beside = 'nothing' | 'counting' | 'recording' | 'tcpdump';

/** Runs `measure` with that beside it; the summary is what the recording says, null without one. */
export async function beside<T>(
  lab: Lab,
  host: Host,
  what: Beside,
  name: string,
  measure: () => Promise<T>,
): Promise<{ result: T; summary: Summary | null }> {
  const file = join(lab.directory, name);
  let recorder: Recorder | null = null;
  let tcpdump: Tcpdump | null = null;
  if (what === 'counting') recorder = await record(lab, host, file, ['--no-packets']);
  if (what === 'recording') recorder = await record(lab, host, file, ['--snaplen', '256']);
  if (what === 'tcpdump') tcpdump = await host.capture('veth0', file, '', { quick: true });
  const result = await measure();
  await tcpdump?.end();
  return { result, summary: recorder === null ? null : await recorder.finish() };
}
