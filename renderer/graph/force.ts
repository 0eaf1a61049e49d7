/**
 * The free layout of the graph (d3-force): for meshes of processes that talk to each other. It is worked out to the end
 * before anything is drawn, and what has a place keeps it: only new nodes look for one, beside those they talk to. Plain
 * arithmetic without a clock, so that it runs in a worker and in tests and gives the same each time.
 */
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY, type SimulationNodeDatum } from 'd3';

export interface FreeInput {
  width: number;
  height: number;
  /** Per node: its key, and its radius in px. */
  keys: Float64Array;
  radius: Float32Array;
  /** Indices of the ends of the edges. */
  from: Uint32Array;
  to: Uint32Array;
  /** Forgets all places: the whole is arranged anew. */
  anew: boolean;
  /** Puts one node somewhere by hand. */
  moved: { key: number; x: number; y: number } | null;
}

export interface FreeLayout {
  x: Float32Array;
  y: Float32Array;
}

interface Body extends SimulationNodeDatum {
  key: number;
  radius: number;
}

/** Steps until a layout has cooled down: d3's own default. */
const STEPS = 300;
const LINK = 90;
/** Below a node stands its name. */
const NAME_HEIGHT = 18;
const NAME_HALF = 46;

export class ForceLayout {
  private readonly places = new Map<number, [x: number, y: number]>();
  private size = [0, 0];

  place(input: FreeInput): FreeLayout {
    if (input.anew) this.places.clear();
    this.rescale(input.width, input.height);
    if (input.moved) this.places.set(input.moved.key, [input.moved.x, input.moved.y]);
    const bodies = this.bodies(input);
    if (bodies.some(({ key }) => !this.places.has(key))) this.settle(bodies, input);
    const x = new Float32Array(bodies.length);
    const y = new Float32Array(bodies.length);
    bodies.forEach((body, i) => {
      [x[i], y[i]] = within(body, input);
      this.places.set(body.key, [x[i] as number, y[i] as number]);
    });
    return { x, y };
  }

  /** Another size of the pane stretches what is there. */
  private rescale(width: number, height: number): void {
    const [oldWidth = 0, oldHeight = 0] = this.size;
    this.size = [width, height];
    if (oldWidth === 0 || (oldWidth === width && oldHeight === height)) return;
    for (const place of this.places.values()) {
      place[0] *= width / oldWidth;
      place[1] *= height / oldHeight;
    }
  }

  /** Nodes with the place they have; new ones begin in the middle of those they talk to. */
  private bodies({ keys, radius, from, to, width, height }: FreeInput): Body[] {
    const near: [number, number][][] = Array.from(keys, () => []);
    from.forEach((a, edge) => {
      const b = to[edge] as number;
      const placeA = this.places.get(keys[a] as number);
      const placeB = this.places.get(keys[b] as number);
      if (placeB) near[a]?.push(placeB);
      if (placeA) near[b]?.push(placeA);
    });
    return Array.from(keys, (key, i) => {
      const place = this.places.get(key);
      const body: Body = { key, radius: radius[i] as number };
      if (place) {
        body.fx = body.x = place[0];
        body.fy = body.y = place[1];
        return body;
      }
      const around = near[i] as [number, number][];
      if (around.length === 0) return body;
      // Not quite in one point: several that are new at once must be able to part.
      body.x = mean(around, 0, width / 2) + ((i % 5) - 2) * 7;
      body.y = mean(around, 1, height / 2) + ((i % 7) - 3) * 7;
      return body;
    });
  }

  private settle(bodies: Body[], { from, to, width, height }: FreeInput): void {
    const links = Array.from(from, (a, edge) => ({ source: a, target: to[edge] as number }));
    // A wide pane is filled widely.
    const pull = 0.06;
    const simulation = forceSimulation(bodies)
      .force('link', forceLink(links).distance(LINK).strength(0.25))
      .force('charge', forceManyBody().strength(-260).distanceMax(420))
      .force('x', forceX(width / 2).strength((pull * height) / Math.max(1, width)))
      .force('y', forceY(height / 2).strength(pull))
      .force(
        'collide',
        forceCollide<Body>(({ radius }) => Math.max(radius + NAME_HEIGHT, NAME_HALF)),
      )
      .stop();
    simulation.tick(STEPS);
    if (bodies.every(({ fx }) => fx === undefined)) fitInto(bodies, width, height);
  }
}

/** What is wider or higher than the pane is drawn together until it fits; what is not is put into the middle. */
function fitInto(bodies: readonly Body[], width: number, height: number): void {
  const axis = (name: 'x' | 'y', room: number, margin: number): void => {
    const values = bodies.map((body) => body[name] ?? 0);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const scale = Math.min(1, (room - 2 * margin) / Math.max(1, high - low));
    for (const body of bodies) body[name] = room / 2 + ((body[name] ?? 0) - (low + high) / 2) * scale;
  };
  axis('x', width, NAME_HALF);
  axis('y', height, 24);
}

const mean = (places: readonly [number, number][], axis: 0 | 1, otherwise: number): number =>
  places.length === 0 ? otherwise : places.reduce((sum, place) => sum + place[axis], 0) / places.length;

/** Inside the pane, with room for the name below. */
function within({ x = 0, y = 0, radius }: Body, { width, height }: FreeInput): [number, number] {
  const clamp = (value: number, low: number, high: number): number =>
    Math.min(Math.max(value, low), Math.max(low, high));
  return [clamp(x, NAME_HALF, width - NAME_HALF), clamp(y, radius + 6, height - radius - NAME_HEIGHT - 6)];
}
