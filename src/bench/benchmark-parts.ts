import { startingMethod } from '../run/settings/starting-values.ts';
import type { Bench, PartReport } from './bench.ts';
import { measureBlock } from './block.ts';
import { openEmbeddedSteps } from './embedded.ts';
import { type MeasuredModel, measureModel } from './model-steps.ts';
import { measureProducts } from './products.ts';
import { modelOf, SUBJECTS } from './random-models.ts';
import { compareWithReferences } from './references.ts';

/** A part of the benchmark. */
export interface Part {
  readonly name: string;
  /** Why it is not run; undefined if it is. */
  readonly omitted?: string | undefined;
  /** @returns undefined if what it measures is not installed. */
  readonly run: (bench: Bench) => Promise<PartReport | undefined>;
}

/** What a device's kernels do. */
export const KERNEL_PARTS: readonly Part[] = [
  { name: 'kernels against references', run: compareWithReferences },
  { name: 'products', run: measureProducts },
  { name: 'encoder block', run: measureBlock },
];

/** Steps of the embedded model with GORP, its memory and its answers. */
export const EMBEDDED_STEPS: Part = {
  name: 'embedded model, GORP fast',
  run: (bench) =>
    measureModel(bench, {
      name: 'embedded model, GORP fast',
      method: startingMethod('embedded', 'gorp'),
      open: openEmbeddedSteps(bench),
      halves: false,
    }),
};

/** The same for models of published size with random weights, the most telling first. */
export const MODEL_PARTS: readonly Part[] = SUBJECTS.map((subject) => partOf(modelOf(subject)));

function partOf(model: MeasuredModel): Part {
  return { name: model.name, run: (bench) => measureModel(bench, model) };
}

/** A part that is listed but not run. */
export const omit = (part: Part, omitted: string): Part => ({ ...part, omitted });
