/** What the user brings to every model: databases of networks, rules for labels. Filters, summaries and views see the model through it. */
import type { DatabasesAnswer, LabelsAnswer } from '../contract/answers.ts';
import { FlowglassError } from '../errors.ts';
import { modelFields, type Surroundings } from '../filter/adapter.ts';
import type { FlowModel } from '../flow/model.ts';
import { FlowLabels } from '../labels/flow-labels.ts';
import { parseLabelRules, type LabelRule } from '../labels/label-rules.ts';
import { Databases } from '../place/databases.ts';
import { NetworkPlaces } from '../place/places.ts';
import { flowId } from '../summary/flow.ts';
import type { SummarySource } from '../summary/source.ts';

export interface Knowledge {
  readonly databases: Databases | null;
  readonly labels: readonly LabelRule[];
}

export const NO_KNOWLEDGE: Knowledge = { databases: null, labels: [] };

/** The model's surroundings for filters; the same object serves summaries and views, which then share what it remembers. */
export function surroundingsOf(model: FlowModel, { databases, labels }: Knowledge = NO_KNOWLEDGE): Surroundings {
  const places = new NetworkPlaces(model, databases);
  const surroundings: Surroundings = { id: (flow) => flowId(model, flow), places };
  if (labels.length === 0) return surroundings;
  return { ...surroundings, labels: new FlowLabels(model, labels, modelFields(model, surroundings)).of };
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
      const databases = paths.length === 0 ? this.#given.databases : Databases.open(paths, this.#problem);
      this.#knowledge = { ...this.#knowledge, databases };
    }
    return [...(this.#knowledge.databases?.about ?? [])];
  }

  /** Uses the rules of this text (a file of rules); none = those of the command line. What is wrong with it is answered. */
  label(text: string): LabelsAnswer {
    try {
      const own = parseLabelRules(text, 'labels');
      const labels = own.length === 0 ? this.#given.labels : own;
      this.#knowledge = { ...this.#knowledge, labels };
      return { labels: [...new Set(labels.map(({ label }) => label))], problem: null };
    } catch (error) {
      if (!(error instanceof FlowglassError)) throw error;
      return {
        labels: [],
        problem: `${error.what}, ${error.where.replace(/^labels:(\d+):(\d+)$/, 'line $1, column $2')}`,
      };
    }
  }
}
