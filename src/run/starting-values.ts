import { type MethodName, methodPreset, type MethodSettings, withValues } from '../methods/registry.ts';
import { embeddedTask } from '../tasks/orders.ts';
import { embeddedModel } from '../weights/embedded-models.ts';
import type { RunSettings } from './settings.ts';
import { initialTraining, type TrainingSettings } from './training-settings.ts';

/** Kinds of models that runs start with different values for. */
export type ModelKind = 'embedded' | 'pre-trained';

/** What differs from a method's preset (docs/methods.md) and from the initial training settings. */
interface StartingValues {
  readonly method: Parameters<typeof withValues>[1];
  readonly training: Partial<TrainingSettings>;
  /** Where the values come from. */
  readonly source: string;
}

/** The values that a run starts with where no published order sets them. */
export const STARTING_VALUES: Readonly<Record<ModelKind, StartingValues>> = {
  embedded: {
    method: { learningRate: 3e-3, galoreLearningRate: 3e-3, loraDropout: 0 },
    training: {},
    source: 'Chosen on the default order with the embedded T5: a model of two million parameters needs higher rates.',
  },
  'pre-trained': {
    method: {},
    // Sized so that a model of 135 million parameters fits and learns a task within minutes without a graphics card.
    training: { trainExamples: 192, testExamples: 50, epochs: 1, sourceLength: 256, evaluationBatchSize: 16 },
    source:
      'Each method as published, tuned on t5-large. With SmolLM2-135M they learn three datasets of CL_Benchmark ' +
      '(192 examples each, one epoch, rank 8): AP 85 % with gorp-plus, 71 % with seq-lora.',
  },
};

/** @param model as settings name it. */
export const kindOf = (model: string): ModelKind => (embeddedModel(model) ? 'embedded' : 'pre-trained');

/** A method's settings for a kind of model. A new object every time. */
export const startingMethod = (model: string, name: MethodName): MethodSettings =>
  withValues(methodPreset(name), STARTING_VALUES[kindOf(model)].method);

/** The training settings for a kind of model. */
export const startingTraining = (model: string): TrainingSettings => ({
  ...initialTraining(),
  ...STARTING_VALUES[kindOf(model)].training,
});

/**
 * Whether a task's texts are cut by design: the embedded models and tasks have a prompt length that few of their texts
 * exceed, and all of their studies use it.
 */
export const isCutByDesign = ({ model, training }: Pick<RunSettings, 'model' | 'training'>, task: string): boolean =>
  kindOf(model) === 'embedded' &&
  embeddedTask(task) !== null &&
  training.sourceLength === startingTraining(model).sourceLength;

/** Settings for another model: values that are still those that runs start with become those for the new kind. */
export function withModel(settings: RunSettings, model: string): RunSettings {
  const { name } = settings.method;
  const [from, to] = [settings.model, model];
  return {
    ...settings,
    model,
    method: replaced(settings.method, startingMethod(from, name), startingMethod(to, name)),
    training: replaced(settings.training, startingTraining(from), startingTraining(to)),
  };
}

/** Values with those that equal the old ones replaced by the new. */
function replaced<T extends object>(values: T, from: T, to: T): T {
  const changes = Object.entries(to).filter(([key]) => values[key as keyof T] === from[key as keyof T]);
  return { ...values, ...Object.fromEntries(changes) };
}
