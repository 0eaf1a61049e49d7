/** What opening a capture of others came to, as bytes and back. */
import { FlowModel } from '../../flow/model.ts';
import { SnapshotReader, SnapshotWriter } from '../../flow/snapshot.ts';
import type { SummarySource } from '../../summary/source.ts';
import { loadTimeline, saveTimeline } from '../../timeline/saved.ts';
import { TimelineStore } from '../../timeline/store.ts';
import { FindingList, type DescribedFinding } from '../finding-facts.ts';

export interface OpenedForeign {
  readonly whole: SummarySource;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  /** By how much the file's times step back at most, ns. */
  readonly disorderNs: number;
}

/** Models beyond this are not kept: reading them back would take as long as the packets. */
const MODEL_MAX = 192 << 20;

/** null when it is too large to be worth it. */
export function saveIndex({ whole, timeline, findings, disorderNs }: OpenedForeign): Uint8Array | null {
  if (whole.model.bytes > MODEL_MAX) return null;
  const { startedNs, durationNs, host, application, captured, late, truncated, damage } = whole;
  const out = new SnapshotWriter();
  const facts = { startedNs: startedNs?.toString() ?? null, durationNs: durationNs.toString(), host, application, captured, late, truncated, damage, disorderNs }; // prettier-ignore
  const said = findings.described.map((each) => ({
    ...each,
    usualUs: finite(each.usualUs),
    nowUs: finite(each.nowUs),
  }));
  out.text(JSON.stringify({ facts, findings: said }));
  whole.model.save(out);
  saveTimeline(timeline.parts, out);
  return out.finish();
}

/** null when the bytes cannot be read. */
export function loadIndex(bytes: Uint8Array): OpenedForeign | null {
  try {
    const input = new SnapshotReader(bytes);
    const { facts, findings } = JSON.parse(input.text()) as Saved;
    const model = new FlowModel();
    model.load(input);
    const parts = loadTimeline(input);
    const timeline = new TimelineStore(parts.samples, parts);
    const { disorderNs, startedNs, durationNs, ...rest } = facts;
    return {
      whole: {
        ...rest,
        model,
        startedNs: startedNs === null ? null : BigInt(startedNs),
        durationNs: BigInt(durationNs),
      },
      timeline,
      findings: new FindingList(null, findings.map(said)),
      disorderNs,
    };
  } catch {
    return null; // damaged after all: the packets are read
  }
}

/** JSON has no word for what is not known. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

type SavedFinding = Omit<DescribedFinding, 'usualUs' | 'nowUs'> & {
  readonly usualUs: number | null;
  readonly nowUs: number | null;
};

const said = (each: SavedFinding): DescribedFinding => ({
  ...each,
  usualUs: each.usualUs ?? NaN,
  nowUs: each.nowUs ?? NaN,
});

interface Saved {
  readonly facts: Omit<SummarySource, 'model' | 'startedNs' | 'durationNs'> & {
    readonly startedNs: string | null;
    readonly durationNs: string;
    readonly disorderNs: number;
  };
  readonly findings: SavedFinding[];
}
