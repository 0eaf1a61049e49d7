/** Messages for syslog collectors (RFC 5424). */

/** RFC 5612: for documentation; we have no number of our own, and a receiver only wants the name to be unique. */
const ENTERPRISE = 32473;
/** RFC 5426, 3.2: what every receiver of datagrams should take. */
const MESSAGE_MAX = 2048;
/** In characters; few values are names that may be anything, so that the whole stays below MESSAGE_MAX. */
const VALUE_MAX = 96;

/** Severities of RFC 5424, 6.2.1. */
export const SEVERITY = { critical: 2, warning: 4, notice: 5, informational: 6 } as const;

export interface SyslogSource {
  readonly facility: number;
  readonly host: string;
  readonly pid: number;
}

export interface SyslogMessage {
  readonly severity: number;
  readonly at: Date;
  /** MSGID: what kind of message it is. */
  readonly id: string;
  /** Name of the structured data. */
  readonly data: string;
  /** What is null or empty is left out. */
  readonly parameters: readonly (readonly [name: string, value: string | number | null | undefined])[];
  readonly text: string;
}

/** PRINTUSASCII without spaces, as HOSTNAME and the like have to be. */
const token = (text: string, most: number): string => text.replace(/[^\x21-\x7e]/g, '?').slice(0, most) || '-';

/** Control characters would break receivers that read lines. */
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');

/** RFC 5424, 6.3.3. */
function parameter([name, value]: SyslogMessage['parameters'][number]): string {
  if (value === null || value === undefined || value === '') return '';
  const text = oneLine(String(value)).slice(0, VALUE_MAX);
  return ` ${name}="${text.replace(/["\\\]]/g, '\\$&')}"`;
}

/** The bytes of a message, at most MESSAGE_MAX. */
export function syslogMessage(source: SyslogSource, message: SyslogMessage): Buffer {
  const { severity, at, id, data, parameters, text } = message;
  const priority = source.facility * 8 + severity;
  const header = `<${priority}>1 ${at.toISOString()} ${token(source.host, 255)} flowglass ${source.pid} ${token(id, 32)}`;
  const elements = `[${data}@${ENTERPRISE}${parameters.map(parameter).join('')}]`;
  return Buffer.from(`${header} ${elements} ${oneLine(text)}`, 'utf8').subarray(0, MESSAGE_MAX);
}
