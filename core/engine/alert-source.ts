/** A model as alerts look at it: its fields, words and flows, with what the user knows beside it. */
import type { AlertSource } from '../alerts/alerts.ts';
import { modelFields, type Surroundings } from '../filter/adapter.ts';
import type { SummarySource } from '../summary/source.ts';
import { flowTexts } from './flow-texts.ts';
import { knowing } from './knowledge.ts';

/** `summary` is asked when flows stand with a notice. */
export function alertSource(summary: () => SummarySource, surroundings: Surroundings): AlertSource {
  const { model } = summary();
  return {
    model,
    fields: modelFields(model, surroundings),
    texts: flowTexts(model, surroundings),
    summary: () => knowing(summary(), surroundings),
  };
}
