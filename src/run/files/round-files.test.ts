import { beforeAll, describe, expect, test } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import { type AdapterPlan, partOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { bytesOfFile, memoryFile } from '../../testing/output-files.ts';
import { referencesWith } from '../../testing/reference.ts';
import { type Files, openRound, runKeepingRounds } from '../../testing/saved-run.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { onDevice, tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { mergedTensors } from '../../weights/exports/merge.ts';
import { shardedWeights } from '../../weights/exports/output-file.ts';
import { openTensors } from '../../weights/model-files.ts';
import { checkShards, type ModelFiles, parseShardIndex } from '../../weights/model-folder.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import { baseOf } from '../results/identity.ts';
import type { Results } from '../results/results.ts';
import { Run } from '../run.ts';
import type { RunSettings } from '../settings/settings.ts';
import { finishedResults } from '../../testing/ended-run.ts';
import { fold } from '../events/fold.ts';

// One device for all runs, so that every kernel is compiled once; each run has its own ledger.
const { acquireDevice } = onDevice(acquireTestDevice);

const textOf = (files: Files | undefined, path: string): string => new TextDecoder().decode(files?.get(path));
const jsonOf = (files: Files | undefined, path: string): Record<string, unknown> =>
  JSON.parse(textOf(files, path)) as Record<string, unknown>;

const FOLDER = 'logs_and_outputs/order_custom/outputs';

describe('a round that was saved', () => {
  // Dropout, so that its masks must resume as well; the second round refreshes the basis.
  const settings = tinySettings('gorp', {}, { loraDropout: 0.2 });
  let whole: Awaited<ReturnType<typeof runKeepingRounds>>;
  beforeAll(async () => {
    whole = await runKeepingRounds(settings);
  }, 180_000); // on a new machine the kernels are compiled at first use
  const files = (folder: string): Files => whole.rounds.get(`${FOLDER}/${folder}`) as Files;

  test('is resumed as if there had been no break', async () => {
    const first = files('1-gloss');
    const resumed = await runKeepingRounds(settings, { savedRound: () => openRound(first) });
    expect(resumed.results.curves.step).toEqual(whole.results.curves.step);
    expect(resumed.results.curves.round).toEqual(whole.results.curves.round);
    expect(whole.results.curves.round).toContain(2);
    expect(resumed.results.curves.loss).toEqual(whole.results.curves.loss);
    expect(resumed.results.accuracy).toEqual(whole.results.accuracy);
    // Tasks on both sides of the break are compared with each other.
    expect(resumed.results.spaces).toEqual(whole.results.spaces);
    expect(resumed.results.spaces[1].tensors[0].angles[0].task).toBe(1);
    const tensors = (run: typeof whole): unknown =>
      [...files('2-field').keys()]
        .filter((path) => path.endsWith('.safetensors'))
        .map((path) => run.rounds.get(`${FOLDER}/2-field`)?.get(path));
    expect(tensors(resumed)).toEqual(tensors(whole));
    const healthOf = ({ health }: Results): unknown => health.filter(({ round }) => round === 1);
    expect(healthOf(resumed.results)).toEqual(healthOf(JSON.parse(JSON.stringify(whole.results)) as Results));
    expect([...resumed.rounds.keys()]).toEqual([`${FOLDER}/2-field`]);
  });

  test('merged into its model gives the same answers without adapters', async () => {
    const first = files('1-gloss');
    const base = tinyModel();
    const { changes, changed } = await openRound(first);
    const shards = shardedWeights(mergedTensors(base, { changed, changes }), 4000);
    expect(shards.map(({ path }) => path)).toContain('model.safetensors.index.json');
    const written = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const file of shards) written.set(file.path, await bytesOfFile(file));
    const index = parseShardIndex(jsonOf(written, 'model.safetensors.index.json'));
    expect(index.files.length).toBeGreaterThan(2);
    const tensors = await openTensors(
      index.files.map((name) => memoryFile(name, written.get(name) as Uint8Array<ArrayBuffer>)),
    );
    checkShards(index, tensors);
    const shapes = (model: Pick<ModelFiles, 'tensors'>): [string, readonly number[]][] =>
      [...model.tensors].map(([name, { shape }]): [string, readonly number[]] => [name, shape]).sort();
    expect(shapes(tensors)).toEqual(shapes(base));
    const merged: ModelFiles = { ...base, ...tensors };
    const asItIs = tinySettings('seq-lora', { epochs: 1 }, { learningRate: 1e-30 });
    const { rounds } = await runKeepingRounds(asItIs, { openModel: () => Promise.resolve(merged) });
    const predicted = (all: Files | undefined): Record<string, unknown> => {
      const { predict_loss, predict_gen_len, ...rest } = jsonOf(all, 'predict_results.json');
      const scores = Object.entries(rest).filter(([key]) => /exact|rouge/.test(key));
      return { predict_gen_len, ...Object.fromEntries(scores), predict_loss: Number(predict_loss).toPrecision(5) };
    };
    expect(predicted(rounds.get(`${FOLDER}/1-gloss`))).toEqual(predicted(first));
  });

  test('is tested without training', async () => {
    const events: RunEvent[] = [];
    let left: Files = new Map();
    const host = tinyHost((event) => events.push(event), {
      acquireDevice,
      savedRound: () => openRound(files('1-gloss')),
      saveRound: async ({ results, trained }) => {
        expect(trained).toEqual([]);
        left = new Map();
        for (const file of results) left.set(file.path, await bytesOfFile(file));
      },
    });
    await new Run(host, settings).evaluate();
    const results = finishedResults(events);
    expect(results.accuracy.exact).toEqual([whole.results.accuracy.exact[1], [null, null], [null, null]]);
    expect(results.curves.step).toEqual([]);
    expect(results.memory.liveBuffersAtEnd).toBe(0);
    expect([...left.keys()]).toEqual(['predict_results.json', 'predict_eval_predictions.jsonl']);
    expect(jsonOf(left, 'predict_results.json')['predict_exact_match_for_gloss']).toBe(
      jsonOf(files('1-gloss'), 'predict_results.json')['predict_exact_match_for_gloss'],
    );
  });

  test('has the result files of the released code', () => {
    const second = files('2-field');
    const predict = jsonOf(second, 'predict_results.json');
    const groups = ['', '_for_TC', '_for_gloss', '_for_field'];
    expect(Object.keys(predict)).toEqual(
      [
        'epoch',
        ...['exact_match', 'rouge1', 'rougeL'].flatMap((score) => groups.map((group) => `predict_${score}${group}`)),
        'predict_gen_len',
        'predict_global_step',
        'predict_loss',
        'predict_runtime',
        'predict_samples',
        'predict_samples_per_second',
        'predict_steps_per_second',
      ].sort(),
    );
    const { exact } = whole.results.accuracy;
    const percent = [exact[2][0], exact[2][1]].map((share) => Number((100 * (share ?? NaN)).toFixed(4)));
    expect([predict['predict_exact_match_for_gloss'], predict['predict_exact_match_for_field']]).toEqual(percent);
    expect(predict['predict_samples']).toBe(11);
    const all = jsonOf(second, 'all_results.json');
    expect(all).toEqual({ ...predict, ...jsonOf(second, 'train_results.json') });
    expect(Object.keys(all).filter((key) => !(key in predict))).toEqual([
      'total_flos',
      'train_loss',
      'train_runtime',
      'train_samples',
      'train_samples_per_second',
      'train_steps_per_second',
    ]);
    const losses = whole.results.curves.loss.filter((_, i) => whole.results.curves.round[i] === 2);
    expect(all['train_loss']).toBeCloseTo(losses.reduce((a, b) => a + b) / losses.length, 10);
    expect(textOf(second, 'all_results.json')).toMatch(/^ {4}"epoch": 2\.0,$/m);
    expect(textOf(second, 'all_results.json')).toMatch(/^ {4}"predict_global_step": 6,$/m);

    const lines = textOf(second, 'predict_eval_predictions.jsonl').trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    const first = JSON.parse(lines[0]) as Record<string, unknown>;
    expect(Object.keys(first)).toEqual(['Task', 'Dataset', 'Instance', 'Prediction']);
    expect(first['Instance']).toEqual({
      id: '0',
      sentence: 'red ball',
      label: 'warm',
      instruction: 'warm or cold\nOption: warm, cold \n{0}\nAnswer:',
      ground_truth: 'warm',
    });
  });

  test('has an adapter of all tasks so far, scaled as in PEFT', () => {
    const [one, two] = ['1-gloss', '2-field'].map((folder) => ({
      config: jsonOf(files(folder), 'adapter/adapter_config.json'),
      tensors: readSafetensors(files(folder).get('adapter/adapter_model.safetensors') as Uint8Array),
    }));
    const { rank, alpha } = partOf(planOf(settings.method), 'adapters') as AdapterPlan;
    for (const [i, { config }] of [one, two].entries()) {
      expect(config).toMatchObject({ peft_type: 'LORA', task_type: 'SEQ_2_SEQ_LM', r: rank * (i + 1) });
      expect(Number(config['lora_alpha']) / Number(config['r'])).toBe(alpha / rank);
    }
    expect([...two.tensors.keys()]).toEqual([...one.tensors.keys()]);
    for (const [name, { shape, data }] of one.tensors) {
      const later = two.tensors.get(name);
      const isA = name.endsWith('.lora_A.weight');
      expect(later?.shape).toEqual(isA ? [2 * shape[0], shape[1]] : [shape[0], 2 * shape[1]]);
      // The pair of the first task stays as it was, in front: rows of A, columns of B.
      const width = isA ? shape[1] : 2 * shape[1];
      const before = Array.from({ length: data.length }, (_, i) =>
        isA ? later?.data[i] : later?.data[Math.floor(i / shape[1]) * width + (i % shape[1])],
      );
      expect(before, name).toEqual(Array.from(data as Float32Array));
    }
  });

  const ADAPTER = 'golden/lora/adapter_config.json';

  test.each(referencesWith(ADAPTER))('names its adapter tensors as the adapter of $name', (reference) => {
    const { trainable } = reference.json<{ trainable: string[] }>(ADAPTER);
    const general = (names: Iterable<string>): string[] =>
      [...new Set([...names].map((name) => name.replaceAll(/\d+/g, 'N')))].sort();
    const tensors = readSafetensors(files('1-gloss').get('adapter/adapter_model.safetensors') as Uint8Array);
    const wanted = trainable.filter((name) => name.includes('loranew')).map((name) => name.replace('loranew', 'lora'));
    expect(general(tensors.keys())).toEqual(general(wanted));
  });

  const PROTECTS = { spaceSource: 'activation', loraSpace: 'input', protects: 'watched' } as const;

  interface Manifest {
    place: { round: number };
    results: { accuracy: { exact: unknown[] }; settings: { method: object } };
  }
  const manifest =
    (change: (json: Manifest) => void) =>
    (all: Files): void => {
      const json = jsonOf(all, 'round.json') as Manifest & Record<string, unknown>;
      change(json);
      all.set('round.json', new TextEncoder().encode(JSON.stringify(json)));
    };

  test.each<[string, (files: Files) => void, Partial<RunSettings>, string]>([
    ['the round file is missing', (all) => all.delete('round.json'), {}, 'run/bad-round'],
    ['the adapter is missing', (all) => all.delete('adapter/adapter_model.safetensors'), {}, 'run/bad-round'],
    ['its accuracies are missing', manifest(({ results }) => (results.accuracy.exact = [])), {}, 'run/bad-round'],
    [
      'its method trains in a form that is gone',
      manifest(({ results }) => Object.assign(results.settings.method, { projType: 'full', projection: 'fast' })),
      {},
      'settings/gone',
    ],
    ['it is after the last task', manifest(({ place }) => (place.round = 99)), {}, 'run/bad-round'],
    ['the order begins differently', () => undefined, { order: ['field', 'gloss'] }, 'run/round-does-not-fit'],
    ['nothing is left to learn', () => undefined, { order: ['gloss'] }, 'run/round-does-not-fit'],
    [
      'another method is chosen',
      () => undefined,
      { method: tinySettings('inc-lora').method },
      'run/round-does-not-fit',
    ],
    [
      'other watched tasks are protected',
      () => undefined,
      { method: tinySettings('gorp', {}, PROTECTS).method, watch: ['people'] },
      'run/round-does-not-fit',
    ],
    [
      'another rank is chosen',
      () => undefined,
      { method: { ...settings.method, loraRank: 2 } },
      'run/round-does-not-fit',
    ],
  ])('is refused when %s', async (_, damage, change, code) => {
    const all = new Map(files('1-gloss'));
    damage(all);
    const events: RunEvent[] = [];
    const host = tinyHost((event) => events.push(event), { acquireDevice, savedRound: () => openRound(all) });
    await new Run(host, { ...settings, ...change }).execute();
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code } });
    expect(events.filter((event) => event.type === 'memory').at(-1)).toMatchObject({ liveBuffers: 0 });
  });
});

describe('the base model of a round', () => {
  const settings = { ...tinySettings('seq-lora', { epochs: 1 }), model: 'some-org/tiny' };
  const COMMIT = 'c0ffee'.padEnd(40, '0');
  const hubModel = (commit: string, hash: string): ModelFiles => ({
    ...tinyModel(),
    commit,
    contentHash: () => Promise.resolve(hash),
  });
  const [WEIGHTS, OTHERS] = ['1'.repeat(64), '2'.repeat(64)];
  let first: Files;
  beforeAll(async () => {
    const openModel = (): Promise<ModelFiles> => Promise.resolve(hubModel(COMMIT, WEIGHTS));
    const { rounds, results } = await runKeepingRounds(settings, { openModel });
    expect(results.model).toMatchObject({ commit: COMMIT, weights: WEIGHTS });
    first = rounds.get(`${FOLDER}/1-gloss`) as Files;
  });

  /** Returns what the host is asked to open, and the last event of the run. */
  async function onwards(
    files: Files,
    model: ModelFiles,
    change: Partial<RunSettings> = {},
    work: 'execute' | 'evaluate' = 'execute',
  ): Promise<{ asked: string[]; last: RunEvent | undefined; results: Results | null }> {
    const asked: string[] = [];
    const events: RunEvent[] = [];
    const host = tinyHost((event) => events.push(event), {
      acquireDevice,
      savedRound: () => openRound(files),
      openModel: (name) => {
        asked.push(name);
        return Promise.resolve(model);
      },
    });
    const run = new Run(host, { ...settings, ...change });
    await run[work]();
    return { asked, last: events.at(-1), results: run.results };
  }

  test('is opened at the commit it was trained on, although its branch has moved on', async () => {
    const { asked, results } = await onwards(first, hubModel(COMMIT, WEIGHTS));
    expect(asked).toEqual([`some-org/tiny@${COMMIT}`]);
    expect(results).toMatchObject({ status: 'finished', settings: { model: 'some-org/tiny' } });
    expect(baseOf((await openRound(first)).results)).toBe(`some-org/tiny@${COMMIT}`);
    expect(jsonOf(first, 'adapter/adapter_config.json')).toMatchObject({ revision: COMMIT });
  });

  test.each(['execute', 'evaluate'] as const)('is refused by name with other weights (%s)', async (work) => {
    const { last } = await onwards(first, hubModel(COMMIT, OTHERS), { model: './copy' }, work);
    expect(last).toMatchObject({ type: 'failed', error: { code: 'run/round-does-not-fit' } });
    const { message, nextStep } = (last as Extract<RunEvent, { type: 'failed' }>).error;
    for (const text of [`some-org/tiny@${COMMIT}`, './copy', '111111111111', '222222222222']) {
      expect(message + nextStep).toContain(text);
    }
  });

  test('may lie elsewhere', async () => {
    const { asked, last } = await onwards(first, hubModel('', WEIGHTS), { model: './copy' }, 'evaluate');
    expect([asked, last?.type]).toEqual([['./copy'], 'finished']);
  });
});

test('ends at a round that cannot be saved, with its results, and names it', async () => {
  const full = new GorpError('store/failed', 'The disk is full.', 'Free some space on it.');
  const events: RunEvent[] = [];
  const saveRound: RunHost['saveRound'] = ({ roundFolder }) =>
    roundFolder === '2-field' ? Promise.reject(full) : Promise.resolve();
  await new Run(
    tinyHost((event) => events.push(event), { acquireDevice, saveRound }),
    tinySettings('seq-lora', { epochs: 1 }),
  ).execute();
  expect(events.at(-1)).toMatchObject({
    type: 'failed',
    error: {
      code: 'store/failed',
      message: 'The files of 2-field could not be saved: The disk is full.',
      nextStep: 'Free some space on it. Then resume the run: it saves them again.',
    },
  });
  expect(events.reduce(fold, null)?.accuracy.exact.flat(), 'all tests are done').toHaveLength(6);
  expect(events.reduce(fold, null)?.accuracy.exact.flat(), 'all tests are done').not.toContain(null);
});

test('warns, and continues, where nothing can be saved at all', async () => {
  const none = new GorpError('store/unavailable', 'There is no storage.', 'Use a normal window.');
  const events: RunEvent[] = [];
  const parts = { acquireDevice, waitsForRoom: true, saveRound: () => Promise.reject(none) };
  await new Run(
    tinyHost((event) => events.push(event), parts),
    tinySettings('seq-lora', { epochs: 1 }),
  ).execute();
  expect(events.at(-1)?.type).toBe('finished');
  const warnings = events.filter((event) => event.type === 'warning').map(({ message }) => message);
  expect(warnings.filter((text) => text.includes('There is no storage.'))).toHaveLength(2);
});

test('fails, rather than warns, if the device is lost while a round is saved', async () => {
  const lost = new GorpError('device/lost', 'It is gone.', 'Start again.');
  const events: RunEvent[] = [];
  const host = tinyHost((event) => events.push(event), { acquireDevice, saveRound: () => Promise.reject(lost) });
  await new Run(host, tinySettings('seq-lora', { epochs: 1 })).execute();
  expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'device/lost' } });
});

test.each(['galore', 'mtl', 'per-task'] as const)('method %s saves its files', async (name) => {
  const settings = tinySettings(name, { epochs: 1 });
  const { rounds } = await runKeepingRounds(settings);
  const wanted = { galore: ['1-gloss', '2-field'], mtl: ['1-all_tasks'], 'per-task': ['1-gloss', '2-field'] }[name];
  expect([...rounds.keys()]).toEqual(wanted.map((folder) => `${FOLDER}/${folder}`));
  for (const files of rounds.values()) {
    expect(files.has('full_rank_weights.safetensors')).toBe(partOf(planOf(settings.method), 'full-rank') !== undefined);
    expect(files.has('adapter/adapter_model.safetensors')).toBe(
      partOf(planOf(settings.method), 'adapters') !== undefined,
    );
    expect(files.has('state.safetensors')).toBe(false);
    expect(files.has('all_results.json')).toBe(true);
  }
});
