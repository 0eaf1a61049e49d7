/**
 * The views of one viewer. Each keeps the rows it sent last, computes the next from the moment, and sends the
 * difference under a new version. With two versions unacknowledged, or a congested port, it skips: a slow page costs
 * nothing and gets the newest state when it is ready.
 */
import { viewParams, type ViewParams } from '../../contract/requests.ts';
import { VIEW_TABLES } from '../../contract/tables.ts';
import { diffRows, encodeView, RowSet, StringInterner } from '../../contract/view-codec.ts';
import type { EnginePort } from '../port.ts';
import { GraphRows } from './graph-rows.ts';
import type { Moment } from './state.ts';
import { TableRows } from './table-rows.ts';
import { fillTrouble } from './trouble-rows.ts';
import { fillOverview, TimelineRows } from './timeline-rows.ts';

const UNACKNOWLEDGED_MAX = 2;

interface View {
  params: ViewParams;
  sent: RowSet[];
  next: RowSet[];
  version: number;
  acknowledged: number;
  graph: GraphRows;
  table: TableRows;
  timeline: TimelineRows;
}

export class ViewServer {
  visible = true;
  /** Updates that were skipped because the page did not keep up. */
  skipped = 0;
  private readonly strings = new StringInterner();
  private readonly views = new Map<number, View>();
  private readonly port: EnginePort;

  constructor(port: EnginePort) {
    this.port = port;
  }

  /** Opens a view or changes its parameters; the next update is full. */
  open(id: number, params: ViewParams): void {
    const old = this.views.get(id);
    const tables = VIEW_TABLES[params.kind];
    const same = old?.params.kind === params.kind;
    this.views.set(id, {
      params: viewParams.parse(params),
      sent: same ? old.sent : tables.map((schema) => new RowSet(schema)),
      next: tables.map((schema) => new RowSet(schema)),
      version: same ? old.version : 0,
      acknowledged: same ? old.acknowledged : 0,
      graph: same ? old.graph : new GraphRows(),
      table: same ? old.table : new TableRows(),
      timeline: same ? old.timeline : new TimelineRows(),
    });
  }

  /** Another source: every view begins anew, its order and keys too. */
  restart(): void {
    for (const [id, { params }] of this.views) {
      this.views.delete(id);
      this.open(id, params);
    }
  }

  /** A view waits for the page to acknowledge what it was sent. */
  get stalled(): boolean {
    for (const { version, acknowledged } of this.views.values())
      if (version - acknowledged >= UNACKNOWLEDGED_MAX) return true;
    return false;
  }

  close(id: number): void {
    this.views.delete(id);
  }

  acknowledge(id: number, version: number): void {
    const view = this.views.get(id);
    if (view && version <= view.version && version > view.acknowledged) view.acknowledged = version;
  }

  /** Sends what changed; `nowMs` = a clock that never steps. */
  update(moment: Moment, nowMs: number): void {
    if (!this.visible) return;
    for (const [id, view] of this.views) {
      if (view.version - view.acknowledged >= UNACKNOWLEDGED_MAX || this.port.congested) {
        this.skipped++;
        continue;
      }
      for (const rows of view.next) rows.clear();
      this.fill(view, moment, nowMs);
      const updates = view.next.map((rows, i) => diffRows(rows, view.sent[i]!));
      const fresh = this.strings.takeFresh();
      const changed = updates.some(({ removed, changed: rows }) => removed.length > 0 || rows.length > 0);
      if (!changed && fresh.length === 0 && view.version > 0) continue;
      const base = view.version;
      view.version++;
      this.port.sendView(
        encodeView({ view: id, base, version: view.version, cursorNs: moment.cursorNs }, updates, fresh),
      );
    }
  }

  private fill(view: View, moment: Moment, nowMs: number): void {
    const { params, next } = view;
    switch (params.kind) {
      case 'graph':
        view.graph.fill(params, moment, next, this.strings);
        break;
      case 'table':
        view.table.fill(params, moment, next, this.strings, nowMs);
        break;
      case 'timeline':
        view.timeline.fill(params, moment, next, this.strings);
        break;
      case 'trouble':
        fillTrouble(params, moment, next[0]!, this.strings);
        break;
      case 'overview':
        fillOverview(params, moment, next, this.strings);
        break;
    }
  }
}
