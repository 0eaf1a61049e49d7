/** The key of the pseudonyms: made for one copy and thrown away, or kept in a file for copies that belong together. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { errnoName, errnoText, FlowglassError } from '../errors.ts';
import { KEY_BYTES } from './pseudonyms.ts';

export const newKey = (): Uint8Array => randomBytes(KEY_BYTES);

/** The key in a file (64 hexadecimal digits); made, 0600, when there is none. Throws FlowglassError. */
export function keyFrom(path: string): Uint8Array {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
    throw new FlowglassError({
      code: 'bad-key',
      what: 'this file has no key of ours (64 hexadecimal digits)',
      where: path,
      hint: 'give a name that does not exist yet: a key is made',
    });
  } catch (error) {
    if (error instanceof FlowglassError) throw error;
    if (errnoName(error) !== 'ENOENT') throw unusable(path, error);
  }
  const key = newKey();
  try {
    writeFileSync(path, `${Buffer.from(key).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw unusable(path, error);
  }
  return key;
}

const unusable = (path: string, cause: unknown): FlowglassError =>
  new FlowglassError({
    code: 'bad-key',
    what: errnoText(cause),
    where: path,
    hint: 'give a file that you may read, or one that can be made',
    cause,
  });
