/**
 * Filters made for one place or for good: what a filter comes to in a network namespace that is known, and what of it can
 * be judged once the owner of a flow is known and holds from then on.
 */
import type { Expression } from './ast.ts';
import { compile } from './compile.ts';
import { fieldOf } from './fields.ts';
import type { FlowFields } from './flow-fields.ts';

/** Parts of a process that stay as they are once its flow is known to be its own. */
const SETTLED_PARTS: ReadonlySet<string> = new Set(['name', 'script', 'pid', 'exe', 'cmdline', 'uid', 'user', 'cgroup', 'unit']); // prettier-ignore
/** Parts of the flow's key. */
const KEY_FIELDS: ReadonlySet<string> = new Set(['family', 'protocol', 'netns']);
const KEY_PARTS: ReadonlySet<string> = new Set(['addr', 'port']);

type Leaf = Extract<Expression, { readonly kind: 'protocol' | 'known' | 'compare' | 'in' }>;

/** The tree with each leaf in place replaced; `positive` = it stands under an even number of negations. */
function mapLeaves(
  ast: Expression,
  replace: (leaf: Leaf, positive: boolean) => Expression,
  positive = true,
): Expression {
  switch (ast.kind) {
    case 'constant':
      return ast;
    case 'not':
      return { ...ast, operand: mapLeaves(ast.operand, replace, !positive) };
    case 'and':
    case 'or':
      return { ...ast, operands: ast.operands.map((operand) => mapLeaves(operand, replace, positive)) };
    default:
      return replace(ast, positive);
  }
}

const sourcesOf = (leaf: Leaf): readonly string[] => {
  if (leaf.kind === 'protocol') return ['protocol'];
  const spec = fieldOf(leaf.field);
  return spec.either.length > 0 ? spec.either : [spec.source];
};

/** What follows `client.` or `server.` and `of`; null = the field is not one of an end. */
const partOf = (source: string, of: string): string | null => {
  const end = ['client.', 'server.'].map((name) => name + of).find((name) => source.startsWith(name));
  return end === undefined ? null : source.slice(end.length);
};

/** The filter for flows of one network namespace: what it asks of that is answered. */
export function inNamespace(ast: Expression, netns: number): Expression {
  const none = (): null => null;
  const fields: FlowFields = {
    number: (field) => (field === 'netns' ? () => netns : null),
    text: none,
    list: none,
    address: none,
    zone: none,
    fromStart: Number,
  };
  return mapLeaves(ast, (leaf) =>
    sourcesOf(leaf).includes('netns') ? { kind: 'constant', value: compile(leaf, fields)(0) } : leaf,
  );
}

/**
 * What a flow whose owners are known must meet to ever match the filter: the filter with everything that may still
 * change taken as met. null = it asks nothing of processes, so that knowing them decides nothing.
 */
export function settledFilter(ast: Expression): Expression | null {
  let asksOwner = false;
  const loose = mapLeaves(ast, (leaf, positive) => {
    const sources = sourcesOf(leaf);
    const owner = sources.every((source) => SETTLED_PARTS.has(partOf(source, 'process.') ?? ''));
    const key = sources.every((source) => KEY_FIELDS.has(source) || KEY_PARTS.has(partOf(source, '') ?? ''));
    asksOwner ||= owner;
    return owner || key ? leaf : { kind: 'constant', value: positive };
  });
  return asksOwner ? loose : null;
}
