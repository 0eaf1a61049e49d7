import type { SessionAnswer } from '../../core/contract/sessions.ts';
import type { SessionFacts } from './sessions.ts';

/** Every word stands in the name, the folder, an interface or the host. */
export function matching(search: string, { name, folder }: SessionAnswer, facts: SessionFacts): boolean {
  const text = [name, folder, facts?.host ?? '', ...(facts?.interfaces ?? [])].join('\n').toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word)); // prettier-ignore
}
