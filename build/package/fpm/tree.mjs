// The files of a package, put together in a folder of their own with the modes and times that they will have everywhere.
import { chmodSync, cpSync, lstatSync, lutimesSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Executable or not is all that a checkout says; everything else of a mode is ours. */
const modeOf = (mode) => ((mode & 0o111) === 0 ? 0o644 : 0o755);

/** Copies each mapping below `root`, drops what is excluded, and sets modes and times. Does nothing by itself about owners. */
export function layOut(root, { files, exclude }, epoch) {
  for (const { source, destination } of files) {
    const to = join(root, destination);
    mkdirSync(source.endsWith('/') ? to : dirname(to), { recursive: true });
    cpSync(resolve(source), to, { recursive: true, verbatimSymlinks: true, force: true });
  }
  for (const path of exclude) rmSync(join(root, path), { recursive: true, force: true });
  const listed = [];
  settle(root, '', epoch, listed);
  return listed;
}

/** Entries below a folder in a fixed order; folders that became empty are dropped. */
function settle(root, folder, epoch, listed) {
  for (const name of readdirSync(join(root, folder)).sort()) {
    const path = join(folder, name);
    const full = join(root, path);
    const entry = lstatSync(full);
    if (entry.isDirectory()) {
      settle(root, path, epoch, listed);
      if (readdirSync(full).length === 0) {
        rmSync(full, { recursive: true });
        continue;
      }
      chmodSync(full, 0o755);
    } else {
      const link = entry.isSymbolicLink();
      if (!link) chmodSync(full, modeOf(entry.mode));
      listed.push({ path, link, size: entry.size, mode: modeOf(entry.mode) });
    }
    lutimesSync(full, epoch, epoch);
  }
}
