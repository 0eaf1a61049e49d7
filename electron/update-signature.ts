/** What makes an update ours: the list of its files, with their digests, is signed (Ed25519); the digests are of the files. */
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/**
 * Of latest-linux.yml, as electron-builder writes it, what is signed; `signature` (base64) is added by
 * build/package/sign-update.mjs.
 */
export const updateList = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  files: z.array(z.object({ url: z.string().min(1), sha512: z.string().min(80).max(100) })).min(1).max(16), // prettier-ignore
});
export type UpdateList = z.output<typeof updateList>;
const signedList = updateList.extend({ signature: z.base64() });

/** The bytes that are signed: version, then each file with its digest, in order. */
function signedText({ version, files }: UpdateList): Buffer {
  const lines = files.map(({ url, sha512 }) => `${JSON.stringify(url)} ${sha512}\n`);
  return Buffer.from(`flowglass update ${version}\n${lines.join('')}`);
}

/** Signature of a list, base64. */
export const signUpdate = (list: UpdateList, key: KeyObject): string => sign(null, signedText(list), key).toString('base64'); // prettier-ignore

/** True for a list that the holder of the key signed (`publicKey` = SPKI, base64). */
export function isSigned(list: unknown, publicKey: string): boolean {
  const parsed = signedList.safeParse(list);
  if (!parsed.success) return false;
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  return verify(null, signedText(parsed.data), key, Buffer.from(parsed.data.signature, 'base64'));
}
