/** What the user brings to every model: databases of networks. Filters, summaries and views see the model through it. */
import type { DatabasesAnswer } from '../contract/answers.ts';
import type { FlowglassError } from '../errors.ts';
import type { Surroundings } from '../filter/adapter.ts';
import type { FlowModel } from '../flow/model.ts';
import { Databases } from '../place/databases.ts';
import { NetworkPlaces } from '../place/places.ts';
import { flowId } from '../summary/flow.ts';
import type { SummarySource } from '../summary/source.ts';

export interface Knowledge {
  readonly databases: Databases | null;
}

export const NO_KNOWLEDGE: Knowledge = { databases: null };

/** The model's surroundings for filters; the same object serves summaries and views, which then share what it remembers. */
export function surroundingsOf(
  model: FlowModel,
  { databases }: Knowledge = NO_KNOWLEDGE,
): Surroundings & Pick<SummarySource, 'places'> {
  return { id: (flow) => flowId(model, flow), places: new NetworkPlaces(model, databases) };
}

/** The source with what is known beside it. */
export const knowing = (source: SummarySource, { places, labels }: Surroundings): SummarySource => ({
  ...source,
  ...(places === undefined ? {} : { places }),
  ...(labels === undefined ? {} : { labels }),
});

/** What an engine knows: what it was started with, and what pages name in their settings. */
export class KnownThings {
  #knowledge: Knowledge;
  readonly #given: Knowledge;
  readonly #problem: (error: FlowglassError) => void;
  #paths = '';

  constructor(given: Knowledge = NO_KNOWLEDGE, problem: (error: FlowglassError) => void) {
    this.#given = this.#knowledge = given;
    this.#problem = problem;
  }

  get knowledge(): Knowledge {
    return this.#knowledge;
  }

  /** Uses these databases; none = those of the command line. A file that cannot be used is one notice each time it is named. */
  open(paths: readonly string[]): DatabasesAnswer {
    if (this.#paths !== paths.join('\0')) {
      this.#paths = paths.join('\0');
      this.#knowledge =
        paths.length === 0 ? this.#given : { ...this.#given, databases: Databases.open(paths, this.#problem) };
    }
    return [...(this.#knowledge.databases?.about ?? [])];
  }
}
