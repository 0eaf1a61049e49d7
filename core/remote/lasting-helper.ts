/**
 * A helper on another host that outlives the connection to it: when that is lost, another helper is started there as
 * soon as the host is reached again, and goes on in the same session. What happened meanwhile is missing, and whoever
 * listens is told from when to when.
 */
import { CLOCK, FRAME_CLOCK, FRAME_HELLO, HELLO } from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import { startHelper, type Helper, type HelperEnd, type HelperOptions } from '../helper/helper.ts';
import { CONNECTION_LOST } from '../helper/launch.ts';
import type { FrameSink } from '../wire/frames.ts';
import type { Hello, InterfaceReport } from '../wire/messages.ts';

/** Pauses between attempts to reach the host: twice as long each time. */
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** A helper says the time once a second: silent for this long, it cannot be reached, whatever ssh believes. */
const SILENT_MS = 12_000;

/** What whoever captures asks of a helper, wherever that runs. */
export type Capturing = Pick<
  Helper,
  'attach' | 'capture' | 'filter' | 'hello' | 'resync' | 'verdict' | 'stop' | 'ended' | 'snapshot'
>;

export interface Reconnecting {
  /** The connection was lost, or could not be made again, and why; the host told the time last at `bootNs`. It is tried again. */
  readonly onLost: (error: FlowglassError, bootNs: bigint) => void;
  /** Another helper runs there, attached to nothing yet. `snapshot` as in Helper. */
  readonly onBack: (snapshot: Promise<void>) => void;
}

/** Starts a helper there; the first time, failing to connect is an error. */
export async function startLastingHelper(options: HelperOptions, hooks: Reconnecting): Promise<Capturing> {
  const lasting = new LastingHelper(options, hooks);
  await lasting.start();
  return lasting;
}

class LastingHelper implements Capturing {
  readonly ended: Promise<HelperEnd>;
  snapshot: Promise<void> = Promise.resolve();
  readonly #options: HelperOptions;
  readonly #hooks: Reconnecting;
  #end!: (end: HelperEnd) => void;
  #helper: Helper | null = null;
  #hello: Hello | null = null;
  /** Last bytes of HELLO that tell one start of a host, and one namespace of it, from another. */
  #bootId = '';
  #heardMs = 0;
  #listening: NodeJS.Timeout | null = null;
  #capture: readonly [enabled: boolean, snaplen: number] | null = null;
  #bootNs = 0n;
  #stopping = false;
  #hurry: () => void = () => undefined;

  constructor(options: HelperOptions, hooks: Reconnecting) {
    this.#options = options;
    this.#hooks = hooks;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async start(): Promise<void> {
    let other = false;
    const { onFrame } = this.#options;
    const sink: FrameSink = (type, bytes, view, offset, length) => {
      this.#heardMs = performance.now();
      if (type === FRAME_CLOCK) this.#bootNs = view.getBigUint64(offset + CLOCK.bootNs, true);
      if (type === FRAME_HELLO) other = !this.#sameBoot(bytes, offset);
      if (!other) onFrame(type, bytes, view, offset, length);
    };
    const helper = await startHelper({ ...this.#options, onFrame: sink });
    if (other || this.#stopping) {
      await helper.stop();
      if (!this.#stopping) throw new FlowglassError({ code: 'remote', what: 'the host was started anew meanwhile', where: 'ssh', hint: 'its clock began anew: record or attach again' }); // prettier-ignore
      return;
    }
    this.#helper = helper;
    this.#hello = helper.hello;
    this.snapshot = helper.snapshot;
    if (this.#capture !== null) helper.capture(...this.#capture);
    this.#listening = setInterval(() => {
      if (performance.now() - this.#heardMs > SILENT_MS) helper.abandon();
    }, SILENT_MS / 4);
    void helper.ended.then((end) => this.#over(end));
  }

  attach(ifindex: number, iface: number, ingress?: number, egress?: number): Promise<InterfaceReport> {
    if (this.#helper !== null) return this.#helper.attach(ifindex, iface, ingress, egress);
    return Promise.reject(new FlowglassError({ code: CONNECTION_LOST, what: 'the connection was lost', where: 'ssh', hint: 'it is tried again' })); // prettier-ignore
  }

  capture(enabled: boolean, snaplen: number): void {
    this.#capture = [enabled, snaplen];
    this.#helper?.capture(enabled, snaplen);
  }

  filter(payload: Uint8Array): void {
    this.#helper?.filter(payload);
  }

  /** As the first helper said; of the same start of the same host they are equal. */
  get hello(): Hello {
    if (this.#hello === null) throw new Error('start() comes first');
    return this.#hello;
  }

  verdict(key: Uint8Array, epoch: number, unwanted: boolean): void {
    this.#helper?.verdict(key, epoch, unwanted);
  }

  resync(): void {
    this.#helper?.resync();
  }

  stop(): Promise<HelperEnd> {
    this.#stopping = true;
    if (this.#helper !== null) void this.#helper.stop();
    else this.#end({ stats: null, complete: false, error: null });
    this.#hurry();
    return this.ended;
  }

  #sameBoot(bytes: Uint8Array, offset: number): boolean {
    const id = Buffer.from(bytes.subarray(offset + HELLO.bootId, offset + HELLO.bootId + 16)).toString('hex');
    if (this.#bootId === '') this.#bootId = id;
    return id === this.#bootId;
  }

  #over(end: HelperEnd): void {
    if (this.#listening !== null) clearInterval(this.#listening);
    this.#helper = null;
    if (this.#stopping || end.error?.code !== CONNECTION_LOST) this.#end(end);
    else {
      this.#hooks.onLost(end.error, this.#bootNs);
      void this.#again();
    }
  }

  async #again(): Promise<void> {
    for (let pauseMs = RETRY_FIRST_MS; !this.#stopping; pauseMs = Math.min(RETRY_MAX_MS, pauseMs * 2)) {
      await new Promise<void>((resolve) => {
        this.#hurry = resolve;
        setTimeout(resolve, pauseMs).unref();
      });
      if (this.#stopping) return;
      try {
        await this.start();
        if (this.#helper !== null) this.#hooks.onBack(this.snapshot);
        return;
      } catch (error) {
        if (!(error instanceof FlowglassError)) throw error;
        if (error.code === CONNECTION_LOST) this.#hooks.onLost(error, this.#bootNs);
        else return this.#end({ stats: null, complete: false, error });
      }
    }
  }
}
