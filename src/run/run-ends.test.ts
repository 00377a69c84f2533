import { describe, expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { acquireMeasuringGpu, acquirePacedGpu, acquireTestDevice, deviceWith } from '../testing/devices.ts';
import { at, execute, isFraction, once } from '../testing/ended-run.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { onDevice, tinySettings } from '../testing/tiny-run.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { RunHost } from './events/host.ts';
import type { RunSettings } from './settings/settings.ts';

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

  test.each([
    ['between two examples that importances are measured on', 'ewc', 'space'],
    ['between two weights whose directions are frozen', 'osft', 'compile'],
  ] as const)('%s ends there', async (_, method, phase) => {
    const ended = await execute(
      tinySettings(method),
      once(at(phase, 1, 1), (run) => run.stop()),
    );
    expect(ended.last.type).toBe('stopped');
    const parts = ended.of('progress').filter((event) => at(phase, 1)(event) && event.total > 1);
    expect(parts.map(({ done }) => done)).toEqual([0, 1]);
    expect(parts[1].total).toBeGreaterThan(2);
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
    expect(ended.last).toMatchObject({ type: 'failed', error: { code } });
    expect(ended.of('begin'), 'there are no results').toEqual([]);
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
