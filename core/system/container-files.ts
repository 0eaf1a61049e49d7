/**
 * What container runtimes left on disk of a container: its name, image and pod. Read when a container is first seen, by
 * the side that records; what may not be read is not known. Files are of other programs: whatever they hold, the answer
 * is details or nothing.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { filledUp, NO_DETAILS, type ContainerDetails } from '../processes/container-details.ts';
import type { ContainerId } from '../processes/cgroup-path.ts';

const FILE_MAX = 8 << 20;

const labels = z.record(z.string(), z.string()).nullish();
/** Docker's config.v2.json, and what its socket and Podman's answer for one container. */
const dockerContainer = z.object({
  Name: z.string().nullish(),
  Config: z.object({ Image: z.string().nullish(), Labels: labels }).nullish(),
});
/** containers/storage: containers.json, and the JSON in its `metadata`. */
const storedContainers = z.array(
  z.object({ id: z.string(), names: z.array(z.string()).nullish(), metadata: z.string().nullish() }),
);
const storedMetadata = z.object({ 'image-name': z.string().nullish() });
/** config.json of an OCI bundle (runtime-spec), as containerd and CRI-O write it. */
const bundle = z.object({ annotations: labels });
const dockerDaemon = z.object({ 'data-root': z.string() });

/** Text of a file that is not longer than any of these is, null when it cannot be read. */
function textOf(path: string): string | null {
  try {
    return statSync(path).size > FILE_MAX ? null : readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** What the schema makes of a JSON text, null when it is not of that shape. */
export function parsed<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) return null;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** What Docker's description of a container says, of its file and its socket. */
export function fromDocker(text: string | null): ContainerDetails | null {
  const found = parsed(dockerContainer, text);
  if (found === null) return null;
  const named = { name: found.Name?.replace(/^\//, '') ?? null, image: found.Config?.Image ?? null };
  return filledUp(kubernetesOf(found.Config?.Labels), { ...NO_DETAILS, ...named });
}

/** Labels and annotations that Kubernetes' runtimes put on a container. */
function kubernetesOf(all: Readonly<Record<string, string>> | null | undefined): ContainerDetails {
  const first = (...keys: string[]): string | null => keys.map((key) => all?.[key]).find((value) => value) ?? null;
  return {
    name: first('io.kubernetes.container.name', 'io.kubernetes.cri.container-name', 'nerdctl/name'),
    image: first('io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName', 'io.kubernetes.cri-o.Image'),
    pod: first('io.kubernetes.pod.name', 'io.kubernetes.cri.sandbox-name', 'io.kubernetes.cri-o.KubeName'),
    namespace: first(
      'io.kubernetes.pod.namespace',
      'io.kubernetes.cri.sandbox-namespace',
      'io.kubernetes.cri-o.Namespace',
    ),
  };
}

export class ContainerFiles {
  readonly #root: string;

  /** `root`: where the machine's files lie, for tests. */
  constructor(root = '/') {
    this.#root = root;
  }

  /** What is on disk of a container; `uid` = whose it is, of rootless ones. */
  read({ runtime, id, podUid }: ContainerId, uid: number | null = null): ContainerDetails {
    const own = runtime === 'nspawn' ? this.#machine(id) : runtime === 'lxc' ? { ...NO_DETAILS, name: id } : null;
    const found = [
      own,
      runtime === 'docker' || runtime === 'kubernetes' ? this.#docker(id) : null,
      runtime === 'docker' || runtime === 'containerd' || runtime === 'kubernetes' ? this.#containerd(id) : null,
      runtime === 'podman' || runtime === 'cri-o' || runtime === 'kubernetes' ? this.#storage(id, uid) : null,
      podUid === null ? null : this.#pod(podUid, id),
    ];
    return found.reduce<ContainerDetails>((sum, each) => (each === null ? sum : filledUp(sum, each)), NO_DETAILS);
  }

  #at(...parts: string[]): string {
    return join(this.#root, ...parts);
  }

  #docker(id: string): ContainerDetails | null {
    const moved = parsed(dockerDaemon, textOf(this.#at('etc/docker/daemon.json')))?.['data-root'];
    const roots = [moved, 'var/lib/docker', 'var/snap/docker/common/var-lib-docker'];
    for (const root of roots) {
      if (root === undefined) continue;
      const found = fromDocker(textOf(this.#at(root, 'containers', id, 'config.v2.json')));
      if (found !== null) return found;
    }
    return null;
  }

  /** The bundle lies in the directory of containerd's namespace: `k8s.io`, `moby`, `default`. */
  #containerd(id: string): ContainerDetails | null {
    for (const state of ['run/containerd', 'run/k3s/containerd', 'var/snap/microk8s/common/run/containerd']) {
      const tasks = this.#at(state, 'io.containerd.runtime.v2.task');
      for (const namespace of entries(tasks)) {
        const found = parsed(bundle, textOf(join(tasks, namespace, id, 'config.json')));
        if (found !== null) return kubernetesOf(found.annotations);
      }
    }
    return null;
  }

  /** Podman and CRI-O keep their containers in containers/storage, a directory for each driver. */
  #storage(id: string, uid: number | null): ContainerDetails | null {
    const roots = [this.#at('var/lib/containers/storage')];
    const home = uid === null || uid === 0 ? null : this.#homeOf(uid);
    if (home !== null) roots.unshift(this.#at(home, '.local/share/containers/storage'));
    for (const root of roots) {
      for (const directory of entries(root).filter((name) => name.endsWith('-containers'))) {
        const annotated = parsed(bundle, textOf(join(root, directory, id, 'userdata/config.json')));
        const stored = this.#stored(join(root, directory), id);
        if (stored !== null) return filledUp(kubernetesOf(annotated?.annotations), stored);
      }
    }
    return null;
  }

  #stored(directory: string, id: string): ContainerDetails | null {
    for (const file of ['containers.json', 'volatile-containers.json']) {
      const found = parsed(storedContainers, textOf(join(directory, file)))?.find((each) => each.id === id);
      if (found === undefined) continue;
      const image = parsed(storedMetadata, found.metadata ?? null)?.['image-name'];
      return { ...NO_DETAILS, name: found.names?.[0] ?? null, image: image ?? null };
    }
    return null;
  }

  #homeOf(uid: number): string | null {
    const line = textOf(this.#at('etc/passwd'))
      ?.split('\n')
      .find((each) => each.split(':')[2] === String(uid));
    return line?.split(':')[5] ?? null;
  }

  /** The kubelet's log directories are named by namespace, pod and its identifier; links by container. */
  #pod(uid: string, id: string): ContainerDetails | null {
    const directory = entries(this.#at('var/log/pods')).find((name) => name.endsWith(`_${uid}`));
    if (directory === undefined) return null;
    const [namespace, pod] = directory.split('_');
    const link = entries(this.#at('var/log/containers')).find((name) => name.endsWith(`-${id}.log`));
    const name = link?.split('_').at(-1)?.slice(0, -`-${id}.log`.length) ?? null;
    return { name, image: null, pod: pod ?? null, namespace: namespace ?? null };
  }

  /** systemd-machined's note of a machine: its root directory or image. */
  #machine(name: string): ContainerDetails {
    const root = /^ROOT=(.+)$/m.exec(textOf(this.#at('run/systemd/machines', name)) ?? '')?.[1] ?? null;
    return { ...NO_DETAILS, name, image: root };
  }
}
