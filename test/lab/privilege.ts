import { describe } from 'vitest';

/** True when namespaces can be made and programs loaded. */
export const isRoot = process.getuid?.() === 0;

let said = false;

/** `describe` that needs root; as an ordinary user the suite is skipped, and the output says so in plain words. */
export function describeAsRoot(name: string, body: () => void): void {
  if (!isRoot && !said) {
    said = true;
    process.stderr.write(`left out (needs root, run as root for all of it): ${name}\n`);
  }
  describe.skipIf(!isRoot)(isRoot ? name : `${name} (left out: needs root)`, body);
}
