/** Runs the layout beside the page; one request is answered by one layout with the same number. */
import { layoutGraph, type GraphInput } from './layout.ts';

addEventListener('message', ({ data }: MessageEvent<{ number: number; input: GraphInput }>) => {
  postMessage({ number: data.number, layout: layoutGraph(data.input) });
});
