/** The filter language, and the updates that a page gets. */
import { VIEW_TABLES } from '../../../core/contract/tables.ts';
import { diffRows, encodeView, peekView, RowSet, ViewState } from '../../../core/contract/view-codec.ts';
import { complete } from '../../../core/filter/complete.ts';
import { describe } from '../../../core/filter/describe.ts';
import { format, highlight, parse, sameExpression, toKernelRules } from '../../../core/filter/filter.ts';
import { hold, type Target } from '../target.ts';

const FILTERS = [
  'tcp.port == 443 && process.name == "curl" && rtt.p99 > 50ms',
  '!(udp || icmp) && host in {10.0.0.0/8, 2001:db8::/32} && bytes > 1MB',
  'server.name ~ "^shop\\\\.(a|b)+$" || port in {80, 443, 8000..8080}',
  'state == established && retransmits >= 3 && started > 2026-11-24T12:00:00Z',
];

const filter: Target = {
  name: 'filter',
  seeds: () => FILTERS.map((text) => new TextEncoder().encode(text)),
  run: (bytes) => {
    const text = new TextDecoder().decode(bytes);
    const result = parse(text);
    if (result.ok) {
      const again = parse(format(result.ast));
      hold(again.ok && sameExpression(again.ast, result.ast), 'formatted, it reads otherwise', text);
      describe(result.ast);
      toKernelRules(result.ast);
    } else {
      const { start, end, message, fix } = result.problem;
      hold(message !== '' && start >= 0 && start <= end && end <= text.length, 'points outside the text', start, end);
      hold(fix === null || fix.end <= text.length, 'mends outside the text');
    }
    highlight(text);
    complete(text, text.length >> 1);
  },
};

function update(): Uint8Array {
  const tables = VIEW_TABLES.graph.map((schema) => new RowSet(schema));
  for (const table of tables) for (let key = 1; key < 4; key++) table.upsert(key);
  const updates = tables.map((table, i) => diffRows(table, new RowSet(VIEW_TABLES.graph[i]!)));
  return new Uint8Array(
    encodeView({ view: 1, base: 0, version: 1, cursorNs: 5 }, updates, [
      [1, 'shop'],
      [2, 'curl'],
    ]),
  );
}

const view: Target = {
  name: 'view',
  seeds: () => [update()],
  run: (bytes) => {
    const buffer = bytes.slice().buffer;
    peekView(buffer);
    try {
      new ViewState('graph').apply(buffer, new Map());
    } catch (error) {
      hold(error instanceof RangeError, 'another error than RangeError', error);
    }
  },
};

export const textTargets: readonly Target[] = [filter, view];
