/** What a recording holds, read from its index and newest keyframe: the packets stay unread. */
import type { SessionFactsAnswer } from '../../contract/sessions.ts';
import { errnoName, FlowglassError } from '../../errors.ts';
import type { FlowModel } from '../../flow/model.ts';
import { pathsOf } from '../../flow/paths.ts';
import { Reducer } from '../../flow/reducer.ts';
import { Session } from '../../session/reader.ts';
import { troubleOf } from '../facts.ts';
import { sessionDamage } from '../open.ts';

const NOTHING: SessionFactsAnswer = {
  ours: false,
  problem: null,
  host: null,
  started: null,
  durationNs: null,
  interfaces: [],
  packets: null,
  flows: null,
  troubled: null,
};
const REDUCERS = {
  fresh: (): Reducer => new Reducer(Infinity),
  restore: (state: Uint8Array): Reducer => Reducer.restore(state, Infinity),
};

/** Never throws: what is wrong with the file is in the answer. */
export async function sessionFacts(path: string): Promise<SessionFactsAnswer> {
  let session: Session | null = null;
  try {
    session = await Session.open(path);
    if (session === null) return { ...NOTHING, problem: 'not a recording of Flowglass: read when it is opened' };
    return { ...(await factsOf(session)), problem: sessionDamage(session) };
  } catch (error) {
    if (!(error instanceof FlowglassError) && errnoName(error) === '') throw error;
    return { ...NOTHING, problem: error instanceof FlowglassError ? error.what : errnoName(error) };
  } finally {
    await session?.close();
  }
}

async function factsOf(session: Session): Promise<SessionFactsAnswer> {
  const { header, toNs, captured, interfaces } = session;
  const { model } = (await session.replay(REDUCERS)).reducer;
  const { originNs } = model.clock; // also of later files of a ring: the whole recording is counted
  const wallNs = originNs === null ? null : model.clock.wallNs(0);
  return {
    ...NOTHING,
    ours: true,
    host: header.host,
    started: wallNs === null ? null : wallText(wallNs),
    durationNs: originNs === null ? null : Number(toNs - originNs),
    interfaces: [...new Set(interfaces.flatMap(({ name }) => name ?? []))],
    packets: captured.packets,
    ...countsOf(model),
  };
}

const wallText = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();

/** As the screens count: a connection that several interfaces saw is one flow; those folded into totals are flows too. */
function countsOf(model: FlowModel): { flows: number; troubled: number } {
  const paths = pathsOf(model);
  let flows = model.folded.total;
  let troubled = 0;
  for (let flow = 0; flow < model.flows.rows.count; flow++) {
    if (!paths.shown(flow)) continue;
    flows++;
    if (troubleOf(model, flow) !== 0) troubled++;
  }
  return { flows, troubled };
}
