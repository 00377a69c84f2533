import { needsOf } from '../../gorp/part/method-plan.ts';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { DiskFolder } from '../../cli/disk-folder.ts';
import { nodeTaskReader } from '../../cli/host.ts';
import { embeddedFolder } from '../../cli/named-models.ts';
import type { PlannedBatch } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import { type DeviceOutline, outlineOf } from '../../device/counting-device.ts';
import { Learner } from '../../gorp/learner.ts';
import { type MethodName, type MethodSettings, planOf } from '../../methods/registry.ts';
import { familyOf } from '../../models/families.ts';
import type { Task } from '../../tasks/task.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { type TrainedModel, trainedModels } from '../../testing/reference.ts';
import { TESTED_FAMILIES, TINY_FAMILIES, type TinyFamily } from '../../testing/tiny-families.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { onDevice, tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { type ModelFiles, type ModelOutline, openModelFolder } from '../../weights/model-folder.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import { FROZEN_WEIGHTS, frozenPacking } from '../models/frozen-weights.ts';
import { networkOf } from '../models/open-network.ts';
import { TODAY } from '../models/published-models.ts';
import { Run } from '../run.ts';
import type { RunSettings, TrainingSettings } from '../settings/settings.ts';
import { startingMethod } from '../settings/starting-values.ts';
import { MAX_PROMPT } from '../settings/training-settings.ts';
import { asRefusal, checkBudget, checkHost, type MemoryPlan, totalOf } from './memory-plan.ts';
import { bytesByPart, type MemoryQuestion, planMemory, planRun, storedTypes } from './plan-run.ts';
import { testAhead } from './planned-work.ts';
import { embeddedSettings } from './presets.ts';
import { finishedResults } from '../../testing/ended-run.ts';

const outlineFor = (buffer: number): DeviceOutline => ({ kind: 'webgpu', limits: { buffer, total: null } });
const OUTLINE = outlineFor(2 ** 31);

/** The planned and the peak memory of a run. */
async function runOf(settings: RunSettings, parts: Partial<RunHost>): Promise<{ plan: MemoryPlan; peak: number }> {
  const events: RunEvent[] = [];
  const host = tinyHost((event) => events.push(event), {
    ...onDevice(acquireTestDevice),
    ...parts,
  });
  await new Run(host, settings).execute();
  const planned = events.find((event) => event.type === 'memory-plan');
  if (planned === undefined) throw new Error('The run made no plan.');
  return { plan: planned.plan, peak: finishedResults(events).memory.peakBytes };
}

test('a run that holds many examples out, or packs them, plans their memory, and takes no more', async () => {
  // One test and one training example at once: two that are held out do not fit the memory of those.
  const training = { epochs: 1, trainExamples: 1, testExamples: 1, evaluationBatchSize: 4, validationSteps: 1 };
  const of = (more: Partial<TrainingSettings>): ReturnType<typeof runOf> =>
    runOf(tinySettings('seq-lora', { ...training, ...more }), {});
  const [without, held] = [await of({}), await of({ validationExamples: 2 })];
  expect(held.peak).toBeGreaterThan(without.peak);
  expect(held.plan.total).toBeGreaterThan(without.plan.total);
  const packed = await of({ trainExamples: 0, batchSize: 1, batchTokens: 60 });
  expect(packed.peak).toBeGreaterThan(held.peak);
  for (const { peak, plan } of [without, held, packed]) expect(peak).toBeLessThanOrEqual(plan.total);
});

test('a run that is measured by general text plans its memory, and takes no more', async () => {
  const label = Array.from({ length: 20 }, () => 'red ball blue box').join(' ');
  const task: Task = {
    name: 'mine',
    kind: 'Text',
    instruction: null,
    labels: [],
    form: 'text',
    train: [],
    dev: [],
    test: [{ sentence: '', label }],
  };
  const of = (generalText: string): Promise<{ plan: MemoryPlan; peak: number }> =>
    runOf(
      {
        ...tinySettings('seq-lora', { epochs: 1, batchSize: 1, evaluationBatchSize: 1, generalText }),
        order: ['gloss'],
      },
      {
        customTask: (name) => Promise.resolve(name === 'mine' ? task : undefined),
        openModel: () => Promise.resolve(tinyModel({ vocab_size: 20_000 })),
      },
    );
  const [without, measured] = [await of('none'), await of('own:mine')];
  expect(without.plan.moments.reading).toBeUndefined();
  expect(measured.plan.moments.reading).toBeGreaterThan(without.plan.moments.testing ?? 0);
  expect(measured.plan.moment).toBe('reading');
  const refused = (): void =>
    checkBudget(measured.plan, measured.plan.total - 1, embeddedSettings('full', 'gorp').training);
  expect(refused).toThrow(/^Measuring general text needs .* of memory; the limit is/);
  for (const { peak, plan } of [without, measured]) expect(peak).toBeLessThanOrEqual(plan.total);
});

test('a run that protects the base model plans its spaces in the first task, and takes no more', async () => {
  const of = (protects: 'earlier' | 'general'): ReturnType<typeof runOf> =>
    runOf({ ...tinySettings('gorp-plus', { epochs: 1 }, { protects }), order: ['gloss'] }, {});
  const [free, guarded] = [await of('earlier'), await of('general')];
  const training = [free, guarded].map(({ plan }) => plan.moments.training ?? 0);
  expect(training[1]).toBeGreaterThan(training[0]);
  for (const { peak, plan } of [free, guarded]) expect(peak).toBeLessThanOrEqual(plan.total);
});

test('a run that replays answers of the model plans to write and learn them, and takes no more', async () => {
  const training = { epochs: 1, trainExamples: 3, testExamples: 1, batchSize: 1, evaluationBatchSize: 8 };
  const of = (replaySource: 'examples' | 'general' | 'self'): ReturnType<typeof runOf> =>
    runOf(tinySettings('er', training, { replaySource, replayMemory: 1, replayShare: 0.9 }), {});
  const [stored, general, self] = [await of('examples'), await of('general'), await of('self')];
  for (const moment of ['training', 'testing'] as const)
    expect(general.plan.moments[moment] ?? 0, moment).toBeGreaterThan(stored.plan.moments[moment] ?? 0);
  for (const { peak, plan } of [stored, general, self]) expect(peak).toBeLessThanOrEqual(plan.total);
});

/** The work of one task with batches of the settings' sizes. */
const workOf = ({ batchSize: B, sourceLength: S, targetLength: T, evaluationBatchSize }: TrainingSettings) => ({
  tasks: 1,
  batch: { B, S, T, shared: 0 },
  shapes: 1,
  answer: T,
  validation: null,
  generalText: null,
  protects: [],
  freeTests: [],
  tests: [testAhead(evaluationBatchSize, S, { nodes: 1 + 3 * (T - 1), choices: 3 * T })],
});

/** The memory on a device, by part and buffer by buffer. */
interface Measured {
  readonly measured: ReturnType<typeof bytesByPart>;
  readonly live: readonly OwnedBuffer[];
}

describe('a plan of training is what training takes', () => {
  test.each<[MethodName, Partial<TrainingSettings>, Partial<MethodSettings>?]>([
    ['gorp', {}],
    ['gorp-plus', { batchSize: 12, activations: 'recompute', frozenWeights: '8-bit' }],
    ['gorp-plus', { batchSize: 12, gradientAccumulation: 2 }],
    ['gain-lora', { batchSize: 12, gradientAccumulation: 2, activations: 'recompute' }],
    ['gain-lora', {}, { base: 'o-lora', gateWidth: 30 }],
    ['seq-ft', { batchSize: 5, frozenWeights: '4-bit' }],
    ['seq-lora', { gradientAccumulation: 2, sourceLength: 40, frozenWeights: 'stored' }],
  ])('%s with %o %o', async (name, more, changes) => {
    await agrees(tinyModel({ num_layers: 2 }), tinySettings(name, more, changes));
  });

  test.each(TINY_FAMILIES)('gorp of $family', async ({ open, lengths }) => {
    await agrees(open(), tinySettings('gorp', { ...lengths, activations: 'recompute', frozenWeights: 'stored' }));
  });

  test.each([
    [5, 24],
    [16, 32],
  ])(
    'a vocabulary of 262,144 pieces, %i texts: the tied embedding is there once, and %i rows of logits at a time',
    async (batchSize, rows) => {
      const gemma = TINY_FAMILIES.find(({ family }) => family === 'gemma3-tiny');
      const model = gemma?.open({ vocab_size: 262_144, hidden_size: 8 });
      if (model === undefined) throw new Error('there is no tiny Gemma');
      const { measured, live } = await agrees(
        model,
        tinySettings('gorp', { batchSize, sourceLength: 12, targetLength: 8, activations: 'recompute' }),
      );
      const embedding = 262_144 * 8 * 4;
      expect(live.filter(({ purpose, bytes }) => purpose === 'weights' && bytes >= embedding)).toHaveLength(1);
      expect(measured.weights).toBeLessThan(embedding * 1.1);
      expect(measured.arena).toBeLessThan(rows * 262_144 * 4 * 1.05);
    },
  );

  async function agrees(model: ModelFiles, { method, training }: RunSettings): Promise<Measured> {
    const { gradientAccumulation, activations } = training;
    const device = await acquireTestDevice();
    const { network, targets } = networkOf(device, model.config, {
      ...training,
      byPrompt: needsOf(planOf(method)).byPrompt !== undefined,
    });
    const storedAs = (): string => 'BF16';
    const learner = await Learner.create(
      device,
      network,
      planOf(method),
      targets,
      {
        seed: 1,
        maxGradNorm: 1,
        gradientAccumulation,
        tasks: 1,
        recompute: activations === 'recompute',
        packing: (n) => frozenPacking(training.frozenWeights, n, network.shapes.get(n) ?? [], storedAs()),
      },
      (n) => model.readTensor(n),
    );
    await learner.beginTask();
    const work = workOf(training);
    const { B, S, T } = work.batch;
    const ids = (length: number, row: number): number[] =>
      Array.from({ length }, (_, i) => (i === 0 ? 3 + row : 3 + ((row + i) % 10)));
    const batch = Array.from({ length: B }, (_, row) => ({ source: ids(S, row), label: ids(T, row) }));
    // The first step refreshes bases, and the second does not.
    for (let step = 0; step < 2; step++) await learner.step(new Array(gradientAccumulation).fill(batch));
    const measured = bytesByPart(device);
    const { live } = device.buffers;
    await learner.takeRecords();
    learner.destroy();
    network.destroy();
    await device.destroy();

    const outline = { ...outlineOf(device), limits: OUTLINE.limits };
    // Without tests, so that memory peaks in training.
    const trains = { ...work, validation: null, generalText: null, protects: [], freeTests: [], tests: [] };
    const plan = await planMemory({ config: model.config, method, training, work: trains, storedAs, device: outline });
    expect(plan.moment).toBe('training');
    expect({ ...plan.parts, readBack: 0 }).toEqual({ ...measured, readBack: 0 });
    for (const part of ['weights', 'trained', 'optimizer', 'arena'] as const) expect(measured[part]).toBeGreaterThan(0);
    expect(totalOf(plan.parts)).toBe(plan.total);
    return { measured, live };
  }
});

describe('a whole run takes the planned memory, including tests and spaces', () => {
  interface Case {
    settings: RunSettings;
    host: Partial<RunHost>;
  }
  const embedded = (name: MethodName): Case => {
    const settings = embeddedSettings('quick', name);
    const training = { ...settings.training, trainExamples: 16, testExamples: 2, epochs: 1 };
    const openModel = async (): Promise<ModelFiles> =>
      openModelFolder(await DiskFolder.open(`${embeddedFolder}/model`));
    return { settings: { ...settings, training }, host: { openModel, taskReader: nodeTaskReader } };
  };
  const llama = (model: TrainedModel, name: MethodName, method: Partial<MethodSettings> = {}): Case => {
    const openModel = async (): Promise<ModelFiles> =>
      openModelFolder(await DiskFolder.open(model.reference.path(model.folder)));
    const training = { sourceLength: 112, targetLength: 12, batchSize: 4, epochs: 1 };
    return { settings: tinySettings(name, training, method), host: { openModel } };
  };
  const ofFamily = ({ open, lengths }: TinyFamily, name: MethodName = 'gorp'): Case => {
    const openModel = (): Promise<ModelFiles> => Promise.resolve(open({ vocab_size: 4096 }));
    return { settings: tinySettings(name, { ...lengths, epochs: 1 }), host: { openModel } };
  };
  const DECODER = TESTED_FAMILIES.find(({ isDecoderOnly }) => isDecoderOnly) as TinyFamily;
  const cases: [string, Case][] = [
    ['the embedded T5', embedded('gorp')],
    ...TESTED_FAMILIES.map((family): [string, Case] => [family.family, ofFamily(family)]),
    [`${TESTED_FAMILIES[0].family}, importances`, ofFamily(TESTED_FAMILIES[0], 'ewc')],
    [`${DECODER.family}, gates`, ofFamily(DECODER, 'gain-lora')],
  ];
  for (const model of trainedModels) {
    cases.push([model.name, llama(model, 'gorp')]);
  }
  test.each(cases)(
    '%s',
    async (_, { settings, host }) => {
      const { plan, peak } = await runOf(settings, host);
      expect(Math.abs(peak / plan.total - 1)).toBeLessThan(0.05);
      expect(plan.moments.testing).toBeGreaterThan(plan.parts.weights);
      expect(plan.parts.spaces).toBeGreaterThan(0);
    },
    300_000, // with an empty shader cache
  );
});

/** As wide as t5-small, but with two of its six layers. */
const WIDE = {
  model_type: 't5',
  vocab_size: 32128,
  d_model: 512,
  d_kv: 64,
  d_ff: 2048,
  num_layers: 2,
  num_heads: 8,
};
const question = (more: Partial<TrainingSettings> = {}): MemoryQuestion & { training: TrainingSettings } => {
  const lengths = { batchSize: 8, sourceLength: 512, targetLength: 50, evaluationBatchSize: 8 };
  const training = { ...tinySettings('gorp').training, ...lengths, ...more };
  return {
    config: WIDE,
    method: startingMethod('embedded', 'gorp'),
    training,
    work: workOf(training),
    device: OUTLINE,
  };
};

test('a pass over a single example is planned for importances, and for no other method', async () => {
  const planned = question();
  const [ewc, plain] = await Promise.all(
    (['ewc', 'seq-lora'] as const).map(async (name) =>
      planRun({ ...planned, method: startingMethod('embedded', name) }),
    ),
  );
  const [{ single, step }, { B }] = [ewc.effort, planned.work.batch];
  expect((single?.operations ?? 0) / step.operations).toBeCloseTo(1 / B, 1);
  expect(plain.effort.single).toBeNull();
  // Of the second task: importances and anchors in f64, the former thrice.
  const later = await planMemory({
    ...planned,
    method: startingMethod('embedded', 'ewc'),
    work: { ...planned.work, tasks: 2 },
  });
  expect(later.host / (later.checkpoint - ewc.memory.checkpoint)).toBeCloseTo(2.5, 6);
});

test('every setting that should save memory does', async () => {
  const weights: number[] = [];
  for (const frozenWeights of FROZEN_WEIGHTS) {
    const { parts } = await planMemory({ ...question({ frozenWeights }), storedAs: () => 'F16' });
    weights.push(parts.weights);
  }
  const [f32, f16, int8, int4] = weights;
  expect(f16 / f32).toBeCloseTo(1 / 2, 2);
  expect(int8 / f32).toBeCloseTo(9 / 32, 2);
  expect(int4).toBeLessThan(int8 * 0.95); // the vocabulary stays at 8 bits, and is half of this model
  const left = await planMemory(question());
  const again = await planMemory(question({ activations: 'recompute' }));
  expect(again.parts.arena).toBeLessThan(left.parts.arena * 0.9);
  expect((await planMemory(question({ batchSize: 4 }))).parts.arena).toBeLessThan(left.parts.arena * 0.6);
  const { moments } = await planMemory(question({ evaluationBatchSize: 4 }));
  expect(moments.testing).toBeLessThan(left.moments.testing ?? 0);
});

test('the activations of SmolLM2’s largest batch of agnews are three quarters of those of padded rows, or fewer', async () => {
  const training = { ...question({ sourceLength: 128, targetLength: 4 }).training };
  const planned = { config: TODAY['SmolLM2-135M'], method: startingMethod('embedded-llama', 'seq-lora'), training };
  const arenaOf = async (batch: Partial<PlannedBatch>): Promise<number> => {
    const work = { ...workOf(training), tests: [] };
    const all = { ...planned, work: { ...work, batch: { ...work.batch, ...batch } }, device: OUTLINE };
    return (await planMemory(all)).parts.arena;
  };
  expect((await arenaOf({ tokens: 768, labels: 24 })) / (await arenaOf({}))).toBeLessThan(0.75);
});

test.each<MethodName>(['gorp-plus', 'gorp', 'inc-lora', 'n-lora', 'inf-lora', 'seq-lora'])(
  'the tenth task’s step of %s computes at most 1.1 times what the first one’s does',
  async (name) => {
    const config: unknown = JSON.parse(await readFile('public/embedded/llama/config.json', 'utf8'));
    const training = { ...question({ sourceLength: 64, targetLength: 4 }).training };
    const method = startingMethod('embedded-llama', name);
    const [first, tenth] = await Promise.all(
      [1, 10].map(async (tasks) => {
        const work = { ...workOf(training), tasks };
        return (await planRun({ config, method, training, work, device: OUTLINE })).effort.step;
      }),
    );
    expect(tenth.operations / first.operations).toBeLessThan(1.1);
    expect(tenth.kernels / first.kernels).toBeLessThan(1.1);
  },
);

test('a model’s outline tells how its weights are stored', async () => {
  const weightsOf = async (outline: ModelOutline): Promise<number> => {
    const planned = { ...question({ frozenWeights: 'f32' }), storedAs: storedTypes(outline) };
    return (await planMemory(planned)).parts.weights;
  };
  const { shapes } = familyOf(WIDE).read(WIDE);
  const inBlocks = (type: string): ModelOutline => ({
    config: WIDE,
    types: new Map([...shapes.keys()].map((name) => [name, type])),
  });
  const f32 = await weightsOf({ config: WIDE, types: null });
  expect((await weightsOf(inBlocks('Q8_0'))) / f32).toBeCloseTo(9 / 32, 2);
  expect((await weightsOf(inBlocks('Q4_K'))) / f32).toBeCloseTo(6 / 32, 2);
  expect(await weightsOf(inBlocks('Q6_K'))).toBe(f32); // no packing holds it
  expect(storedTypes({ config: { torch_dtype: 'bfloat16' }, types: null })('any')).toBe('BF16');
});

test('settings of the largest values are planned, or refused, at once', async () => {
  const { total } = await planMemory(question({ gradientAccumulation: 2 }));
  expect((await planMemory(question({ gradientAccumulation: 1e9 }))).total).toBe(total);
  const begun = performance.now();
  for (const more of [
    { sourceLength: MAX_PROMPT },
    { sourceLength: MAX_PROMPT, batchSize: 1e9, evaluationBatchSize: 1e9 },
  ]) {
    const outcome: unknown = await planMemory(question(more)).catch((thrown: unknown) => thrown);
    expect(outcome).toMatchObject({ code: 'device/buffer-too-large' });
  }
  const unlimited = { ...question({ sourceLength: MAX_PROMPT }), device: outlineFor(2 ** 50) };
  expect((await planMemory(unlimited)).total).toBeGreaterThan(2 ** 36);
  expect(performance.now() - begun).toBeLessThan(10_000);
});

test('no buffer exceeds the device’s limit; a plan that needs a larger one fails', async () => {
  const small = outlineFor(2 ** 25);
  const short = question({ activations: 'recompute', sourceLength: 128 });
  const plan = await planMemory({ ...short, device: small });
  const whole = await planMemory(short);
  expect(plan.parts.weights / whole.parts.weights).toBeCloseTo(1, 4);
  const tiny = outlineFor(2 ** 22);
  const refusal: unknown = await planMemory({ ...question(), device: tiny }).catch((thrown: unknown) => thrown);
  expect(refusal).toMatchObject({ code: 'device/buffer-too-large' });
  const advised = asRefusal(refusal, question().training);
  expect(advised).toMatchObject({ code: 'run/too-little-memory', nextStep: expect.stringMatching(ADVICE) as string });
});

const ADVICE = /recompute.*8 or 4 bits.*smaller batch or shorter prompts/;

test('refuses a plan above the budget, and says what would help', async () => {
  const { training } = question();
  const plan = await planMemory(question());
  expect(() => checkBudget(plan, plan.total, training)).not.toThrow();
  expect(() => checkBudget(plan, null, training)).not.toThrow();
  expect(() => checkBudget(plan, plan.total - 1, training)).toThrow(
    expect.objectContaining({
      code: 'run/too-little-memory',
      nextStep: expect.stringMatching(ADVICE) as string,
    }) as Error,
  );
});

test('plans the memory that spaces take on the host, and refuses what it does not have', async () => {
  const plan = await planMemory({ ...question(), method: startingMethod('embedded', 'gorp-plus') });
  // A triangle of f32 for each distinct input is most of it.
  expect(plan.host).toBeGreaterThan(((512 * 513) / 2) * 4);
  expect(await planMemory({ ...question(), method: startingMethod('embedded', 'seq-lora') })).toMatchObject({
    host: 0,
  });
  const needed = plan.host + plan.total;
  expect(() => checkHost(plan, 'wasm', needed)).not.toThrow();
  expect(() => checkHost(plan, 'webgpu', plan.host)).not.toThrow();
  expect(() => checkHost(plan, 'webgpu', null)).not.toThrow();
  const refused = expect.objectContaining({
    code: 'run/too-little-memory',
    message: expect.stringMatching(
      /^The spaces of earlier tasks need .* of this computer’s memory, .*; it has /,
    ) as string,
    nextStep: expect.stringMatching(/such as gorp or seq-lora; train fewer layers/) as string,
  }) as Error;
  expect(() => checkHost(plan, 'wasm', needed - 1)).toThrow(refused);
});
