/** Asks the socket of Docker or Podman on this machine for one container, when this user may. */
import { request } from 'node:http';
import { NO_DETAILS, type ContainerDetails } from '../processes/container-details.ts';
import type { ContainerId } from '../processes/cgroup-path.ts';
import { fromDocker } from './container-files.ts';

const PATIENCE_MS = 1000;
const ANSWER_MAX = 4 << 20;

/** Where the runtimes listen; Podman answers as Docker does. */
function socketsOf({ runtime }: ContainerId, uid: number | null): string[] {
  const podman = ['/run/podman/podman.sock'];
  if (uid !== null && uid !== 0) podman.unshift(`/run/user/${uid}/podman/podman.sock`);
  if (runtime === 'docker') return ['/run/docker.sock', '/var/run/docker.sock'];
  return runtime === 'podman' ? podman : [];
}

/** What the runtime says; nothing known when it is not there, may not be asked, or does not answer in a second. */
export async function askRuntime(
  container: ContainerId,
  uid: number | null,
  sockets = socketsOf(container, uid),
): Promise<ContainerDetails> {
  for (const socketPath of sockets) {
    const found = fromDocker(await answer(socketPath, `/containers/${encodeURIComponent(container.id)}/json`));
    if (found !== null) return found;
  }
  return NO_DETAILS;
}

/** Body of a GET over a local socket; null unless it is a success. */
function answer(socketPath: string, path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const asked = request({ socketPath, path, signal, headers: { host: 'localhost' } }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        resolve(null);
        return;
      }
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > ANSWER_MAX) asked.destroy();
        else parts.push(part);
      });
      response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
      response.on('error', () => resolve(null));
      response.on('close', () => resolve(null));
    });
    asked.on('error', () => resolve(null));
    asked.end();
  });
}
