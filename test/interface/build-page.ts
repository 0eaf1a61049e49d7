/** Before the suites of the page run: the page as it is now, built once for all of their files. */
import { execFileSync } from 'node:child_process';

export default function buildPage(): void {
  execFileSync('node_modules/.bin/vite', ['build', '-c', 'renderer/vite.config.ts', '--logLevel', 'error']);
}
