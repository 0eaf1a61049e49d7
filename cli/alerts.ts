import { alertSource } from '../core/engine/alert-source.ts';
import { surroundingsOf } from '../core/engine/knowledge.ts';
import { readAlerts, type AlertFile, type AlertRule } from '../core/alerts/alert-rules.ts';
import { Alerts } from '../core/alerts/alerts.ts';
import { testNotice, type AlertNotice } from '../core/alerts/notice.ts';
import { goThrough } from '../core/alerts/past.ts';
import { Targets } from '../core/alerts/targets/targets.ts';
import { FlowglassError, printable } from '../core/errors.ts';
import { ALERT_OPTION } from './alerts-option.ts';
import { usageError, type Command, type Given } from './command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from './knowledge.ts';
import { version } from './main.ts';
import { note, print } from './terminal.ts';

const ACTIONS: Readonly<Record<string, (given: Given, file: AlertFile) => Promise<void>>> = { check, test, send };
const USAGE = 'write flowglass alerts check, test FILE, or send';

export const command: Command = {
  name: 'alerts',
  usage: 'check | test FILE | send [TARGET…] --alerts RULES [--json]',
  summary: 'Try rules for alerts: on a capture, and whether their targets can be reached',
  details: `
check reads the rules (docs/alerts.md); a mistake is told with line, column and what was expected.
test goes through a capture as if it were watched, and says when each alert begins and ends; nobody is told.
send sends a test to the targets of the file, or to those named, and says what became of it.`,
  options: {
    ...ALERT_OPTION,
    json: { help: 'as JSON lines' },
    ...KNOWLEDGE_OPTIONS,
  },
  async run(given: Given): Promise<void> {
    const [name] = given.positionals;
    const action = name === undefined ? undefined : Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) throw usageError('no such action', name ?? 'flowglass alerts', USAGE);
    const path = given.text('alerts');
    if (path === undefined) throw usageError('no rules to try', `flowglass alerts ${name}`, 'give --alerts RULES');
    await action(given, readAlerts(path));
  },
};

function ruleLine({ alert, severity, when, tell }: AlertRule): string {
  return `${printable(alert)} (${severity}): ${printable(when.text)} → ${tell.map(printable).join(', ')}\n`;
}

async function check(given: Given, { alerts, targets }: AlertFile): Promise<void> {
  const extra = given.positionals[1];
  if (extra !== undefined) throw usageError('check reads no capture', extra, 'write flowglass alerts test FILE');
  await print(`${alerts.map(ruleLine).join('')}${alerts.length} alerts, ${targets.length} targets: all right\n`);
}

interface Happened {
  readonly notice: AlertNotice;
  told: boolean;
}

async function test(given: Given, { alerts }: AlertFile): Promise<void> {
  const [, path, extra] = given.positionals;
  if (path === undefined) throw usageError('no file to read', 'flowglass alerts test', 'give a FILE');
  if (extra !== undefined) throw usageError('more than one file', extra, 'give one FILE');
  const knowledge = readKnowledge(given);
  const happened: Happened[] = [];
  await goThrough(path, (source) => {
    const { model } = source();
    return new Alerts(alerts, alertSource(source, surroundingsOf(model, knowledge)), {
      happens: (_rule, notice) => void happened.push({ notice, told: false }),
      tell: (_rule, notice) => {
        const same = happened.findLast((each) => each.notice.alert === notice.alert && each.notice.at === notice.at);
        if (same !== undefined) same.told = true;
      },
    });
  });
  if (given.has('json')) return print(happened.map((each) => `${JSON.stringify({ ...each.notice, told: each.told })}\n`).join('')); // prettier-ignore
  const lines = happened.map(({ notice, told }) => `${notice.at}  ${printable(notice.text)}${told ? '' : '  (not told)'}\n`); // prettier-ignore
  const counts = alerts.map(({ alert }) => `${printable(alert)}: ${happened.filter(({ notice }) => notice.alert === alert && /begin|seen/.test(notice.event)).length}`); // prettier-ignore
  await print(`${lines.join('')}${counts.join(', ') || 'no rules'}\n`);
}

async function send(given: Given, { alerts, targets: configs }: AlertFile): Promise<void> {
  const targets = new Targets(configs, { say: (text) => note('debug', text) });
  const [, ...named] = given.positionals;
  const names = named.length > 0 ? named : targets.names.filter((name) => configs.length === 0 || configs.some((config) => config.name === name)); // prettier-ignore
  const unknown = names.find((name) => !targets.names.includes(name));
  if (unknown !== undefined) throw usageError('no target has that name', unknown, `there are ${targets.names.join(', ')}`); // prettier-ignore
  const [rule] = alerts;
  const notice = testNotice(rule?.alert ?? 'test', rule?.when.text ?? '', rule?.severity ?? 'info', `Flowglass ${version()}`); // prettier-ignore
  const results = await targets.try(names, notice);
  await targets.close();
  if (given.has('json')) await print(results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  else
    await print(results.map(({ name, problem }) => `${printable(name)}: ${printable(problem ?? 'sent')}\n`).join(''));
  const failed = results.filter(({ problem }) => problem !== null);
  if (failed.length > 0)
    throw new FlowglassError({ code: 'alert-not-sent', what: 'a test did not arrive', where: failed.map(({ name }) => printable(name)).join(', '), hint: 'see above' }); // prettier-ignore
}
