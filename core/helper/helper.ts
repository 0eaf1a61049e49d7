import { timingSafeEqual } from 'node:crypto';
import {
  ABI_VERSION,
  END_DISCONNECTED,
  END_STOPPED,
  FRAME_BYE,
  FRAME_GAP,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_LOG,
  FRAME_RESYNCED,
  FRAME_STATS,
  HELLO,
  INTERFACE_ATTACHED,
  INTERFACE_FAILED,
  INTERFACE_PRESENT,
  LOG_ERROR,
  LOG_INFO,
  MAGIC,
  RUNG_AUTO,
  STREAM_STATE,
  TOKEN_BYTES,
} from '../abi/generated.ts';
import { FlowglassError, printable } from '../errors.ts';
import {
  attachCommand,
  captureCommand,
  filterCommand,
  helloCommand,
  resyncCommand,
  stopCommand,
  verdictCommand,
  type HelloCommand,
} from '../wire/commands.ts';
import { HelperConnection } from '../wire/connection.ts';
import type { FrameSink } from '../wire/frames.ts';
import {
  readGap,
  readHello,
  readInterface,
  readLog,
  readStats,
  type Hello,
  type HelperStats,
  type InterfaceReport,
  type LogLine,
} from '../wire/messages.ts';
import {
  connectionLost,
  endedError,
  lastLine,
  launchHelper,
  SSH_FAILED,
  type LaunchOptions,
  type LaunchedHelper,
} from './launch.ts';

/** How a helper is started and who listens to it. */
export interface HelperOptions extends LaunchOptions {
  readonly hello?: HelloCommand;
  /** Every frame, HELLO (its token blanked) and BYE included, in order. */
  readonly onFrame: FrameSink;
  readonly onLog?: (line: LogLine) => void;
  /** An interface is there that is not attached: it appeared, was renamed, or was there from the start. No part of `onFrame`. */
  readonly onPresent?: (report: InterfaceReport) => void;
  /** How long loading the programs may take; default 60 s. */
  readonly loadTimeoutMs?: number;
  /** How long stop() waits for the last frames; default 15 s. */
  readonly stopTimeoutMs?: number;
}

/** What a helper left behind: its last counters, and why it ended if not because it was asked to. */
export interface HelperEnd {
  /** The counters of BYE, or of the last STATS when there was no BYE; null when neither came. */
  readonly stats: HelperStats | null;
  readonly complete: boolean;
  readonly error: FlowglassError | null;
}

/** At most one resync in this time, however many gaps are reported. */
const RESYNC_PAUSE_MS = 2000;

interface Waiting {
  resolve(report: InterfaceReport): void;
  reject(error: FlowglassError): void;
}

/** One running helper, which serves one network namespace. Make it with startHelper(). */
export class Helper {
  readonly hello: Hello;
  /** Settles when the helper has gone and everything it sent was handed on. Never rejects. */
  readonly ended: Promise<HelperEnd>;
  /** Settles when everything that existed before the first attach has been said (or the helper has ended). */
  readonly snapshot: Promise<void>;
  readonly #machine: Machine;

  constructor(hello: Hello, machine: Machine) {
    this.hello = hello;
    this.#machine = machine;
    this.ended = machine.ended;
    this.snapshot = machine.snapshot;
  }

  /** Attaches to an interface under the number `iface`; rungs are RUNG_*. Rejects with the helper's reason. */
  attach(ifindex: number, iface: number, ingress = RUNG_AUTO, egress = RUNG_AUTO): Promise<InterfaceReport> {
    return this.#machine.attach(ifindex, iface, ingress, egress);
  }

  /** Starts or ends packet copies; snaplen in bytes, 0 = whole packets. */
  capture(enabled: boolean, snaplen: number): void {
    this.#machine.connection.send(captureCommand(enabled, snaplen));
  }

  /** Limits packet copies to a payload of encodeRules (core/filter). */
  filter(payload: Uint8Array): void {
    this.#machine.connection.send(filterCommand(payload));
  }

  /** Packets of this flow (`key` = struct fg_key) are copied no longer, or again: it cannot match the filter any more. */
  verdict(key: Uint8Array, epoch: number, unwanted: boolean): void {
    this.#machine.connection.send(verdictCommand(key, epoch, unwanted));
  }

  /** Asks for everything that exists to be told again. */
  resync(): void {
    this.#machine.connection.send(resyncCommand());
  }

  pause(): void {
    this.#machine.connection.pause();
  }

  resume(): void {
    this.#machine.connection.resume();
  }

  /** Gives a helper up that is out of reach: it ends as one does whose connection was lost. */
  abandon(): void {
    this.#machine.abandon();
  }

  /** Asks for the last counters and packets, and waits until all of it was handed on and the helper has exited. */
  stop(): Promise<HelperEnd> {
    return this.#machine.stop();
  }
}

/** The life of one connection: before HELLO, running, ended. */
class Machine {
  readonly connection: HelperConnection;
  readonly ended: Promise<HelperEnd>;
  readonly snapshot: Promise<void>;
  readonly ready: Promise<Hello>;
  readonly #launched: LaunchedHelper;
  readonly #options: HelperOptions;
  readonly #attaching = new Map<number, Waiting>();
  #hello: Hello | null = null;
  #settleReady!: { resolve(hello: Hello): void; reject(error: FlowglassError): void };
  #resolveEnded!: (end: HelperEnd) => void;
  #resolveSnapshot!: () => void;
  #stats: HelperStats | null = null;
  #bye = false;
  #lastError = '';
  #exit: { code: number | null; signal: string | null } | null = null;
  #disconnected = false;
  #readError: unknown = null;
  #resyncedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopping = false;
  #abandoned = false;

  constructor(launched: LaunchedHelper, options: HelperOptions) {
    this.#launched = launched;
    this.#options = options;
    this.ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }));
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.snapshot = new Promise((resolve) => (this.#resolveSnapshot = resolve));
    launched.child.once('close', (code, signal) => {
      this.#exit = { code, signal };
      this.#finish();
    });
    this.connection = new HelperConnection(
      launched.socket,
      (type, bytes, view, offset, length) => this.#frame(type, bytes, view, offset, length),
      (error) => {
        this.#disconnected = true;
        this.#readError = error;
        launched.child.stdin?.destroy(); // whatever happened: it detaches and exits
        this.#limit(5000);
        this.#finish();
      },
    );
    this.connection.send(helloCommand(options.hello ?? {}));
    this.#limit(options.loadTimeoutMs ?? 60_000);
  }

  attach(ifindex: number, iface: number, ingress: number, egress: number): Promise<InterfaceReport> {
    return new Promise((resolve, reject) => {
      this.#attaching.set(iface, { resolve, reject });
      this.connection.send(attachCommand(ifindex, iface, ingress, egress));
    });
  }

  stop(): Promise<HelperEnd> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.connection.send(stopCommand());
      this.#limit(this.#options.stopTimeoutMs ?? 15_000);
    }
    return this.ended;
  }

  abandon(): void {
    this.#abandoned = true;
    this.connection.close();
    this.#launched.child.kill('SIGKILL');
  }

  /** Kills the helper unless it moves on within this time; the kernel then detaches all links. */
  #limit(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#lastError = `the capture helper did not answer within ${ms / 1000} s`;
      this.connection.close();
      this.#launched.child.kill('SIGKILL');
    }, ms);
  }

  #frame(type: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    if (this.#hello === null && type !== FRAME_LOG) this.#greet(type, bytes, view, offset);
    switch (type) {
      case FRAME_LOG: {
        const line = readLog(bytes, view, offset);
        if (line.level === LOG_ERROR) this.#lastError = lastLine(line.text);
        this.#options.onLog?.({ level: line.level, text: printable(line.text) });
        break;
      }
      case FRAME_INTERFACE: {
        const report = readInterface(bytes, view, offset);
        if (report.state === INTERFACE_PRESENT) {
          this.#options.onPresent?.(report);
          return;
        }
        this.#interface(report);
        break;
      }
      case FRAME_GAP:
        this.#resync(readGap(view, offset).stream);
        break;
      case FRAME_RESYNCED:
        this.#resolveSnapshot();
        break;
      case FRAME_BYE:
        this.#bye = true;
        this.#stats = readStats(view, offset);
        break;
      case FRAME_STATS:
        this.#stats = readStats(view, offset);
        break;
    }
    this.#options.onFrame(type, bytes, view, offset, length);
  }

  /** Checks the first frame: the right program of the right version, and started by us. */
  #greet(type: number, bytes: Uint8Array, view: DataView, offset: number): void {
    const refuse = (what: string): never => {
      throw new FlowglassError({ code: 'helper-refused', what, where: 'flowglass-helper', hint: 'make sure helper and application are of one version (npm run build)' }); // prettier-ignore
    };
    if (type !== FRAME_HELLO) refuse('the capture helper did not begin with HELLO');
    const hello = readHello(bytes, view, offset);
    if (hello.magic !== MAGIC) refuse('the capture helper speaks another protocol');
    if (hello.abiVersion !== ABI_VERSION) {
      refuse(`the capture helper speaks version ${hello.abiVersion} of the protocol, this is ${ABI_VERSION}`);
    }
    if (!timingSafeEqual(hello.token, this.#launched.token)) refuse('another program answered in place of the helper');
    bytes.fill(0, offset + HELLO.token, offset + HELLO.token + TOKEN_BYTES); // not to be kept in any file
    this.#hello = hello;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#settleReady.resolve(hello);
  }

  #interface(report: InterfaceReport): void {
    const waiting = this.#attaching.get(report.iface);
    if (waiting === undefined) return;
    if (report.state === INTERFACE_ATTACHED) {
      this.#attaching.delete(report.iface);
      waiting.resolve(report);
    } else if (report.state === INTERFACE_FAILED) {
      this.#attaching.delete(report.iface);
      const what = report.reason === '' ? `cannot attach (error ${report.error})` : printable(report.reason);
      waiting.reject(
        new FlowglassError({
          code: 'attach-failed',
          what,
          where: printable(report.name),
          hint: 'see flowglass doctor, or try another --attach',
        }),
      );
    }
  }

  #resync(stream: number): void {
    const now = performance.now();
    if (stream !== STREAM_STATE || now - this.#resyncedAt < RESYNC_PAUSE_MS) return;
    this.#resyncedAt = now;
    this.connection.send(resyncCommand());
  }

  /** Ends once the socket is closed (everything was read) and the process is gone. */
  #finish(): void {
    if (this.#exit === null || !this.#disconnected) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const error = this.#endError(this.#exit);
    for (const waiting of this.#attaching.values())
      waiting.reject(error ?? endedError(1, null, 'the capture helper ended'));
    this.#attaching.clear();
    this.#resolveSnapshot();
    if (this.#hello === null)
      this.#settleReady.reject(error ?? endedError(1, null, 'the capture helper ended without a word'));
    this.#resolveEnded({ stats: this.#stats, complete: this.#bye, error });
  }

  #endError(exit: { code: number | null; signal: string | null }): FlowglassError | null {
    if (this.#abandoned) return connectionLost('it does not answer');
    // A frame that was cut off by it is not what went wrong.
    if (!this.#bye && exit.code === SSH_FAILED)
      return endedError(exit.code, null, lastLine(this.#launched.errorText()));
    if (this.#readError instanceof FlowglassError) return this.#readError;
    const reason = this.#bye ? this.#stats?.endReason : undefined;
    if (reason === END_STOPPED || (reason === END_DISCONNECTED && this.#stopping)) return null;
    const said = this.#lastError !== '' ? this.#lastError : lastLine(this.#launched.errorText());
    if (this.#readError !== null) {
      const what = this.#readError instanceof Error ? this.#readError.message : String(this.#readError);
      return new FlowglassError({ code: 'helper-failed', what: printable(what), where: 'flowglass-helper', hint: 'record again', cause: this.#readError }); // prettier-ignore
    }
    return endedError(exit.code, this.#lastError.includes('did not answer') ? null : exit.signal, said);
  }
}

/** Log level that a person sees without asking. */
export const isNotable = (line: LogLine): boolean => line.level < LOG_INFO;

/** Starts a helper and waits until its programs are loaded. Throws a FlowglassError that says what to do. */
export async function startHelper(options: HelperOptions): Promise<Helper> {
  const machine = new Machine(await launchHelper(options), options);
  return new Helper(await machine.ready, machine);
}
