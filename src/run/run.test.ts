import { describe, expect, test, vi } from 'vitest';
import { at, execute, isFraction, once } from '../testing/ended-run.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { RunTime } from './learning/run-time.ts';
import { confusionFault } from './results/answers.ts';
import type { Results } from './results/results.ts';
import type { RunSettings } from './settings/settings.ts';

describe('a run to the end', () => {
  test('reports its plan, losses, accuracies and spaces, and returns them all as results', async () => {
    const settings = tinySettings('gorp-plus');
    const worked: { kind: string; from: number; to: number }[] = [];
    const did = Reflect.get<RunTime, 'did'>(RunTime.prototype, 'did');
    const spy = vi.spyOn(RunTime.prototype, 'did').mockImplementation(function (this: RunTime, ...done) {
      const to = this.seconds;
      worked.push({ kind: done[0], from: to - done[3], to });
      did.apply(this, done);
    });
    let milliseconds = 0;
    const ended = await execute(settings, undefined, { now: () => milliseconds++ });
    spy.mockRestore();
    expect(ended.last.type).toBe('finished');
    expect(new Set(worked.map(({ kind }) => kind))).toEqual(new Set(['test', 'begin', 'train', 'end']));
    for (const [i, { kind, from }] of worked.slice(1).entries()) {
      expect(from, `no second of ${kind} is counted twice`).toBeGreaterThan(worked[i].to - 0.0015);
    }
    const { results } = ended;
    const [plan] = ended.of('begin');
    const begun = plan.results;
    const steps = plan.stepsPerRound.reduce((a, b) => a + b, 0);

    expect(results).toMatchObject({
      status: 'finished',
      error: null,
      settings,
      tasks: begun.tasks,
      model: begun.model,
    });
    expect(ended.events[0].type).toBe('device');
    expect(results.device).toEqual(ended.of('device')[0].device);
    expect(results.memory.peakBytes).toBeGreaterThan(begun.model.parameters * 4);
    expect(begun.model.trainable).toBeGreaterThan(0);

    const { curves } = results;
    expect(curves.step).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
    expect(curves.round).toEqual(plan.stepsPerRound.flatMap((count, i) => new Array<number>(count).fill(i + 1)));
    expect([curves.loss, curves.gradientNorm, curves.seconds].map(({ length }) => length)).toEqual([
      steps,
      steps,
      steps,
    ]);
    expect(ended.of('steps').flatMap((event) => event.losses)).toEqual(curves.loss);
    expect(curves.seconds.every((second, i) => second >= (curves.seconds[i - 1] ?? 0))).toBe(true);
    expect(results.seconds).toBeGreaterThanOrEqual(curves.seconds.at(-1) ?? Infinity);
    // The tasks are easy: within a round the loss falls.
    expect(curves.loss[plan.stepsPerRound[0] - 1]).toBeLessThan(curves.loss[0]);

    // All tasks before training; then those seen and the next one.
    for (const matrix of [results.accuracy.exact, results.accuracy.ranked]) {
      expect(matrix.map((row) => row.map(isFraction))).toEqual([
        [true, true],
        [true, true],
        [true, true],
      ]);
    }
    for (const { round, task, exact, ranked, examples } of ended.of('evaluation')) {
      expect(results.accuracy.exact[round][task]).toBe(exact);
      expect(results.accuracy.ranked[round][task]).toBe(ranked);
      expect(examples).toBe(results.tasks[task].testExamples);
    }
    expect(Object.values(results.measures.ranked).flat()).not.toContain(null);

    expect(results.spaces.map(({ round }) => round)).toEqual([1, 2]);
    expect(ended.of('space').map(({ tensors }) => tensors)).toEqual(results.spaces.map(({ tensors }) => tensors));
    const [first, second] = results.spaces.map(({ tensors }) => tensors);
    expect(confusionFault(results)).toBeNull();
    expect(results.confusion).toHaveLength(ended.of('evaluation').length);
    expect(first.map(({ name }) => name).filter((name) => name.includes('.SelfAttention.'))).toHaveLength(6);
    expect(first.map(({ name }) => name).filter((name) => name.includes('.EncDecAttention.'))).toHaveLength(4);
    first.forEach((tensor, i) => {
      expect(tensor.added).toBe(tensor.total);
      expect(tensor.total).toBeGreaterThan(0);
      expect(second[i]).toMatchObject({ name: tensor.name, total: tensor.total + second[i].added });
      expect(second[i].total).toBeLessThanOrEqual(tensor.dimension);
    });
    for (const tensor of [...first, ...second]) expect(tensor.orthonormality).toBeLessThan(1e-5);
    for (const { suppressed = [], directions } of [...first, ...second]) {
      expect(suppressed).toHaveLength(directions);
      expect(suppressed[0], 'the direction with most energy is in the space').toBeGreaterThan(0.9);
    }
    first.forEach((tensor, i) => {
      expect(tensor.angles).toEqual([]);
      const [{ task, cosines }] = second[i].angles;
      expect([task, cosines.length]).toEqual([1, Math.min(tensor.directions, second[i].directions)]);
      // The tasks share their words, so their inputs are similar but not identical.
      expect(cosines[0] > 0.1 && cosines.every((cosine) => cosine <= 1), tensor.name).toBe(true);
    });

    expect(new Set(results.health.map(({ round }) => round))).toEqual(new Set([1, 2]));
    for (const { layers, step, round } of results.health) {
      expect(layers.map(({ name }) => name)).toEqual(first.map(({ name }) => name));
      const energy = layers.reduce((sum, { gradientNorm }) => sum + gradientNorm ** 2, 0);
      expect(Math.sqrt(energy) / curves.gradientNorm[step - 1]).toBeCloseTo(1, 4);
      for (const { name, projectedAway, leakage } of layers) {
        // In the first round there is no space to stay out of.
        if (round === 1) {
          expect([projectedAway, leakage]).toEqual([null, null]);
          continue;
        }
        // In the first step of a task B is still 0, so the gradient of the new A is zero and nothing can be removed
        // from it.
        if (step === plan.stepsPerRound[0] + 1 && name.includes('.SelfAttention.')) {
          expect([projectedAway, leakage]).toEqual([null, null]);
          continue;
        }
        const share = projectedAway ?? NaN;
        expect(share > 0 && share < 1.001, `${name} in step ${step}: ${share}`).toBe(true);
        // gorp-plus also removes the update's share; with a soft space, most of it.
        expect(leakage).toBeLessThan(0.1);
      }
    }
  });

  test('tests only its own task after a round and all after the last, with the same results, if asked', async () => {
    const order = ['gloss', 'field', 'people'];
    const settings = (testRounds: 'every' | 'ends') => ({
      ...tinySettings('seq-lora', { epochs: 1, testRounds }),
      order,
    });
    const [every, ends] = [await execute(settings('every')), await execute(settings('ends'))];
    const { exact } = every.results.accuracy;
    const [none, unknown] = [[null, null, null], { forgetting: null, forwardTransfer: null }];
    const [first, second] = [
      [exact[1][0], null, null],
      [null, exact[2][1], null],
    ];
    expect(ends.results.accuracy.exact).toEqual([none, first, second, exact[3]]);
    // A run that is ended early and keeps its model tests all that it has learned.
    const cut = await execute(
      settings('ends'),
      once(at('train', 2, 1), (run) => run.stopAndKeep()),
    );
    expect(cut.results.accuracy.exact.map((row) => row.map(isFraction))).toEqual([
      [false, false, false],
      [true, false, false],
      [true, true, false],
      [false, false, false],
    ]);
    const { averagePerformance, backwardTransfer, justLearned } = every.results.measures.exact;
    const known = { averagePerformance, backwardTransfer, justLearned };
    expect(ends.results.measures.exact).toMatchObject({ ...known, ...unknown });
    expect(ends.results.curves.loss).toEqual(every.results.curves.loss);
  });

  test('counts every optimizer step once, with micro-batches of one size and a smaller last step', async () => {
    const ended = await execute(tinySettings('gorp', { gradientAccumulation: 2, epochs: 1 }));
    expect(ended.last.type).toBe('finished');
    expect(ended.of('begin')[0].stepsPerRound).toEqual([2, 2]);
    expect(ended.results.curves.step).toEqual([1, 2, 3, 4]);
  });

  test('changes the rates over the steps of each task', async () => {
    const losses = async (epochs: number, training: Partial<RunSettings['training']>): Promise<number[]> => {
      const one = { batchSize: 8, epochs, trainExamples: 2, testExamples: 1 }; // an epoch is a step
      return (await execute(tinySettings('seq-lora', { ...one, ...training }))).results.curves.loss;
    };
    const constant = await losses(2, {});
    const { curves } = (await execute(tinySettings('seq-lora', { epochs: 1, batchSize: 4, lrSchedulerType: 'linear' })))
      .results;
    const ends = curves.step.map((_, i) => curves.round.lastIndexOf(curves.round[i]) - i + 1);
    const totals = curves.round.map((round) => curves.round.filter((one) => one === round).length);
    expect(curves.rate, 'of each task, falling to 0 after its last step').toEqual(
      ends.map((left, i) => left / totals[i]),
    );
    const [a, b] = await losses(2, { lrSchedulerType: 'linear', warmupRatio: 0.5 });
    expect([a, b], 'the rate of the first step is 0, and nothing changes').toEqual([constant[0], constant[0]]);
    expect((await losses(2, { lrSchedulerType: 'linear', warmupSteps: 1 })).slice(0, 2)).toEqual([a, b]);
    // One step of each task is the first of its course.
    expect(await losses(1, { lrSchedulerType: 'cosine' })).toEqual(await losses(1, {}));
    expect(await losses(3, { lrSchedulerType: 'cosine' })).not.toEqual(await losses(3, {}));
  });

  test('gives the same losses and accuracies with the same seed, and others with another seed', async () => {
    const runs: Results[] = [];
    for (const seed of [5, 5, 6]) {
      runs.push((await execute(tinySettings('gorp', { seed, epochs: 1 }, { loraDropout: 0.3 }))).results);
    }
    const [one, same, other] = runs;
    expect(same.curves.loss).toEqual(one.curves.loss);
    expect(same.curves.gradientNorm).toEqual(one.curves.gradientNorm);
    expect(same.accuracy).toEqual(one.accuracy);
    expect(same.spaces).toEqual(one.spaces);
    expect(other.curves.loss).not.toEqual(one.curves.loss);
  });
});

describe('upper bounds', () => {
  const measured = ({ accuracy }: Results): boolean[][] => accuracy.ranked.map((row) => row.map(isFraction));

  test('mtl: one round of all examples, tested on all tasks', async () => {
    const ended = await execute(tinySettings('mtl', { epochs: 1, gradientAccumulation: 2 }));
    const { results } = ended;
    const examples = results.tasks.reduce((sum, { trainExamples }) => sum + trainExamples, 0);
    const steps = Math.ceil(Math.ceil(examples / 2) / 2);
    expect(ended.of('begin')[0].stepsPerRound).toEqual([0, steps]);
    expect(results.curves.round).toEqual(new Array<number>(steps).fill(2));
    expect(measured(results)).toEqual([
      [true, true],
      [false, false],
      [true, true],
    ]);
    const { averagePerformance, backwardTransfer, forgetting, forwardTransfer, justLearned } = results.measures.ranked;
    expect(isFraction(averagePerformance)).toBe(true);
    expect([backwardTransfer, forgetting, forwardTransfer, justLearned]).toEqual([null, null, null, null]);
  });

  test('per-task: the base model learns each task as if there had been none before', async () => {
    const { results } = await execute(tinySettings('per-task'));
    expect(measured(results)).toEqual([
      [true, true],
      [true, false],
      [false, true],
    ]);
    const { averagePerformance, backwardTransfer, justLearned } = results.measures.ranked;
    expect([averagePerformance, backwardTransfer]).toEqual([null, null]);
    expect(isFraction(justLearned)).toBe(true);

    // While B is 0 an adapter has no effect: with all examples in one batch, the first loss is that of the model
    // before.
    const firstLoss = async (name: 'per-task' | 'inc-lora', order: string[]): Promise<number> => {
      const { curves } = (await execute({ ...tinySettings(name, { batchSize: 6 }), order })).results;
      return curves.loss[curves.round.indexOf(order.length)];
    };
    const base = await firstLoss('per-task', ['gloss']);
    expect(await firstLoss('per-task', ['field', 'gloss'])).toBeCloseTo(base, 5);
    expect(Math.abs((await firstLoss('inc-lora', ['field', 'gloss'])) - base)).toBeGreaterThan(1e-3);
  });
});
