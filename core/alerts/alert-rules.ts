/** Rules that call somebody, and where: a YAML file (docs/alerts.md). */
import { z } from 'zod';
import { parseConfig, readConfig } from '../config/yaml.ts';
import { explain } from '../filter/filter.ts';
import { parseDuration } from '../filter/units.ts';
import { isNewKind, parseTrigger, type Trigger } from '../flight-recorder/trigger.ts';
import { parseQuietHours, QUIET_HINT, type QuietHours } from './quiet-hours.ts';
import { targetSchema, type TargetConfig } from './target-config.ts';

const RULES_MAX = 100;
const TARGETS_MAX = 16;
/** A target that is always there: where the person is who looks. */
export const DESKTOP = 'desktop';

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface AlertRule {
  readonly alert: string;
  readonly when: Trigger;
  /** It goes on until this holds; null = until `when` does not. */
  readonly until: Trigger | null;
  /** How long it has to be so before it begins, and not so before it ends, ns. */
  readonly forNs: number;
  readonly clearNs: number;
  /** How often it is told again while it goes on, ns; null = once. */
  readonly repeatNs: number | null;
  /** Whether its end is told. */
  readonly ends: boolean;
  readonly severity: Severity;
  readonly quiet: readonly QuietHours[];
  /** What comes so soon after watching began is nothing new, ns. */
  readonly learnNs: number;
  /** Names of targets. */
  readonly tell: readonly string[];
}

export interface AlertFile {
  readonly alerts: readonly AlertRule[];
  readonly targets: readonly TargetConfig[];
  /** Where that is kept what rules on new things know; null = nowhere. */
  readonly memory: string | null;
}

export const NO_ALERTS: AlertFile = { alerts: [], targets: [], memory: null };

const name = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\u0000-\u001f\u007f]+$/, 'a name has no control characters');

/** A trigger with its tree; a mistake is told with the character in it and what was expected. */
const trigger = z
  .string()
  .max(4096)
  .transform((text, context): Trigger | null => {
    const result = parseTrigger(text);
    if (result.ok) return result.trigger;
    context.addIssue({ code: 'custom', message: explain(result.problem) });
    return null;
  });

const duration = (least: string, most: string, example: string) =>
  z
    .string()
    .max(64)
    .transform((text, context): number => {
      const ns = parseDuration(text);
      const [min, max] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
      if (ns !== null && ns >= min && ns <= max) return ns;
      context.addIssue({ code: 'custom', message: `expected a duration from ${least} to ${most}, such as ${example}` });
      return 0;
    });

const quiet = z
  .string()
  .max(64)
  .transform((text, context): QuietHours | null => {
    const hours = parseQuietHours(text);
    if (hours === null) context.addIssue({ code: 'custom', message: `expected quiet hours: ${QUIET_HINT}` });
    return hours;
  });

const rule = z
  .strictObject({
    alert: name,
    when: trigger,
    until: trigger.optional(),
    for: duration('0s', '1h', '5s').prefault('0s'),
    clear: duration('0s', '1h', '10s').prefault('10s'),
    repeat: duration('1m', '7d', '1h').optional(),
    ends: z.boolean().default(true),
    severity: z.enum(SEVERITIES).default('warning'),
    quiet: z.array(quiet).max(20).default([]),
    learn: duration('0s', '7d', '1m').prefault('1m'),
    tell: z.array(name).max(TARGETS_MAX).optional(),
  })
  .superRefine(({ when, until, for: forNs }, context) => {
    const wrong = (path: string, message: string): void =>
      void context.addIssue({ code: 'custom', path: [path], message });
    const isNew = isNewKind(when?.kind);
    if (isNew && until !== undefined) wrong('until', 'what is new happens once: leave until away');
    if (isNew && forNs > 0) wrong('for', 'what is new happens once: leave for away');
    if (!isNew && when && until && when.kind !== until.kind)
      wrong(
        'until',
        when.kind === 'session' ? 'of all flows, as when is: begin with session:' : 'of one flow, as when is',
      );
  });

const alertList = z.array(rule).max(RULES_MAX).default([]);

/** The keys, for files that have others beside them. */
export const alertKeys = {
  alerts: alertList,
  targets: z.array(targetSchema).max(TARGETS_MAX).default([]),
  memory: z.string().min(1).max(4096).optional(),
};

interface Written {
  readonly alerts: z.output<typeof alertList>;
  readonly targets: readonly TargetConfig[];
  readonly memory?: string | undefined;
}

/** What no key can say alone; `others` = targets that the rules may name beside those of the file. */
export function checkAlerts(
  { alerts, targets }: Written,
  context: z.RefinementCtx,
  others: readonly string[] = [],
): void {
  const wrong = (path: (string | number)[], message: string): void =>
    void context.addIssue({ code: 'custom', path, message });
  const known = new Set([DESKTOP, ...others]);
  targets.forEach(({ name: target }, i) => {
    if (known.has(target)) wrong(['targets', i, 'name'], target === DESKTOP ? 'desktop is always there: choose another name' : 'there is a target of that name'); // prettier-ignore
    known.add(target);
  });
  const names = new Set<string>();
  alerts.forEach(({ alert, tell }, i) => {
    if (names.has(alert)) wrong(['alerts', i, 'alert'], 'there is an alert of that name');
    names.add(alert);
    tell?.forEach((target, j) => {
      if (!known.has(target)) wrong(['alerts', i, 'tell', j], `no target has that name: there are ${[...known].join(', ')}`); // prettier-ignore
    });
  });
}

/** Rules as the rest uses them. A rule that names no target tells all of the file; when there are none, the desktop. */
export function alertsOf({ alerts, targets, memory }: Written): AlertFile {
  const all = targets.length === 0 ? [DESKTOP] : targets.map((target) => target.name);
  return {
    targets,
    memory: memory ?? null,
    alerts: alerts.flatMap((written): AlertRule[] => {
      const { when, until, tell } = written;
      if (when === null) return [];
      const { alert, severity, ends } = written;
      return [
        {
          alert,
          when,
          until: until ?? null,
          forNs: written.for,
          clearNs: written.clear,
          repeatNs: written.repeat ?? null,
          ends,
          severity,
          quiet: written.quiet.filter((hours) => hours !== null),
          learnNs: written.learn,
          tell: tell ?? all,
        },
      ];
    }),
  };
}

const alertFile = z.strictObject(alertKeys).superRefine((written, context) => checkAlerts(written, context));

/** @throws FlowglassError with one sentence: what, file:line:column, what was expected */
export const readAlerts = (path: string): AlertFile => alertsOf(readConfig(path, alertFile));

/** The same for text; `path` is for the sentences. */
export const parseAlerts = (text: string, path: string): AlertFile => alertsOf(parseConfig(text, alertFile, path));

/**
 * Rules without targets, as a page gives them: where alerts go is said on the engine's machine only, and `targets` are
 * the names that its file gave.
 */
export function parsePageAlerts(text: string, path: string, targets: readonly string[]): readonly AlertRule[] {
  const pageFile = z
    .strictObject({ alerts: alertList })
    .superRefine(({ alerts }, context) => checkAlerts({ alerts, targets: [] }, context, targets));
  return alertsOf({ ...parseConfig(text, pageFile, path), targets: [] }).alerts;
}
