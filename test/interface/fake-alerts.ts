/** Alerts of the invented machine: a file with a target that does not answer, and what the page writes. */
import type { AlertsAnswer } from '../../core/contract/alerts.ts';
import type { Method } from '../../core/contract/requests.ts';
import { parsePageAlerts, type AlertRule } from '../../core/alerts/alert-rules.ts';

export class FakeAlerts {
  answer: AlertsAnswer = {
    file: '/home/ada/.config/flowglass/alerts.yaml',
    fileProblem: null,
    text: '',
    problem: null,
    rules: [
      {
        alert: 'slow-orders',
        when: 'server.port == 5432 && response.p90 > 1s within 10s',
        severity: 'critical',
        tell: ['ops', 'desktop'],
        own: false,
        enabled: true,
        since: '2026-11-24T12:04:31.000Z',
        happened: 2,
        last: { at: '2026-11-24T12:04:31.000Z', text: 'slow-orders began: checkout[4711] → 10.20.0.31:5432' },
      },
      {
        alert: 'strangers',
        when: 'new network where process.name == "postgres"',
        severity: 'warning',
        tell: ['ops'],
        own: false,
        enabled: false,
        since: null,
        happened: 1,
        last: {
          at: '2026-11-24T12:01:02.000Z',
          text: 'strangers: postgres[99] → 203.0.113.9:443: postgres → 203.0.113.0/24 is new',
        },
      },
    ],
    targets: [
      { name: 'ops', kind: 'webhook', delivered: 3, failed: 1, lost: 4, waiting: 0, problem: 'it answers 503' },
      { name: 'desktop', kind: 'desktop', delivered: 1, failed: 0, lost: 0, waiting: 0, problem: null },
    ],
  };

  /** undefined = it is no request about alerts. */
  request(method: Method, params: unknown): unknown {
    const { answer } = this;
    const { alert, enabled, text } = params as { alert: string; enabled: boolean; text: string };
    if (method === 'alertTest') return answer.rules.find((each) => each.alert === alert)!.tell.map((name) => ({ name, problem: name === 'ops' ? 'it answers 503' : null })); // prettier-ignore
    if (method === 'alertEnable')
      this.answer = { ...answer, rules: answer.rules.map((rule) => (rule.alert === alert ? { ...rule, enabled } : rule)) }; // prettier-ignore
    else if (method === 'alertRules') this.#take(text);
    else if (method !== 'alerts') return undefined;
    return this.answer;
  }

  #take(text: string): void {
    try {
      const own = parsePageAlerts(text, 'alerts', ['ops', 'desktop']);
      this.answer = { ...this.answer, text, problem: null, rules: [...this.answer.rules.filter((rule) => !rule.own), ...own.map(answerOf)] }; // prettier-ignore
    } catch (error) {
      this.answer = { ...this.answer, problem: (error as Error).message };
    }
  }
}

const answerOf = ({ alert, when, severity, tell }: AlertRule): AlertsAnswer['rules'][number] => ({
  alert,
  when: when.text,
  severity,
  tell: [...tell],
  own: true,
  enabled: true,
  since: null,
  happened: 0,
  last: null,
});
