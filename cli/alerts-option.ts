/** `--alerts` of commands that watch. */
import { readAlerts } from '../core/alerts/alert-rules.ts';
import { AlertService } from '../core/alerts/alert-service.ts';
import type { Given, OptionSpec } from './command.ts';
import { version } from './main.ts';
import { note } from './terminal.ts';

export const ALERT_OPTION: Readonly<Record<string, OptionSpec>> = {
  alerts: { value: 'FILE', help: 'rules that call somebody, and whom (docs/alerts.md)' },
};

/** The alerts of --alerts, which say on standard error what they tell; null without it. Throws FlowglassError. */
export function readAlertService(given: Given): AlertService | null {
  const path = given.text('alerts');
  if (path === undefined) return null;
  return new AlertService(readAlerts(path), {
    application: `Flowglass ${version()}`,
    say: (text) => note('warning', text),
    onTold: ({ text }) => note('warning', `alert: ${text}`),
  });
}
