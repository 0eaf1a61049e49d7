import { lookAtInstallation } from '../core/helper/installation.ts';
import { diagnose, type Finding } from '../core/system/diagnosis.ts';
import { usageError, type Command, type Given } from './command.ts';
import { print, table } from './terminal.ts';

const MARKS: Readonly<Record<Finding['status'], string>> = { ok: 'ok', limited: 'limited', missing: 'MISSING' };

const rows = (findings: readonly Finding[]): string =>
  table(
    findings.map(({ name, status, detail, hint }) => [
      ` ${name}`,
      MARKS[status],
      hint === null ? detail : `${detail}: ${hint}`,
    ]),
  );

export const command: Command = {
  name: 'doctor',
  usage: '[--json]',
  summary: 'Say what works on this machine, and what to do about the rest',
  details: 'Changes nothing. As root it says more than as an ordinary user.',
  options: { json: { help: 'as JSON' } },
  async run(given: Given): Promise<void> {
    const [extra] = given.positionals;
    if (extra !== undefined) throw usageError('unexpected argument', extra, 'see flowglass doctor --help');
    const { helper, asksPassword, findings } = lookAtInstallation();
    const diagnosis = await diagnose(helper, asksPassword, findings);
    if (given.has('json')) {
      await print(`${JSON.stringify(diagnosis, null, 2)}\n`);
      return;
    }
    const features = diagnosis.features === null ? '' : `\nWhat the kernel gives\n${rows(diagnosis.features)}`;
    const verdict = diagnosis.capture
      ? `Recording works here${asksPassword ? ', with a password' : ''}.`
      : 'Recording does not work here as it is; opening files does.';
    await print(`This machine\n${rows(diagnosis.findings)}${features}\n${verdict}\n`);
  },
};
