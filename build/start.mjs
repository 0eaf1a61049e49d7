// npm start: builds, then says which commands work.
import { build } from './build.mjs';
import { runAsScript } from './tools.mjs';

await runAsScript(import.meta.url, () => {
  build({ needTests: false });
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  process.stdout.write(`Built. From here:
  npx flowglass interfaces                         which interfaces there are
  ${sudo}npx flowglass record -i lo -w lo.pcapng --duration 10
  npx flowglass summary lo.pcapng                  what was recorded
  npx flowglass doctor                             what works on this machine
`);
});
