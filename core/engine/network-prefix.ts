/** The /24 or /64 that an address is in. */
export function prefixOf(address: string): string {
  if (!address.includes(':')) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const words = [...left, ...Array.from({ length: gap }, () => '0'), ...right].slice(0, 4);
  while (words.length > 0 && words.at(-1) === '0') words.pop();
  return `${words.join(':')}::/64`;
}
