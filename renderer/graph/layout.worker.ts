/** Runs the layouts beside the page; one request is answered by one layout with the same number. */
import { ForceLayout, type FreeInput, type FreeLayout } from './force.ts';
import { layoutGraph, type GraphInput, type GraphLayout } from './layout.ts';

export type LayoutRequest = { number: number; columns: GraphInput } | { number: number; free: FreeInput };
export type LayoutAnswer = { number: number; columns: GraphLayout } | { number: number; free: FreeLayout };

const force = new ForceLayout();

addEventListener('message', ({ data }: MessageEvent<LayoutRequest>) => {
  const { number } = data;
  const answer: LayoutAnswer =
    'columns' in data ? { number, columns: layoutGraph(data.columns) } : { number, free: force.place(data.free) };
  postMessage(answer);
});
