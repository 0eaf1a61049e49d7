/** Where alerts may go, as the file says it. */
import { z } from 'zod';
import { syslogKeys } from '../streams/collector.ts';

const name = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\w.-]+$/, 'a name has letters, digits, dots and hyphens');
const timeout = z.number().min(1).max(60);

const url = z
  .string()
  .max(2000)
  .refine((text) => {
    const parsed = URL.canParse(text) ? new URL(text) : null;
    return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.hash === '';
  }, 'expected an address such as https://ops.example/hook');

/** RFC 9110, 5.6.2 and 5.5. */
const header = z.record(
  z.string().regex(/^[!#$%&'*+.^`|~\w-]{1,64}$/, 'expected the name of a header'),
  z
    .string()
    .max(4096)
    .regex(/^[\t\x20-\x7e]*$/, 'expected the value of a header, in ASCII'),
);

export const targetSchema = z.discriminatedUnion('to', [
  z.strictObject({
    to: z.literal('webhook'),
    name,
    url,
    headers: header.default({}),
    timeoutSeconds: timeout.default(5),
    /** PEM of the authorities that may have signed the server's certificate; else those of the system. */
    ca: z.string().min(1).max(4096).optional(),
  }),
  z.strictObject({
    to: z.literal('command'),
    name,
    /** The program, by its path or by name, and its arguments; no shell. */
    run: z.array(z.string().max(4096)).min(1).max(64),
    timeoutSeconds: timeout.default(10),
  }),
  z.strictObject({ to: z.literal('syslog'), name, ...syslogKeys }),
  z.strictObject({ to: z.literal('journal'), name }),
]);

export type TargetConfig = z.output<typeof targetSchema>;
export type WebhookConfig = Extract<TargetConfig, { to: 'webhook' }>;
