import { describe, expect, it } from 'vitest';
import { FlowglassError } from '../errors.ts';
import { FlowModel } from '../flow/model.ts';
import { modelFields } from '../filter/adapter.ts';
import { parse } from '../filter/filter.ts';
import { compile } from '../filter/compile.ts';
import { parseAddress } from '../filter/address.ts';
import { KEY } from '../abi/generated.ts';
import { FlowLabels } from './flow-labels.ts';
import { labelRulesText, parseLabelRules } from './label-rules.ts';

const RULES = `
labels:
  - label: orders-db
    where: port == 5432
  - label: database
    where: port in {3306, 5432}
  - label: orders-db
    where: packets > 5
`;

function wrong(text: string): string {
  try {
    parseLabelRules(text, 'labels.yaml');
  } catch (error) {
    if (error instanceof FlowglassError) return error.message;
    throw error;
  }
  return 'accepted';
}

function flow(model: FlowModel, port: number): number {
  const bytes = new Uint8Array(KEY.size);
  const view = new DataView(bytes.buffer);
  for (const [text, at] of [
    ['10.0.0.1', KEY.loAddress],
    ['10.0.0.2', KEY.hiAddress],
  ] as const) {
    const address = parseAddress(text);
    if (!('error' in address)) bytes.set(address.bytes, at);
  }
  view.setUint8(KEY.family, 4);
  view.setUint16(KEY.loPort, 40000, true);
  view.setUint16(KEY.hiPort, port, true);
  view.setUint8(KEY.protocol, 6);
  return model.begin(bytes, 0, port, 1e9);
}

describe('label rules', () => {
  it('say the same after a round through text', () => {
    const rules = parseLabelRules(RULES, 'x');
    expect(rules.map(({ label, where }) => `${label}: ${where}`)).toEqual([
      'orders-db: port == 5432',
      'database: port in {3306, 5432}',
      'orders-db: packets > 5',
    ]);
    expect(parseLabelRules(labelRulesText(rules), 'x')).toEqual(rules);
    expect(parseLabelRules('', 'x')).toEqual([]);
  });

  it('with a mistake: line, column, character and what was expected', () => {
    expect(wrong('labels:\n  - label: a\n    where: prt == 1\n')).toMatch(/character 1: .*port.*, labels\.yaml:3:12/);
    expect(wrong('labels:\n  - label: a\n    where: port = 1\n')).toMatch(/character 6: .*==.*labels\.yaml:3:12/);
    expect(wrong('labels:\n  - label: a\n    were: tcp\n')).toMatch(/labels\.yaml:[23]:\d+/);
    expect(wrong('labels:\n  - label: "a;b"\n    where: tcp\n')).toMatch(/no semicolon, labels\.yaml:2:12/);
    expect(wrong('labels:\n  - label: a\n    where: label == "b"\n')).toMatch(
      /cannot ask for labels, labels\.yaml:3:12/,
    );
    expect(wrong('labels: [\n')).toMatch(/no YAML.*labels\.yaml:\d+:\d+/);
  });
});

describe('labels of flows', () => {
  it('are of every rule that matches, in their order, each once; they follow what flows become', () => {
    const model = new FlowModel();
    const [database, web] = [flow(model, 5432), flow(model, 80)];
    const labels = new FlowLabels(model, parseLabelRules(RULES, 'x'), modelFields(model));
    expect([labels.of(database), labels.of(web)]).toEqual([['orders-db', 'database'], []]);
    model.addPacket(web, 0, 9, 900, 1, 9, 900, 9e9);
    model.nowNs = 9e9;
    model.version++;
    expect(labels.of(web)).toEqual(['orders-db']);
  });

  it('can be asked for in filters', () => {
    const model = new FlowModel();
    const [database, web] = [flow(model, 5432), flow(model, 80)];
    const { of } = new FlowLabels(model, parseLabelRules(RULES, 'x'), modelFields(model));
    const parsed = parse('label == "database"');
    if (!parsed.ok) throw new Error(parsed.problem.message);
    const matches = compile(parsed.ast, modelFields(model, { labels: of }));
    expect([matches(database), matches(web)]).toEqual([true, false]);
  });
});
