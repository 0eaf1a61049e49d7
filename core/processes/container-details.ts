/**
 * What a runtime knows of a container beyond its number. The recorder reads it from the runtime's files or asks its
 * socket (core/system), and tells it in a frame of our own, so that a recording can be read where the container never was.
 */
export interface ContainerDetails {
  readonly name: string | null;
  readonly image: string | null;
  /** Kubernetes */
  readonly pod: string | null;
  readonly namespace: string | null;
}

export const NO_DETAILS: ContainerDetails = { name: null, image: null, pod: null, namespace: null };

/** What is not there of the first is taken from the second. */
export const filledUp = (first: ContainerDetails, second: ContainerDetails): ContainerDetails => ({
  name: first.name ?? second.name,
  image: first.image ?? second.image,
  pod: first.pod ?? second.pod,
  namespace: first.namespace ?? second.namespace,
});

/** In a frame: the texts in the order above, joined by NUL; nothing = not known. */
export const detailsText = ({ name, image, pod, namespace }: ContainerDetails): string =>
  [name, image, pod, namespace].map((text) => (text ?? '').replaceAll('\0', '')).join('\0');

export function detailsFrom(text: string): ContainerDetails {
  const [name, image, pod, namespace] = text.split('\0').map((part) => (part === '' ? null : part));
  return { name: name ?? null, image: image ?? null, pod: pod ?? null, namespace: namespace ?? null };
}
