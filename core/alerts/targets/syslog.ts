/** Notices as syslog messages (RFC 5424). */
import type { SyslogTarget } from '../../streams/collector.ts';
import type { Sink } from '../../streams/sink.ts';
import { SEVERITY, syslogMessage } from '../../streams/syslog-message.ts';
import { syslogSink } from '../../streams/syslog-sink.ts';
import type { AlertNotice } from '../notice.ts';
import type { Target, TargetHealth } from './delivery.ts';

const QUEUE_BYTES = 1 << 20;
const TRY_MS = 3000;
const LOOK_MS = 20;

const SEVERITIES = { info: SEVERITY.informational, warning: SEVERITY.warning, critical: SEVERITY.critical } as const;

export class SyslogTargetSink implements Target {
  readonly #name: string;
  readonly #facility: number;
  readonly #sink: Sink;
  #problem: string | null = null;

  constructor(config: SyslogTarget & { readonly name: string }, say: (text: string) => void) {
    this.#name = config.name;
    this.#facility = config.facility;
    this.#sink = syslogSink(config, QUEUE_BYTES, (text) => {
      this.#problem = text;
      say(text);
    });
  }

  get health(): TargetHealth {
    const { written, lost, queuedBytes, connected } = this.#sink;
    return {
      name: this.#name,
      kind: 'syslog',
      delivered: written,
      failed: 0,
      lost,
      waiting: Number(queuedBytes > 0),
      problem: connected ? null : this.#problem,
    };
  }

  send(notice: AlertNotice): void {
    const [first] = notice.evidence;
    const flow = first?.flow ?? null;
    const own = flow?.clientProcess ?? flow?.serverProcess;
    this.#sink.send(
      syslogMessage(
        { facility: this.#facility, host: notice.host, pid: process.pid },
        {
          severity: SEVERITIES[notice.severity],
          at: new Date(notice.at),
          id: 'alert',
          data: 'alert',
          parameters: [
            ['name', notice.alert],
            ['event', notice.event],
            ['severity', notice.severity],
            ['since', notice.since],
            ['flows', notice.flows],
            ['condition', notice.condition],
            ['flow', flow?.id],
            ['client', flow && `${flow.client.address} ${flow.client.port ?? ''}`.trim()],
            ['server', flow && `${flow.server.address} ${flow.server.port ?? ''}`.trim()],
            ['serverName', flow?.server.name],
            ['process', own?.name],
            ['pid', own?.pid],
            ...Object.entries(first?.values ?? {}),
          ],
          text: notice.text,
        },
      ),
    );
  }

  /** Nobody answers a syslog message: that it was written is all there is to know. */
  async try(notice: AlertNotice): Promise<string | null> {
    const { written, lost } = this.#sink;
    this.send(notice);
    for (const until = Date.now() + TRY_MS; Date.now() < until;) {
      if (this.#sink.written > written) return null;
      if (this.#sink.lost > lost) return 'it was lost';
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return this.#problem ?? 'it was not taken in time';
  }

  close(): Promise<void> {
    return this.#sink.close();
  }
}
