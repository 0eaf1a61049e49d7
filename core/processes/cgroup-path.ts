/**
 * What the path of a control group says: the unit of systemd, the container that a runtime made the group for, the pod,
 * and the application of Flatpak or Snap. Forms as systemd's drivers and cgroupfs's make them.
 */

export const RUNTIMES = ['docker', 'podman', 'containerd', 'cri-o', 'kubernetes', 'lxc', 'nspawn'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** A container as its control group names it. */
export interface ContainerId {
  readonly runtime: Runtime;
  /** 64 hexadecimal digits; of LXC and nspawn the name. */
  readonly id: string;
  /** Kubernetes' identifier of the pod, with hyphens; null outside of one. */
  readonly podUid: string | null;
}

/** What a program was installed as, where the system tells. */
export interface AppPackage {
  readonly kind: 'flatpak' | 'snap' | 'appimage';
  readonly name: string;
}

/** Undoes systemd's escapes in names of units: `\x2d` is a hyphen. */
export const unescapeUnit = (name: string): string =>
  name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** The innermost unit of systemd in the path (`ssh.service`, `session-3.scope`); null when there is none. */
export function unitOf(path: string): string | null {
  const parts = path.split('/').reverse();
  const unit = parts.find((part) => /\.(service|scope|socket|mount|swap)$/.test(part));
  return unit ?? null;
}

const ID = '[0-9a-f]{64}';
/** Of one component of the path; the runtime's own helpers (conmon, LXC's monitor) have other names. */
const FORMS: readonly (readonly [runtime: Runtime, form: RegExp])[] = [
  ['docker', new RegExp(`^docker-(${ID})\\.scope$`)],
  ['podman', new RegExp(`^libpod-(?:payload-)?(${ID})(?:\\.scope)?$`)],
  ['containerd', new RegExp(`(?:^|:)cri-containerd[-:](${ID})(?:\\.scope)?$`)],
  ['containerd', new RegExp(`^nerdctl-(${ID})\\.scope$`)],
  ['cri-o', new RegExp(`^crio-(${ID})(?:\\.scope)?$`)],
  ['lxc', /^lxc\.payload\.(.+)$/],
  ['nspawn', /^machine-(?!qemu\\x2d|lxc\\x2d)(.+)\.scope$/],
  ['nspawn', /^systemd-nspawn@(.+)\.service$/],
];
const BARE = new RegExp(`^${ID}$`);
const POD = /pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})/;

/** The innermost container of the path; null when there is none. */
export function containerOf(path: string): ContainerId | null {
  const parts = path.split('/');
  for (let i = parts.length - 1; i > 0; i--) {
    const found = containerAt(parts, i);
    if (found === null) continue;
    const above = parts.slice(0, i + 1).join('/');
    return { ...found, podUid: POD.exec(above)?.[1]?.replaceAll('_', '-') ?? null };
  }
  return null;
}

function containerAt(parts: readonly string[], at: number): Omit<ContainerId, 'podUid'> | null {
  const part = parts[at]!;
  for (const [runtime, form] of FORMS) {
    const id = form.exec(part)?.[1];
    if (id !== undefined) return { runtime, id: unescapeUnit(id) };
  }
  const parent = parts[at - 1]!;
  if (parent === 'lxc' && part !== '') return { runtime: 'lxc', id: part };
  if (!BARE.test(part)) return null;
  if (parent === 'docker') return { runtime: 'docker', id: part };
  return parts.slice(0, at).some((each) => /^(kubelet-)?kubepods/.test(each))
    ? { runtime: 'kubernetes', id: part }
    : null;
}

/** The application that Flatpak's or Snap's launcher made the innermost unit for; null when there is none. */
export function packageOfPath(path: string): AppPackage | null {
  const unit = unitOf(path);
  if (unit === null) return null;
  const name = unescapeUnit(unit);
  const flatpak = /^app-flatpak-(.+)-\d+\.scope$/.exec(name)?.[1];
  if (flatpak !== undefined) return { kind: 'flatpak', name: flatpak };
  const snap = /^snap\.([^.]+)\..+\.(?:scope|service)$/.exec(name)?.[1];
  return snap === undefined ? null : { kind: 'snap', name: snap };
}

/**
 * The workload that a pod's name was made from: of a Deployment without the hashes of ReplicaSet and pod, of a DaemonSet,
 * Job or StatefulSet without the last part. Kubernetes writes no more of it on a node, so this is read from the name.
 */
export function workloadOf(pod: string): string {
  const letters = '[bcdfghjklmnpqrstvwxz2456789]'; // the alphabet of k8s.io/apimachinery's random names
  const deployment = new RegExp(`^(.+)-${letters}{6,10}-${letters}{5}$`).exec(pod)?.[1];
  const other = new RegExp(`^(.+)-(?:${letters}{5}|\\d{1,6})$`).exec(pod)?.[1];
  return deployment ?? other ?? pod;
}
