import * as v from 'valibot';
import { confusionFault } from './results/answers.ts';
import { describe, expect, test, vi } from 'vitest';
import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { acquireMeasuringGpu, acquirePacedGpu, acquireTestDevice, deviceWith } from '../testing/devices.ts';
import { losingHost } from '../testing/losable.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings, onDevice } from '../testing/tiny-run.ts';
import type { RunEvent } from './events/events.ts';
import { type Results, ResultsSchema } from './results/results.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { RunHost } from './events/host.ts';
import { RunTime } from './learning/run-time.ts';
import { Run } from './run.ts';
import type { RunSettings } from './settings/settings.ts';

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** Events of a run that has ended. */
class Ended {
  constructor(readonly events: readonly RunEvent[]) {}

  of<T extends RunEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  get last(): RunEvent {
    const event = this.events.at(-1);
    if (!event) throw new Error('The run told nothing.');
    return event;
  }

  /**
   * The results of the last event, which must match the schema of results files, also after a round trip through JSON.
   */
  get results(): Results {
    if (!('results' in this.last) || !this.last.results) throw new Error(`${this.last.type} without results`);
    return v.parse(ResultsSchema, JSON.parse(JSON.stringify(this.last.results)));
  }
}

/**
 * Runs to the end, and checks what every end has in common: one final event, and no buffer left alive.
 *
 * @param interfere receives every event during the run, and what loses its device.
 */
async function execute(
  settings: RunSettings,
  interfere: (event: RunEvent, run: Run, lose: () => void) => void = () => undefined,
  parts: Partial<RunHost> = {},
): Promise<Ended> {
  const events: RunEvent[] = [];
  const emit = (event: RunEvent): void => {
    events.push(structuredClone(event)); // as it would cross to the page
    interfere(event, run, lose);
  };
  const { host, lose } = losingHost(tinyHost(emit, parts));
  const run = new Run(host, settings);
  await run.execute();
  const ended = new Ended(events);
  expect(['finished', 'stopped', 'failed']).toContain(ended.last.type);
  expect(events.filter(({ type }) => ['finished', 'stopped', 'failed'].includes(type))).toHaveLength(1);
  const memory = ended.of('memory').at(-1);
  if (memory) expect(memory).toMatchObject({ liveBuffers: 0, liveBytes: 0 });
  if ('results' in ended.last && ended.last.results) expect(ended.results.memory.liveBuffersAtEnd).toBe(0);
  return ended;
}

/** True once a phase of a round has reached `done`. */
const at =
  (phase: EventOf<'progress'>['phase'], round: number, done = 0) =>
  (event: RunEvent): boolean =>
    event.type === 'progress' && event.phase === phase && event.round === round && event.done >= done;

/** Does something the first time that an event matches. */
function once(
  is: (event: RunEvent) => boolean,
  act: (run: Run, lose: () => void) => void,
): (event: RunEvent, run: Run, lose: () => void) => void {
  let done = false;
  return (event, run, lose) => {
    if (done || !is(event)) return;
    done = true;
    act(run, lose);
  };
}

const isFraction = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;

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

describe('a run that is stopped', () => {
  test('in the middle of a round preserves its results', async () => {
    const ended = await execute(
      tinySettings('gorp'),
      once(at('train', 2, 2), (run) => run.stop()),
    );
    expect(ended.last.type).toBe('stopped');
    const { results } = ended;
    const [{ stepsPerRound }] = ended.of('begin');
    expect(results).toMatchObject({ status: 'stopped', error: null });
    expect(results.accuracy.ranked.map((row) => row.map(isFraction))).toEqual([
      [true, true],
      [true, true],
      [false, false],
    ]);
    expect(results.measures.ranked.averagePerformance).toBeNull();
    expect(results.measures.ranked.averagePerformanceCurve[0]).not.toBeNull();
    expect(results.curves.step.length).toBeGreaterThanOrEqual(stepsPerRound[0]);
    expect(results.curves.step.length).toBeLessThanOrEqual(stepsPerRound[0] + 2);
    expect(results.spaces.map(({ round }) => round)).toEqual([1]);
  });

  test('with its model saved ends the round there: grown spaces, tests, files', async () => {
    const saved: string[] = [];
    const ended = await execute(
      tinySettings('gorp'),
      once(at('train', 2, 2), (run) => run.stopAndKeep()),
      { saveRound: ({ roundFolder }) => Promise.resolve(void saved.push(roundFolder)) },
    );
    expect(ended.last.type).toBe('stopped');
    const { results } = ended;
    const planned = ended.of('begin')[0].stepsPerRound[1];
    const [{ steps }] = results.cutShort ?? [];
    expect(results.cutShort).toEqual([{ round: 2, steps, planned }]);
    expect([steps >= 2, steps < planned]).toEqual([true, true]);
    expect(results.curves.round.filter((round) => round === 2)).toHaveLength(steps);
    expect(results.accuracy.exact.map((row) => row.map(isFraction))).toEqual(new Array(3).fill([true, true]));
    expect(results.spaces.map(({ round }) => round)).toEqual([1, 2]);
    expect(saved).toEqual(['1-gloss', '2-field']);
  });

  test.each(['in the middle of a run', 'with its model saved'])('waits for room to save a round, %s', async (when) => {
    const full = new GorpError('store/quota', 'The browser is full.', 'Make room.');
    const saved: string[] = [];
    let room = false;
    const ended = await execute(
      tinySettings('gorp'),
      (event, run) => {
        if (when !== 'in the middle of a run' && at('train', 1, 2)(event)) run.stopAndKeep();
        if (event.type !== 'paused') return;
        expect([event.needsPerson, saved]).toEqual([true, []]);
        room = true;
        run.resume();
      },
      {
        waitsForRoom: true,
        saveRound: ({ roundFolder }) => (room ? Promise.resolve(void saved.push(roundFolder)) : Promise.reject(full)),
      },
    );
    expect(ended.of('warning').flatMap(({ message }) => (message.includes('saved') ? message : []))).toEqual([
      'The files of 1-gloss could not be saved: The browser is full. Make room. Nothing is lost: the run waits with them. Then press Resume to save them.',
    ]);
    expect(saved).toEqual(when === 'in the middle of a run' ? ['1-gloss', '2-field'] : ['1-gloss']);
    expect(ended.last.type).toBe(when === 'in the middle of a run' ? 'finished' : 'stopped');
  });

  test.each([
    ['before its first step saves nothing', at('evaluate', 0, 4), []],
    ['while a round is tested saves that round', at('evaluate', 1, 4), ['1-gloss']],
  ])('with its model saved, %s', async (_, is, rounds) => {
    const saved: string[] = [];
    const ended = await execute(
      tinySettings('gorp'),
      once(is, (run) => run.stopAndKeep()),
      { saveRound: ({ roundFolder }) => Promise.resolve(void saved.push(roundFolder)) },
    );
    expect([ended.last.type, saved]).toEqual(['stopped', rounds]);
    expect(ended.results.cutShort).toBeUndefined();
  });

  test('in the middle of an evaluation has no accuracy for it', async () => {
    const ended = await execute(
      tinySettings('seq-lora'),
      once(at('evaluate', 0, 4), (run) => run.stop()),
    );
    expect(ended.last.type).toBe('stopped');
    expect(ended.results.accuracy.exact.flat()).toEqual(new Array(6).fill(null));
    expect(ended.of('evaluation')).toEqual([]);
  });

  test('before it has begun ends at the first opportunity', async () => {
    const ended = await execute(
      tinySettings('gorp'),
      once(
        () => true,
        (run) => run.stop(),
      ),
    );
    expect(ended.last.type).toBe('stopped');
    expect(ended.results).toMatchObject({ tasks: [], accuracy: { exact: [[], [], []] }, curves: { step: [] } });
  });

  test.each(['paused and resumed', 'stopped'])('while its model downloads, when %s', async (how) => {
    let calls = 0;
    // A download ends when it is interrupted, and resumes when it is requested again.
    const openModel: RunHost['openModel'] = async (_, onProgress, signal) => {
      calls++;
      onProgress({ file: 'w', bytes: calls, totalBytes: 2, source: 'network', bytesPerSecond: 5 });
      if (calls === 2) return { ...tinyModel(), commit: 'abc' };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new GorpError('weights/aborted', 'It was stopped.', 'Start again.');
    };
    const ended = await execute(
      tinySettings('seq-lora'),
      (event, run) => {
        if (at('weights', 0)(event) && calls === 1) setTimeout(() => (how === 'stopped' ? run.stop() : run.pause()), 0);
        if (event.type === 'paused') run.resume();
        if (event.type === 'begin') run.stop();
      },
      { openModel },
    );
    expect([ended.last.type, calls]).toEqual(['stopped', how === 'stopped' ? 1 : 2]);
    expect(ended.of('progress')).toContainEqual(expect.objectContaining({ item: 'w', bytesPerSecond: 5 }));
    if (how !== 'stopped') expect(ended.results?.model.commit).toBe('abc');
  });

  test('while it is paused does not continue', async () => {
    const ended = await execute(tinySettings('seq-lora'), (event, run) => {
      if (at('train', 1, 1)(event)) run.pause();
      if (event.type === 'paused') setTimeout(() => run.stop(), 0);
    });
    expect(ended.last.type).toBe('stopped');
    expect(ended.of('resumed')).toEqual([]);
  });
});

describe('a run whose kernels are being measured', () => {
  test('begins to train afterwards', async () => {
    // What is measured has tests of its own (tune.test.ts): on software it takes long.
    const prepare: Device['prepare'] = async (report) => {
      report(0, 1);
      // Turns enough for a run that does not wait to train meanwhile.
      for (let turn = 0; turn < 2000; turn++) await new Promise((resolve) => setImmediate(resolve));
      report(1, 1);
    };
    const acquire = async (): Promise<Device> => deviceWith(await acquireTestDevice(), { prepare });
    const ended = await execute(tinySettings('seq-lora', { epochs: 1 }), undefined, onDevice(acquire));
    expect(ended.last.type).toBe('finished');
    const measured = ended.events.flatMap((event, i) =>
      event.type === 'progress' && event.phase === 'kernels' ? [{ done: event.done, i }] : [],
    );
    expect(measured.map(({ done }) => done)).toEqual([0, 1]);
    expect(measured[1].i).toBeLessThan(ended.events.findIndex(at('train', 1, 1)));
  });

  // It waits for the measuring to begin; leaks and unhandled rejections fail the test.
  test.each(['stopped', 'failed'] as const)('is %s with everything freed', async (end) => {
    const measured: number[] = [];
    const ended = await execute(
      tinySettings('seq-lora', { epochs: 1 }),
      (event, run, lose) => {
        if (event.type !== 'progress' || event.phase !== 'kernels') return;
        measured.push(event.done);
        if (end === 'stopped') run.stop();
        else lose();
      },
      onDevice(acquireMeasuringGpu),
    );
    expect(ended.last.type).toBe(end);
    if (end === 'failed') expect(ended.last).toMatchObject({ error: { code: 'device/lost' } });
    expect(measured[0]).toBe(0);
    expect(ended.events.findIndex(at('train', 1, 1))).toBe(-1);
  });
});

describe('a run that fails', () => {
  test('says so at once when the device is lost while it is paused', async () => {
    const ended = await execute(tinySettings('seq-lora'), (event, run, lose) => {
      if (at('train', 1, 1)(event)) run.pause();
      if (event.type === 'paused') lose();
    });
    expect(ended.last).toMatchObject({ type: 'failed', error: { code: 'device/lost' } });
  });

  test.each([
    ['training', at('train', 1, 2), acquireTestDevice],
    ['evaluation', at('evaluate', 1, 4), acquireTestDevice],
    ['a round that is beginning', at('compile', 1), acquireTestDevice],
    ['loading', at('tasks', 0), acquireTestDevice],
    ['training, on WebGPU', at('train', 1, 2), acquirePacedGpu],
    ['the growth of the spaces, on WebGPU', at('space', 1), acquirePacedGpu],
  ] as const)('says so when the device is lost during %s', async (_, is, acquire) => {
    const ended = await execute(
      tinySettings('gorp-plus'),
      once(is, (_, lose) => lose()),
      onDevice(acquire),
    );
    expect(ended.last).toMatchObject({ type: 'failed', error: { code: 'device/lost' } });
    const [{ error }] = ended.of('failed');
    if (acquire === acquirePacedGpu) expect(error.message).toContain('GPU device was lost');
    expect(error.nextStep).not.toBe('');
    if (ended.of('begin').length > 0) expect(ended.results).toMatchObject({ status: 'failed', error });
  });

  // At 1e20 hidden states overflow and the norm turns them into zeros; at 1e38 the loss itself is no longer a number.
  test.each([
    ['gorp', 1e20],
    ['seq-lora', 1e20],
    ['gorp', 1e38],
    ['seq-ft', 1e38],
  ] as const)('says so when %s diverges at a learning rate of %f', async (name, rate) => {
    const ended = await execute(tinySettings(name, {}, { learningRate: rate, galoreLearningRate: rate }));
    expect(ended.last).toMatchObject({ type: 'failed', error: { code: 'run/not-finite' } });
    const { curves, error } = ended.results;
    expect(error?.nextStep).toContain('learning rate');
    expect(curves.loss.every(Number.isFinite)).toBe(true);
    expect(error?.message).toMatch(/the loss is no longer|the gradient of \S+|the gradient is zero/);
  });

  test('says so when the answers of a model are not finite', async () => {
    const model = tinyModel();
    const readTensor = async (name: string): Promise<Float32Array> => (await model.readTensor(name)).fill(NaN);
    const openModel = (): Promise<ModelFiles> => Promise.resolve({ ...model, readTensor });
    const { last } = await execute(tinySettings('gorp'), undefined, { openModel });
    expect(last).toMatchObject({
      type: 'failed',
      error: { code: 'run/not-finite', message: expect.stringContaining('labels of gloss') as string },
    });
  });

  const lost = new GorpError('weights/unreachable', 'There is no model.', 'Look elsewhere.');
  test.each<[string, RunSettings, Partial<RunHost>, string]>([
    ['no GPU', tinySettings('gorp'), { acquireDevice: () => Promise.reject(lost) }, lost.code],
    ['no model', tinySettings('gorp'), { openModel: () => Promise.reject(lost) }, lost.code],
    ['no tasks', tinySettings('gorp'), { taskReader: () => () => Promise.reject(lost) }, lost.code],
    ['an unknown task', { ...tinySettings('gorp'), order: ['gloss', 'nothing'] }, {}, 'tasks/unknown-dataset'],
    ['a rank that is too large', tinySettings('gorp', {}, { loraRank: 17 }), {}, 'settings/rank-too-large'],
    ['prompts that do not fit', tinySettings('gorp', { sourceLength: 3 }), {}, 'tasks/prompt-too-long'],
    ['labels that would be cut', tinySettings('gorp', { targetLength: 1 }), {}, 'tasks/label-too-long'],
    [
      'a bug in the program',
      tinySettings('gorp'),
      { openModel: () => Promise.reject(new Error('oh')) },
      'internal/unexpected',
    ],
  ])('names the cause: %s', async (_, settings, parts, code) => {
    const ended = await execute(settings, undefined, parts);
    expect(ended.last).toMatchObject({ type: 'failed', error: { code }, results: null });
  });
});

test('reports a pause, waits, and does not count it as work', async () => {
  let ahead = 0;
  let stepsAtPause = 0;
  let stepsAtResume = 0;
  let steps = 0;
  const pause = once(at('train', 1, 2), (run) => run.pause());
  const ended = await execute(
    tinySettings('seq-lora'),
    (event, run, lose) => {
      pause(event, run, lose);
      if (event.type === 'progress' && event.phase === 'train') steps++;
      if (event.type === 'resumed') stepsAtResume = steps;
      if (event.type !== 'paused') return;
      stepsAtPause = steps;
      setTimeout(() => {
        ahead = 1e9;
        run.resume();
      }, 50);
    },
    { now: () => performance.now() + ahead },
  );
  expect(ended.last.type).toBe('finished');
  const breaks = ended.events.filter(({ type }) => type === 'paused' || type === 'resumed').map(({ type }) => type);
  expect(breaks).toEqual(['paused', 'resumed']);
  expect(stepsAtResume).toBe(stepsAtPause);
  const { seconds, curves } = ended.results;
  const before = ended.events.slice(
    0,
    ended.events.findIndex(({ type }) => type === 'paused'),
  );
  const reported = before.flatMap((event) => (event.type === 'steps' ? event.steps : []));
  expect(reported, 'the losses of all steps done come before the pause').toHaveLength(stepsAtPause);
  expect(seconds).toBeLessThan(1e5);
  expect(curves.seconds.at(-1)).toBeLessThanOrEqual(seconds);
  expect(ended.of('progress').at(-1)?.timeLeft?.seconds).toBeLessThan(1e5);
});
