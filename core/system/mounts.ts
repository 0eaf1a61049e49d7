/** How file systems are mounted here. */
import { readFileSync } from 'node:fs';

function readMountinfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}

/** Options of the mount that a path is on, by the text of /proc/self/mountinfo (proc(5)): the longest mount point wins. */
export function mountOptions(path: string, mountinfo = readMountinfo()): readonly string[] {
  let best = '';
  let options: readonly string[] = [];
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ');
    const point = (fields[4] ?? '').replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
    const below = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of two mounts on one place the later one is on top.
    if (point === '' || !below || point.length < best.length) continue;
    best = point;
    options = (fields[5] ?? '').split(',');
  }
  return options;
}
