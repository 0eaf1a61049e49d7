// Signs the list of a release's files, by which installed AppImages know an update as ours (electron/update-signature.ts):
//   node build/package/sign-update.mjs KEY.pem [dist/package/out/latest-linux.yml]
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseDocument } from 'yaml';
import { BuildError, ROOT, runAsScript } from '../tools.mjs';

/** Adds, or replaces, `signature` in the list. Returns the public key as electron/update-key.ts holds it. */
export async function signList(keyFile, listFile) {
  const { updateList, signUpdate } = await import(pathToFileURL(join(ROOT, 'dist/electron/update-signature.js')).href);
  const key = createPrivateKey(readFileSync(keyFile));
  if (key.asymmetricKeyType !== 'ed25519') throw new BuildError(`${keyFile}: an Ed25519 key is needed (openssl genpkey -algorithm ed25519)`); // prettier-ignore
  const document = parseDocument(readFileSync(listFile, 'utf8'));
  const list = updateList.safeParse(document.toJS());
  if (!list.success) throw new BuildError(`${listFile}: no list of an update as electron-builder writes it`);
  document.set('signature', signUpdate(list.data, key));
  writeFileSync(listFile, String(document));
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64');
}

await runAsScript(import.meta.url, async ([keyFile, listFile = join(ROOT, 'dist/package/out/latest-linux.yml')]) => {
  if (keyFile === undefined) throw new BuildError('usage: sign-update.mjs KEY.pem [latest-linux.yml]');
  process.stdout.write(`${await signList(keyFile, listFile)}\n`);
});
