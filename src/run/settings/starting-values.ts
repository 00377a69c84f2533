import { type MethodName, methodPreset, type MethodSettings, withValues } from '../../methods/registry.ts';
import { embeddedTask } from '../../tasks/orders.ts';
import { embeddedModel } from '../../weights/embedded-models.ts';
import type { RunSettings } from './settings.ts';
import { initialTraining, type TrainingSettings } from './training-settings.ts';

/** Kinds of models that runs start with different values for. */
type ModelKind = 'embedded' | 'pre-trained';

/** The values of a kind of model that differ from the presets of methods (docs/methods.md). */
interface StartingValues {
  readonly kind: ModelKind;
  /** Absent for every method. */
  readonly methods?: readonly MethodName[];
  readonly values: Parameters<typeof withValues>[1];
  /** Where the values come from, in a sentence. */
  readonly source: string;
}

/** The values of methods that a run starts with where no published order sets them; later ones count. */
export const STARTING_VALUES: readonly StartingValues[] = [
  {
    kind: 'embedded',
    values: { learningRate: 3e-3, galoreLearningRate: 3e-3, loraDropout: 0 },
    source: 'Chosen on the default order with the embedded T5: a model of two million parameters needs higher rates.',
  },
  {
    kind: 'embedded',
    methods: ['gorp', 'gorp-b', 'gorp-bl', 'gorp-bs'],
    values: { learningRate: 1e-3, loraRank: 16, loraAlpha: 64, galoreRank: 16, threshold: 0.99 },
    source:
      'Chosen for `gorp` on dev sets with the embedded T5 ([study](studies/embedded.md#settings-of-gorp)); its parts ' +
      'have the same, so that they differ from it in the part alone.',
  },
  {
    kind: 'pre-trained',
    values: {},
    source: 'As published, tuned on T5-large where a paper did.',
  },
  {
    kind: 'pre-trained',
    methods: ['gorp-plus'],
    values: { learningRate: 5e-4, galoreLearningRate: 8e-3, updateProjGap: 1, softness: 1, protects: 'general' },
    source:
      'No paper gives them: chosen with SmolLM2-135M on yahoo, IMDB, MNLI and amazon of CL_Benchmark ' +
      '([study](studies/real-choices.md)); the rate of full-rank weights doubled when training moved to the later half ' +
      'of the blocks ([study](studies/keeping.md#the-later-half-of-the-blocks)).',
  },
];

/**
 * Values that differ from the initial training settings. Those of a pre-trained model are sized so that one of 135
 * million parameters fits and learns a task within minutes without a graphics card. Two epochs, since one of 192
 * examples teaches it too little: ranked accuracy on five stars of reviews (amazon) rose from 25 to 32 % in one, to 41
 * % in two. Rates fall in a line over each task, since the losses of `gorp-plus` were lower so
 * (docs/studies/real-choices.md). The later half of the blocks is trained, since the model keeps more of what it knew,
 * learns labels better, and a step takes less (docs/studies/keeping.md). Both hold for every method, so that methods are
 * compared by the same training.
 */
const STARTING_TRAINING: Readonly<Record<ModelKind, Partial<TrainingSettings>>> = {
  embedded: {},
  'pre-trained': {
    trainExamples: 192,
    testExamples: 50,
    epochs: 2,
    lrSchedulerType: 'linear',
    trainedBlocks: 'later',
    sourceLength: 256,
    evaluationBatchSize: 16,
  },
};

/** @param model as settings name it. */
export const kindOf = (model: string): ModelKind => (embeddedModel(model) ? 'embedded' : 'pre-trained');

/** A method's settings for a kind of model. A new object every time. */
export const startingMethod = (model: string, name: MethodName): MethodSettings =>
  STARTING_VALUES.filter(({ kind, methods }) => kind === kindOf(model) && (methods?.includes(name) ?? true)).reduce(
    (settings, { values }) => withValues(settings, values),
    methodPreset(name),
  );

/** The training settings for a kind of model. */
export const startingTraining = (model: string): TrainingSettings => ({
  ...initialTraining(),
  ...STARTING_TRAINING[kindOf(model)],
});

/**
 * The prompt length with which a model is taught more: at least that of new runs, since the page lowers it to what the
 * texts need, and the next ones may be longer.
 */
export const promptLengthNext = ({ model, training }: Pick<RunSettings, 'model' | 'training'>): number =>
  kindOf(model) === 'embedded'
    ? training.sourceLength
    : Math.max(training.sourceLength, startingTraining(model).sourceLength);

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
