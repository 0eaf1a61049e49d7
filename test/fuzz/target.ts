import { FlowglassError } from '../../core/errors.ts';

/** What is fuzzed: one reader of foreign bytes. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with; what is found in test/fuzz/regressions/NAME is added. */
  seeds(): readonly Uint8Array[];
  /**
   * Reads `bytes` and throws when a property does not hold. `parent` is the input that they were made of by changes, for
   * properties about what lies before the first difference.
   */
  run(bytes: Uint8Array, parent: Uint8Array): void | Promise<void>;
}

/** Throws when something that must hold does not. */
export function hold(condition: boolean, what: string, ...values: unknown[]): asserts condition {
  if (!condition) throw new Error(`${what}${values.length > 0 ? `: ${values.map(String).join(', ')}` : ''}`);
}

/** What `read` gives, or null when it refused with the one error that readers may throw: a sentence that names what and where. */
export function refusable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    sentence(error);
    return null;
  }
}

export async function refusableAsync<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    sentence(error);
    return null;
  }
}

function sentence(error: unknown): void {
  if (!(error instanceof FlowglassError)) throw error;
  hold(error.what !== '' && error.where !== '', 'an error that says neither what nor where', error.message);
  hold(!error.message.includes('\n'), 'an error of several lines', JSON.stringify(error.message));
}
