/** The canonical text of a tree: canonical names, exact values, parentheses only where needed. */
import { formatAddress } from './address.ts';
import type { Expression, Member, Value } from './ast.ts';
import { quote } from './check.ts';
import { fieldOf, type FieldSpec } from './fields.ts';
import { formatInstant } from './instant.ts';
import { formatDuration, formatRate, formatSize } from './units.ts';

/** A value as a literal of its field's type. */
export function formatValue(spec: FieldSpec, value: Value): string {
  switch (value.kind) {
    case 'address':
      return formatAddress(value);
    case 'text':
      return spec.type === 'enum' ? value.value : quote(value.value);
    case 'instant':
    case 'offset':
      return formatInstant(value);
    case 'number':
      if (spec.type === 'duration') return formatDuration(value.value);
      if (spec.type === 'size') return formatSize(value.value);
      if (spec.type === 'rate') return formatRate(value.value);
      return String(value.value);
  }
}

function formatMember(spec: FieldSpec, member: Member): string {
  const from = formatValue(spec, member.from);
  return member.to === null ? from : `${from}..${formatValue(spec, member.to)}`;
}

/** Text that parses to the same tree (a property test). */
export function format(ast: Expression): string {
  switch (ast.kind) {
    case 'constant':
      return String(ast.value);
    case 'protocol':
      return ast.name;
    case 'known':
      return ast.field;
    case 'not': {
      const bare = ['constant', 'protocol', 'known', 'not'].includes(ast.operand.kind);
      return bare ? `!${format(ast.operand)}` : `!(${format(ast.operand)})`;
    }
    case 'and':
      return ast.operands.map((each) => (each.kind === 'or' ? `(${format(each)})` : format(each))).join(' && ');
    case 'or':
      return ast.operands.map(format).join(' || ');
    case 'compare':
      return `${ast.field} ${ast.operator} ${formatValue(fieldOf(ast.field), ast.value)}`;
    case 'in': {
      const spec = fieldOf(ast.field);
      return `${ast.field} in {${ast.members.map((member) => formatMember(spec, member)).join(', ')}}`;
    }
  }
}
