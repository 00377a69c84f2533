import { type MethodName, methodPreset, type MethodSettings, withValues } from '../methods/registry.ts';
import type { Device } from '../device/device.ts';
import type { RunEvent } from '../run/events/events.ts';
import type { RunHost } from '../run/events/host.ts';
import type { RunSettings, TrainingSettings } from '../run/settings/settings.ts';
import { initialTraining } from '../run/settings/training-settings.ts';
import { acquireTestDevice } from './devices.ts';
import { tinyModel } from './tiny-model.ts';

/** Short sentences with labels by the task's rule. */
const TASKS: Record<string, { labels: string[]; examples: [sentence: string, label: string][] }> = {
  gloss: {
    labels: ['warm', 'cold'],
    examples: [
      ['red ball', 'warm'],
      ['blue ball', 'cold'],
      ['red box', 'warm'],
      ['blue box', 'cold'],
      ['red', 'warm'],
      ['blue', 'cold'],
    ],
  },
  field: {
    labels: ['roll', 'stand', 'ball box'],
    examples: [
      ['round ball', 'roll'],
      ['square box', 'stand'],
      ['round square ball', 'ball box'],
      ['round box', 'roll'],
      ['square ball', 'stand'],
    ],
  },
  people: {
    labels: ['red', 'blue'],
    examples: [
      ['warm ball', 'red'],
      ['cold ball', 'blue'],
      ['warm box', 'red'],
      ['cold', 'blue'],
    ],
  },
};

/** Reads the tiny tasks as if from a CL_Benchmark folder. */
export function readTinyTask(path: string): Promise<string> {
  if (path === 'configs/instruction_config.json') {
    return Promise.resolve(JSON.stringify({ TC: [{ instruction: 'warm or cold\n' }] }));
  }
  const [name, file] = path.split('/').slice(-2);
  const { labels, examples } = TASKS[name];
  const rows = examples.map(([sentence, label]) => ({ sentence, label }));
  return Promise.resolve(JSON.stringify(file === 'labels.json' ? labels : rows));
}

/** Settings of a short run: two tasks of two epochs. */
export function tinySettings(
  name: MethodName,
  training: Partial<TrainingSettings> = {},
  method: Partial<MethodSettings> = {},
): RunSettings {
  return {
    model: 'tiny',
    tasks: 'embedded',
    order: ['gloss', 'field'],
    method: withValues(methodPreset(name), {
      loraRank: 4,
      galoreRank: 4,
      updateProjGap: 3,
      learningRate: 0.01,
      galoreLearningRate: 0.01,
      ...method,
    }),
    training: {
      ...initialTraining(),
      batchSize: 2,
      sourceLength: 24,
      targetLength: 3,
      trainExamples: 0,
      testExamples: 0,
      evaluationBatchSize: 4,
      commonQuestions: 'none',
      ...training,
    },
  };
}

/** The part of a host that opens a run's device. */
export const onDevice = (open: () => Promise<Device>): Pick<RunHost, 'acquireDevice'> => ({
  acquireDevice: async () => ({ device: await open(), why: 'asked' }),
});

/** An in-memory host for a run. */
export function tinyHost(emit: (event: RunEvent) => void, parts: Partial<RunHost> = {}): RunHost {
  return {
    ...onDevice(acquireTestDevice),
    openModel: () => Promise.resolve(tinyModel()),
    taskReader: () => readTinyTask,
    customTask: () => Promise.resolve(undefined),
    emit,
    now: () => performance.now(),
    code: { version: '0.0.0', commit: 'test' },
    ...parts,
  };
}
