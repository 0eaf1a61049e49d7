/** The configuration of an agent: what the file may say, and what holds without it. */
import { z } from 'zod';
import { alertKeys, checkAlerts } from '../alerts/alert-rules.ts';
import { SOURCES_MAX } from '../engine/capture-group.ts';
import { readConfig } from '../config/yaml.ts';
import { parse } from '../filter/filter.ts';
import { DEFAULT_LABELS, LABEL_NAMES } from '../metrics/flow-labels.ts';
import { networkProblem } from '../metrics/peer-groups.ts';
import { parseListen, syslogKeys } from '../streams/collector.ts';

/** Groups with series of their own: about 100 lines each, so that a scrape stays near 10,000. */
export const DEFAULT_GROUPS = 100;
const GROUPS_MAX = 10_000;
const LIST_MAX = 1000;

const name = z.string().min(1).max(256);
const network = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const problem = networkProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
const filter = z
  .string()
  .max(10_000)
  .superRefine((text, context) => {
    const parsed = parse(text);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem.message });
  });
/** `127.0.0.1:9477`, `[::1]:9477`, `:9477`; off = no listener. */
const listen = z
  .string()
  .max(300)
  .refine((text) => text === 'off' || parseListen(text) !== null, 'give HOST:PORT, [IPV6]:PORT or off');

const events = z
  .array(z.enum(['opened', 'closed']))
  .min(1)
  .default(['closed']);
const queue = z.number().int().min(1).max(1024).default(4);
const stream = z.discriminatedUnion('to', [
  z.strictObject({ to: z.literal('stdout'), events, queueMiB: queue }),
  z.strictObject({
    to: z.literal('syslog'),
    events,
    queueMiB: queue,
    ...syslogKeys,
  }),
]);

/** What a stream is called in `/metrics`. */
export const nameOf = (config: z.output<typeof stream>): string =>
  config.to === 'stdout' ? 'stdout' : config.collector;

export const agentConfig = z
  .strictObject({
    interfaces: z.union([z.literal('all'), z.array(name).min(1).max(LIST_MAX)]).optional(),
    netns: z.union([name, z.array(name).min(1).max(SOURCES_MAX)]).optional(),
    attach: z.enum(['auto', 'xdp', 'xdp-generic', 'tcx', 'clsact']).optional(),
    /** Only flows that match are counted and told of. */
    filter: filter.optional(),
    metrics: z
      .strictObject({
        listen: listen.default('127.0.0.1:9477'),
        groups: z.number().int().min(1).max(GROUPS_MAX).default(DEFAULT_GROUPS),
        labels: z
          .array(z.enum(LABEL_NAMES))
          .max(LABEL_NAMES.length)
          .default([...DEFAULT_LABELS]),
        /** Labels and exemplars may hold addresses. */
        addresses: z.boolean().default(false),
        exemplars: z.boolean().default(true),
        bucketsPerDoubling: z.union([z.literal(1), z.literal(2), z.literal(4)]).default(1),
      })
      .prefault({}),
    peers: z
      .array(z.strictObject({ name, networks: z.array(network).min(1).max(LIST_MAX) }))
      .max(LIST_MAX)
      .default([]),
    streams: z
      .array(stream)
      .max(8)
      .refine((list) => new Set(list.map(nameOf)).size === list.length, 'two streams go to the same place')
      .default([]),
    ...alertKeys,
  })
  .superRefine((written, context) => checkAlerts(written, context));

export type AgentConfig = z.output<typeof agentConfig>;
export type StreamConfig = AgentConfig['streams'][number];

/** What holds without a file. */
export const defaultConfig = (): AgentConfig => agentConfig.parse({});

/** @throws FlowglassError */
export function readAgentConfig(path: string): AgentConfig {
  return readConfig(path, agentConfig);
}
