import type { MethodName, MethodSettings } from '../gorp/method-settings.ts';
import { methodPreset } from '../gorp/methods.ts';
import { EMBEDDED_ORDER } from '../tasks/orders.ts';
import type { RunSettings, TrainingSettings } from './settings.ts';

export { EMBEDDED_ORDER };

export type PresetName = 'full' | 'quick';

const FULL: TrainingSettings = {
  seed: 1,
  epochs: 2,
  batchSize: 8,
  gradientAccumulation: 1,
  maxGradNorm: 1,
  sourceLength: 96,
  targetLength: 4,
  trainExamples: 320,
  testExamples: 100,
  evaluationBatchSize: 50,
};

const QUICK: TrainingSettings = { ...FULL, epochs: 1, batchSize: 8, trainExamples: 48, testExamples: 24 };

/** A method as the embedded model uses it: the published form at the learning rates of a model this small, no dropout. */
export function embeddedMethod(name: MethodName): MethodSettings {
  return { ...methodPreset(name), learningRate: 3e-3, galoreLearningRate: 3e-3, loraDropout: 0 };
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
    training: { ...(preset === 'full' ? FULL : QUICK) },
  };
}
