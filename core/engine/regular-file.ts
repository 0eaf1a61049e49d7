import { statSync, type Stats } from 'node:fs';

/** What is known of a file; null when there is none, it is something else, or it cannot be looked at. */
export function regularFile(path: string): Stats | null {
  try {
    const info = statSync(path);
    return info.isFile() ? info : null;
  } catch {
    return null; // its folder may be gone, or another's
  }
}
