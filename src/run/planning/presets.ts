import { type MethodName, methodPreset, type MethodSettings, sameMethod, withValues } from '../../methods/registry.ts';
import { EMBEDDED_ORDER, PUBLISHED_ORDERS, type PublishedOrder, type RoundSettings } from '../../tasks/orders.ts';
import { embeddedModel } from '../../weights/embedded-models.ts';
import { watchShare } from './duration.ts';
import type { RunSettings, TrainingSettings } from '../settings/settings.ts';
import { startingMethod, startingTraining } from '../settings/starting-values.ts';
import { initialTraining } from '../settings/training-settings.ts';

export type PresetName = 'full' | 'quick';

/** Two tasks, with tests enough to show that a method without protection forgets the first: from 65 to 41 %. */
const QUICK_ORDER = ['people', 'emoji'];
const QUICK: Partial<TrainingSettings> = { epochs: 2, trainExamples: 64, testExamples: 100 };

/** The largest share of the tests' work for which a task is watched unasked. */
const SMALL_SHARE = 0.1;

/**
 * Settings that also watch what the embedded models can do before they learn, if the model is one of them and this costs
 * less than a tenth of the tests.
 *
 * @param own examples of custom tasks, by name.
 */
export function watchingByDefault(
  settings: RunSettings,
  own: Parameters<typeof watchShare>[1] = new Map(),
): RunSettings {
  const watching = { ...settings, watch: ['kinds'] };
  const share = embeddedModel(settings.model) === undefined ? null : watchShare(watching, own);
  return share !== null && share < SMALL_SHARE ? watching : settings;
}

/**
 * Settings for the embedded tasks.
 *
 * @param preset `full` learns four tasks well enough to see forgetting; `quick` the two of them that show it soonest.
 * @param model any; the embedded T5 by default.
 */
export function embeddedSettings(preset: PresetName, method: MethodName, model = 'embedded'): RunSettings {
  return watchingByDefault({
    model,
    tasks: 'embedded',
    order: (preset === 'full' ? EMBEDDED_ORDER : QUICK_ORDER).slice(),
    method: startingMethod(model, method),
    training: { ...startingTraining(model), ...(preset === 'quick' && QUICK) },
  });
}

const METHOD_KEYS = [
  ...(['learningRate', 'loraRank', 'loraAlpha', 'loraDropout', 'galoreRank', 'galoreLearningRate'] as const),
  ...(['galoreScale', 'updateProjGap'] as const),
] as const;
const TRAINING_KEYS = [
  ...(['seed', 'batchSize', 'gradientAccumulation', 'maxGradNorm', 'sourceLength', 'targetLength'] as const),
  'evaluationBatchSize',
] as const;

/** Those of the keys that the settings have. */
const picked = <Key extends keyof RoundSettings>(
  settings: RoundSettings,
  keys: readonly Key[],
): Pick<RoundSettings, Key> =>
  Object.fromEntries(keys.flatMap((key) => (settings[key] === undefined ? [] : [[key, settings[key]]]))) as Pick<
    RoundSettings,
    Key
  >;

/** A method with the rates, ranks and scale of the released scripts for an order. */
export function publishedMethod({ rounds, family, order }: PublishedOrder, name: MethodName): MethodSettings {
  return withValues(methodPreset(name), {
    ...picked(rounds[0].settings, METHOD_KEYS),
    penalties: family === 't5' && order === 6 ? 'long-order' : 'constant', // of o-lora
  });
}

/**
 * A published order as settings of a run, over all examples. The scripts set the same values in every round except for
 * epochs; {@link RunSettings.perTask} has the exceptions.
 */
export function publishedSettings(
  order: PublishedOrder,
  name: MethodName,
): Pick<RunSettings, 'order' | 'method' | 'training' | 'perTask'> {
  const { settings } = order.rounds[0];
  const usual = order.rounds[0].settings.epochs;
  const others = order.rounds.filter((round) => round.settings.epochs !== usual);
  const perTask = Object.fromEntries(others.map((round) => [round.dataset, { epochs: round.settings.epochs }]));
  return {
    order: order.rounds.map(({ dataset }) => dataset),
    method: publishedMethod(order, name),
    training: {
      ...initialTraining(),
      ...picked(settings, TRAINING_KEYS),
      epochs: usual,
      trainExamples: 0,
      testExamples: 0,
      activations: 'recompute', // the models are large, and the numbers the same
    },
    ...(others.length > 0 && { perTask }),
  };
}

/** The published order that settings match in tasks and method; the amount of data may differ. */
export function publishedOrderOf({ order, method }: Pick<RunSettings, 'order' | 'method'>): PublishedOrder | null {
  const same = (one: PublishedOrder): boolean =>
    one.rounds.map(({ dataset }) => dataset).join('\n') === order.join('\n') &&
    sameMethod(publishedMethod(one, method.name), method);
  return PUBLISHED_ORDERS.find(same) ?? null;
}
