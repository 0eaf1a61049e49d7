/** What the path of a control group says: the systemd unit, and the container that a runtime made it for. */

export interface Container {
  readonly runtime: string;
  readonly id: string;
}

/** The innermost unit of systemd in the path (`ssh.service`, `session-3.scope`); null when there is none. */
export function unitOf(path: string): string | null {
  const parts = path.split('/').reverse();
  const unit = parts.find((part) => /\.(service|scope|socket|mount|swap)$/.test(part));
  return unit ?? null;
}

const ID = '[0-9a-f]{64}';
const FORMS: readonly (readonly [runtime: string, form: RegExp])[] = [
  ['docker', new RegExp(`/docker[-/](${ID})(?:\\.scope)?(?:/|$)`)],
  ['podman', new RegExp(`/libpod-(?:payload-)?(${ID})(?:\\.scope)?(?:/|$)`)],
  ['containerd', new RegExp(`/cri-containerd[-:](${ID})(?:\\.scope)?(?:/|$)`)],
  ['cri-o', new RegExp(`/crio-(${ID})(?:\\.scope)?(?:/|$)`)],
  ['kubernetes', new RegExp(`/kubepods[^/]*/.*?(${ID})(?:\\.scope)?(?:/|$)`)],
  ['lxc', /\/lxc(?:\.payload)?[./]([^/]+)/],
  ['nspawn', /\/machine-([^/]+)\.scope/],
];

/** The container, by the paths that Docker, Podman, containerd, CRI-O, Kubernetes, LXC and nspawn make. */
export function containerOf(path: string): Container | null {
  for (const [runtime, form] of FORMS) {
    const id = form.exec(path)?.[1];
    if (id !== undefined) return { runtime, id };
  }
  return null;
}
