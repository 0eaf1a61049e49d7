// What stands in for the two binaries that come from elsewhere than the package registry: Electron, and the runtime that
// stands at the head of an AppImage. Both are small shell scripts that do, for the tests, what matters of the real ones.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, ROOT, which } from '../tools.mjs';

/** Electron's fuses are bytes behind this mark in its binary: version, count, and a `1` or `0` or `r` (removed) for each. */
const FUSES = `dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX${String.fromCharCode(1, 8)}10110001`;

/** Says how it was started, as one line of JSON; with a display it would show something. */
const ELECTRON = `#!/bin/sh
self=$(readlink -f "$0")
printf '{"standIn":"electron","binary":"%s","arguments":"%s","appimage":"%s"}\\n' "$self" "$*" "$APPIMAGE"
exit 0
`;

/** Unpacks the file system behind itself and starts it, as the real runtime mounts it. */
const RUNTIME = `#!/bin/sh
APPIMAGE=$(readlink -f "$0")
APPDIR=$(mktemp -d) || exit 1
export APPIMAGE APPDIR
unsquashfs -quiet -no-progress -force -offset OFFSET -dest "$APPDIR" "$APPIMAGE" >/dev/null || exit 1
"$APPDIR/AppRun" "$@"
status=$?
rm -rf "$APPDIR"
exit $status
`;
/** The runtime's own size, so that its text can name it. */
const RUNTIME_BYTES = 1024;

function folder(path) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
}

/** A folder like that of Electron's release; its path. */
export function standInElectron() {
  const path = join(ROOT, 'dist/package/stand-in');
  folder(path);
  writeFileSync(join(path, 'electron'), `${ELECTRON}${FUSES}\n`, { mode: 0o755 });
  writeFileSync(join(path, 'LICENSE'), 'The licence of Electron stands here in a release.\n');
  writeFileSync(join(path, 'LICENSES.chromium.html'), '<!doctype html><title>Licences of Chromium</title>\n');
  writeFileSync(join(path, 'version'), 'stand-in\n');
  mkdirSync(join(path, 'resources'));
  return path;
}

/** A folder like the tools that electron-builder downloads for AppImage; its path. */
export function standInAppImageTools() {
  const path = join(ROOT, 'dist/package/appimage-tools');
  folder(path);
  for (const name of ['mksquashfs', 'desktop-file-validate']) {
    const program = which(name);
    if (program === null) throw new BuildError(`${name} is missing: apt-get install squashfs-tools desktop-file-utils`);
    symlinkSync(program, join(path, name));
  }
  for (const arch of ['x64', 'arm64']) {
    mkdirSync(join(path, 'lib', arch), { recursive: true });
    mkdirSync(join(path, 'runtimes'), { recursive: true });
    const text = RUNTIME.replace('OFFSET', String(RUNTIME_BYTES));
    writeFileSync(join(path, 'runtimes', `runtime-${arch}`), text.padEnd(RUNTIME_BYTES, '\n'), { mode: 0o755 });
  }
  return path;
}
