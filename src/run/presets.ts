import { type MethodName, methodPreset, type MethodSettings, sameMethod, withValues } from '../methods/registry.ts';
import { EMBEDDED_ORDER, PUBLISHED_ORDERS, type PublishedOrder } from '../tasks/orders.ts';
import type { RunSettings, TrainingSettings } from './settings.ts';
import { initialTraining } from './training-settings.ts';

export { EMBEDDED_ORDER };

export type PresetName = 'full' | 'quick';

const QUICK: Partial<TrainingSettings> = { epochs: 1, trainExamples: 48, testExamples: 24 };

/** A method as the embedded model uses it: the published form at the learning rates of a model this small, no dropout. */
export function embeddedMethod(name: MethodName): MethodSettings {
  return withValues(methodPreset(name), { learningRate: 3e-3, galoreLearningRate: 3e-3, loraDropout: 0 });
}

/**
 * Settings for the embedded model and tasks.
 *
 * @param preset `full` learns four tasks well enough to see forgetting; `quick` shows in a short time that all works.
 */
export function embeddedSettings(preset: PresetName, method: MethodName): RunSettings {
  return {
    model: 'embedded',
    tasks: 'embedded',
    order: preset === 'full' ? EMBEDDED_ORDER.slice() : EMBEDDED_ORDER.slice(0, 2),
    method: embeddedMethod(method),
    training: { ...initialTraining(), ...(preset === 'quick' && QUICK) },
  };
}

/** A method with the rates, ranks and scale that the released scripts give it in an order. */
export function publishedMethod({ rounds }: PublishedOrder, name: MethodName): MethodSettings {
  const { settings } = rounds[0];
  return withValues(methodPreset(name), {
    learningRate: settings.learningRate,
    loraRank: settings.loraRank,
    loraAlpha: settings.loraAlpha,
    loraDropout: settings.loraDropout,
    galoreRank: settings.galoreRank,
    galoreLearningRate: settings.galoreLearningRate,
    galoreScale: settings.galoreScale,
    updateProjGap: settings.updateProjGap,
    projType: settings.projType,
  });
}

/**
 * A published order as settings of a run, over all examples. What the scripts set is the same in every round but for the
 * epochs, which {@link RunSettings.perTask} holds where they are not the usual number.
 */
export function publishedSettings(
  order: PublishedOrder,
  name: MethodName,
): Pick<RunSettings, 'order' | 'method' | 'training' | 'perTask'> {
  const { settings } = order.rounds[0];
  const usual = Math.min(...order.rounds.map((round) => round.settings.epochs));
  const others = order.rounds.filter((round) => round.settings.epochs !== usual);
  const perTask = Object.fromEntries(others.map((round) => [round.dataset, { epochs: round.settings.epochs }]));
  return {
    order: order.rounds.map(({ dataset }) => dataset),
    method: publishedMethod(order, name),
    training: {
      ...initialTraining(),
      seed: settings.seed,
      epochs: usual,
      batchSize: settings.batchSize,
      gradientAccumulation: settings.gradientAccumulation,
      maxGradNorm: settings.maxGradNorm,
      sourceLength: settings.sourceLength,
      targetLength: settings.targetLength,
      trainExamples: 0,
      testExamples: 0,
      evaluationBatchSize: settings.evaluationBatchSize,
      activations: 'recompute', // the models are large, and the numbers the same
    },
    ...(others.length > 0 && { perTask }),
  };
}

/** The published order that settings follow in their sequence of tasks and in the method; the amount of data is free. */
export function publishedOrderOf({ order, method }: Pick<RunSettings, 'order' | 'method'>): PublishedOrder | null {
  const same = (one: PublishedOrder): boolean =>
    one.rounds.map(({ dataset }) => dataset).join('\n') === order.join('\n') &&
    sameMethod(publishedMethod(one, method.name), method);
  return PUBLISHED_ORDERS.find(same) ?? null;
}
