import type { Expression } from './ast.ts';

/** Conditions of a tree. */
export function leaves(ast: Expression): Expression[] {
  if (ast.kind === 'and' || ast.kind === 'or') return ast.operands.flatMap(leaves);
  return ast.kind === 'not' ? leaves(ast.operand) : [ast];
}
