/** Entry of the utility process. Electron starts it (electron/engine-host.ts); plain Node cannot. */
import type {} from 'electron'; // types of process.parentPort
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Engine } from '../core/engine/engine.ts';
import { machineOptions } from '../core/engine/machine.ts';
import type { ParentPort } from './electron-api.ts';
import { programPath } from '../core/system/programs.ts';
import { serveEngine } from './engine-service.ts';

const root = new URL('../../', import.meta.url); // of the package, seen from dist/electron/
const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('package.json', root), 'utf8')));

// The sudo line that the engine offers runs the command, not Electron, which does not run as root.
process.argv = [process.env['FLOWGLASS_NODE'] || 'node', fileURLToPath(new URL('cli/flowglass.mjs', root))];

const exports = { paths: true, wireshark: () => programPath('wireshark') };
const parent: ParentPort = process.parentPort;
serveEngine(parent, new Engine({ ...machineOptions(version), exports }), (code) => process.exit(code));
