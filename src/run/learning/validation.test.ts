import { describe, expect, test } from 'vitest';
import { Learner } from '../../gorp/learner.ts';
import { planOf } from '../../methods/registry.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { T5_TARGETS } from '../../models/targets.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { openNetwork, readTexts } from '../models/open-network.ts';
import { readParameter } from '../models/packed-blocks.ts';
import { Run } from '../run.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import { courseOf } from '../results/held-out.ts';
import type { Results } from '../results/results.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { prepareTask } from '../tasks/task-data.ts';
import { HeldOutLoss } from './validation.ts';

async function execute(settings: RunSettings, parts: Partial<RunHost> = {}, stopAt = Infinity): Promise<Results> {
  let last: RunEvent | undefined;
  const run: Run = new Run(
    tinyHost((event) => {
      last = event;
      if (event.type === 'progress' && event.phase === 'train' && event.done === stopAt) run.stop();
    }, parts),
    settings,
  );
  await run.execute();
  if (run.results === null) throw new Error(JSON.stringify(last));
  return run.results;
}

const prepared = (training: Partial<RunSettings['training']>): Promise<EncodedTask> =>
  prepareTask(
    tinyHost(() => undefined),
    'gloss',
    tinySettings('gorp', training),
    loadTokenizer(tinyModel().tokenizer, {}),
    () => undefined,
  );
const idsOf = (examples: EncodedTask['train']): string[] => examples.map(({ source }) => source.join(' '));

test('the seed decides which examples are held out, and none of them is trained on', async () => {
  const seeds = await Promise.all([1, 2, 3, 4, 1].map((seed) => prepared({ validationExamples: 2, seed })));
  const all = idsOf((await prepared({})).train).sort();
  for (const { train, validation } of seeds) {
    expect([train.length, validation.length]).toEqual([4, 2]);
    expect([...idsOf(train), ...idsOf(validation)].sort()).toEqual(all);
  }
  expect(idsOf(seeds[4].validation)).toEqual(idsOf(seeds[0].validation));
  expect(new Set(seeds.map(({ validation }) => idsOf(validation).join('\n'))).size).toBeGreaterThan(1);
  await expect(prepared({ validationExamples: 6 })).rejects.toMatchObject({
    code: 'tasks/too-few-examples',
    nextStep: expect.stringContaining('training.validationExamples') as string,
  });
});

test('a share of the examples that a run takes is held out, rounded up', async () => {
  const lengths = async (training: Partial<RunSettings['training']>): Promise<number[]> => {
    const { train, validation } = await prepared(training);
    return [train.length, validation.length];
  };
  expect(await lengths({ validationExamples: 0.3 })).toEqual([4, 2]);
  expect(await lengths({ validationExamples: 0.3, trainExamples: 2 })).toEqual([2, 1]);
});

/** The step, from 0, before which weights are kept: between two bases of a projection. */
const KEPT = 3;

test.each(['gorp-plus', 'gorp', 'seq-ft'] as const)(
  'the loss of %s between two steps is the one that the next step finds, and kept weights have it again',
  async (name) => {
    const settings = tinySettings(name, {}, { loraDropout: 0, updateProjGap: 2 });
    const device = await acquireTestDevice();
    const model = tinyModel();
    const lengths = { sourceLength: 24, targetLength: 4 };
    const { network, storedName } = openNetwork(device, model, lengths, await readTexts(model, { promptForm: 'raw' }));
    const learner = await Learner.create(
      device,
      network,
      planOf(settings.method),
      T5_TARGETS,
      { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, tasks: 2, keepsWeights: true },
      (parameter) => readParameter(model, storedName(parameter), undefined),
    );
    const { train } = await prepared({});
    const batch = train.slice(0, 4);
    await learner.beginTask();
    const validation = new HeldOutLoss(device, network, learner, train.slice(0, 4), {
      ...settings.training,
      batchSize: 4,
      evaluationBatchSize: 4,
    });
    try {
      const losses: number[] = [];
      for (let step = 0; step < 5; step++) {
        const before = await validation.loss();
        losses.push(before);
        if (step === KEPT) await learner.keepWeights();
        await learner.step([batch]);
        const [{ loss }] = await learner.takeRecords();
        // Both are sums in f32, over differently padded batches.
        expect(before, `step ${step + 1}`).toBeCloseTo(loss, 4);
      }
      expect(await validation.loss()).not.toBe(losses[KEPT]);
      await learner.takeKeptWeights();
      expect(await validation.loss(), 'with the kept weights').toBe(losses[KEPT]);
    } finally {
      validation.destroy();
      learner.destroy();
      network.destroy();
      await device.destroy();
    }
  },
);

test.each([
  { losses: [], lowest: -1, idle: 0 },
  { losses: [3], lowest: 0, idle: 0 },
  { losses: [3, 2, 2.5, 2], lowest: 1, idle: 2 },
  { losses: [3, 2.95, 2.9], threshold: 0.1, lowest: 2, idle: 2 },
  { losses: [null, Infinity, 4, null], lowest: 2, idle: 1 },
  { losses: [null, null], lowest: -1, idle: 2 },
])('the losses $losses are lowest at $lowest, and idle $idle times', ({ losses, threshold, lowest, idle }) => {
  expect(courseOf(losses, threshold)).toEqual({ lowest, idle });
});

describe('a run that holds examples out', () => {
  const settings = (method: RunSettings['method']['name'], every: number): RunSettings =>
    tinySettings(method, { validationExamples: 2, validationSteps: every });

  test.each(['gorp-plus', 'gorp', 'er', 'gain-lora', 'osft'] as const)(
    'trains the same however often it measures: %s',
    async (name) => {
      const [often, seldom] = [await execute(settings(name, 1)), await execute(settings(name, 1000))];
      expect(often.curves.loss).toEqual(seldom.curves.loss);
      expect(often.accuracy).toEqual(seldom.accuracy);
      const steps = often.curves.step;
      expect(often.validation?.map(({ step }) => step)).toEqual(steps);
      const ends = steps.filter((_, i) => often.curves.round[i] !== often.curves.round[i + 1]);
      expect(seldom.validation?.map(({ step }) => step)).toEqual(ends);
      expect(seldom.validation).toEqual(often.validation?.filter(({ step }) => ends.includes(step)));
      expect(often.tasks.map(({ validationExamples }) => validationExamples)).toEqual([2, 2]);
    },
  );

  test('ends a task by its losses: early, and with the weights of the lowest', async () => {
    const training = { validationExamples: 2, validationSteps: 1, epochs: 8 };
    const by = (own: Partial<RunSettings['training']>): Promise<Results> =>
      execute(tinySettings('gorp-plus', { ...training, ...own }, { galoreLearningRate: 0.3 }));
    const whole = await by({});
    const [best, early, both] = [
      await by({ loadBest: 'best' }),
      await by({ earlyStoppingPatience: 2 }),
      await by({ loadBest: 'best', earlyStoppingPatience: 2 }),
    ];
    const losses = whole.validation?.flatMap(({ round, loss }) => (round === 1 ? [loss] : [])) ?? [];
    const ended = losses.findIndex((_, i) => courseOf(losses.slice(0, i + 1)).idle === 2) + 1;
    const { lowest } = courseOf(losses.slice(0, ended));
    const planned = losses.length;
    expect([0 < ended, ended < planned, lowest + 1 < ended], String(losses)).toEqual([true, true, true]);
    expect(whole.endedByLoss).toBeUndefined();
    const ending = { round: 1, steps: ended, planned };
    expect(early.endedByLoss?.[0]).toEqual({ ...ending, step: ended });
    expect(both.endedByLoss?.[0]).toEqual({ ...ending, step: lowest + 1 });
    expect(best.endedByLoss?.[0]).toEqual({ ...ending, step: courseOf(losses).lowest + 1, steps: planned });
    expect([early, both].map(({ status }) => status)).toEqual(['finished', 'finished']);
    const ofTask = ({ curves }: Results, round: number): number[] =>
      curves.loss.filter((_, i) => curves.round[i] === round);
    expect(ofTask(both, 1)).toEqual(ofTask(whole, 1).slice(0, ended));
    expect(ofTask(both, 2)[0], 'the second task begins with other weights').not.toBe(ofTask(early, 2)[0]);
  });

  test('resumes with the same losses, and says nothing if it holds none out', async () => {
    const whole = await execute(settings('gorp-plus', 1));
    const checkpoints = memoryCheckpoints(0);
    const part = await execute(settings('gorp-plus', 1), checkpoints.parts(), 3);
    expect(part.status).toBe('stopped');
    const last = await execute(settings('gorp-plus', 1), checkpoints.parts());
    expect(last.validation).toEqual(whole.validation);
    expect((await execute(tinySettings('seq-lora', { epochs: 1 }))).validation).toBeUndefined();
  });
});
