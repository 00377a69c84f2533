import { describe, expect, test } from 'vitest';
import { methodPreset } from '../../methods/registry.ts';
import { familyOf } from '../../models/families.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { TINY_FAMILIES } from '../../testing/tiny-families.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { onDevice, tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { RunEvent } from '../events/events.ts';
import { chosenTargets, modulesOfConfig } from '../models/open-network.ts';
import { planMemory } from '../planning/plan-run.ts';
import { Run } from '../run.ts';
import type { RunSettings } from './settings.ts';
import { layersOfModules } from '../../models/targets.ts';
import { firstTrained, modulesProblem, trainedModules, trainsSame } from './trained-modules.ts';
import { finishedResults } from '../../testing/ended-run.ts';

const { config } = tinyModel();
const model = modulesOfConfig(config);
const SELF = 'encoder.block.*.layer.*.SelfAttention';
const CROSS = 'decoder.block.*.layer.*.EncDecAttention';

test.each(TINY_FAMILIES)('the modules of $family are its layers, including its defaults', ({ open }) => {
  const { config: json } = open();
  const { shapes } = familyOf(json).read(json);
  const { modules, defaults } = modulesOfConfig(json);
  const matrices = [...shapes.values()].filter(({ length }) => length === 2).length;
  const layers = modules.reduce((sum, one) => sum + one.layers, 0);
  // The rest are embeddings, output layers and position tables.
  expect([layers > 0.7 * matrices, layers < matrices]).toEqual([true, true]);
  for (const { name } of modules)
    expect(name).toMatch(/\.\*\..*(SelfAttention|EncDecAttention|DenseReluDense|self_attn|mlp)\.\w+$/);
  const trained = Object.values(defaults).flat();
  expect(trained.length).toBeGreaterThanOrEqual(3);
  expect(trained.filter((name) => !modules.some((one) => one.name === name))).toEqual([]);
});

describe('what settings name', () => {
  const chosen = (
    name: 'gorp' | 'seq-lora' | 'seq-ft',
    loraModules: string[] | null,
    fullRankModules: string[] | null = null,
    trainedBlocks: 'all' | 'later' = 'all',
  ) => ({ method: methodPreset(name), training: { loraModules, fullRankModules, trainedBlocks } });

  test('is trained instead of the family’s defaults, only in the roles of the method', () => {
    expect(trainedModules(chosen('gorp', null), model)).toEqual(model.defaults);
    expect(trainedModules(chosen('seq-ft', []), model)).toEqual({ lora: [], fullRank: model.defaults.fullRank });
    expect(trainedModules(chosen('seq-lora', [`${SELF}.o`], []), model)).toEqual({ lora: [`${SELF}.o`], fullRank: [] });
    const { shapes } = familyOf(config).read(config);
    const { lora, fullRank } = chosenTargets(chosen('seq-lora', [`${SELF}.o`]), shapes, familyOf(config).targets);
    const picked = [...shapes.keys()].map((name) => name.replace('.weight', '')).filter((name) => lora.test(name));
    expect(picked).toEqual(['encoder.block.0.layer.0.SelfAttention.o']);
    expect([...shapes.keys()].some((name) => fullRank.test(name.replace('.weight', '')))).toBe(false);
  });

  test('is trained in the later half of each stack alone, with its middle block', () => {
    const { shapes } = familyOf(config).read(config);
    const later = chosenTargets(chosen('seq-lora', null, null, 'later'), shapes, familyOf(config).targets);
    const picked = [...shapes.keys()].filter((name) => later.lora.test(name.replace('.weight', '')));
    // One block of the encoder, two of the decoder.
    expect(picked.map((name) => name.replace(/SelfAttention.*/, ''))).toEqual([
      ...['encoder.block.0.layer.0.', 'encoder.block.0.layer.0.'],
      ...['decoder.block.1.layer.0.', 'decoder.block.1.layer.0.'],
    ]);
  });

  test.each([
    [1, [0]],
    [3, [1, 2]],
    [12, [6, 7, 8, 9, 10, 11]],
  ])('of %i blocks, %j are the later half', (layers, blocks) => {
    const name = 'model.layers.*.mlp.gate_proj';
    const first = firstTrained({ layers }, chosen('gorp', null, null, 'later'));
    const pattern = layersOfModules([{ name, layers, first }]);
    const numbers = Array.from({ length: layers + 1 }, (_, i) => i);
    expect(numbers.filter((block) => pattern.test(name.replace('*', String(block))))).toEqual(blocks);
  });

  test('is refused if no such layers exist, none are named, or both roles share some', () => {
    const unknown = chosen('gorp', ['model.layers.*.self_attn.q_proj']);
    expect(modulesProblem(unknown, null)).toBeNull();
    expect(() => trainedModules(unknown, model)).toThrow(
      expect.objectContaining({
        code: 'settings/modules',
        message: expect.stringContaining('model.layers.*.self_attn.q_proj') as string,
        nextStep: expect.stringContaining(`${SELF}.q`) as string,
      }) as Error,
    );
    expect(modulesProblem(chosen('gorp', []), null)).toMatchObject({ setting: 'loraModules' });
    expect(modulesProblem(chosen('gorp', null, []), null)).toMatchObject({ setting: 'fullRankModules' });
    expect(modulesProblem(chosen('gorp', [`${CROSS}.q`]), model)?.message).toContain(`${CROSS}.q`);
    expect(modulesProblem(chosen('seq-lora', [`${CROSS}.q`]), model)).toBeNull();
  });

  test('is the same whether named or left to the family', () => {
    const named = chosen('gorp', [...model.defaults.lora].reverse());
    expect(trainsSame(named, chosen('gorp', null), model)).toBe(true);
    expect(trainsSame(chosen('gorp', [`${SELF}.o`]), chosen('gorp', null), model)).toBe(false);
    expect(trainsSame(chosen('gorp', null, null, 'later'), chosen('gorp', null), model)).toBe(false);
  });
});

describe('a run', () => {
  const settings = (loraModules: string[]): RunSettings =>
    tinySettings('seq-lora', { loraModules, epochs: 1, trainExamples: 2, testExamples: 2 });
  const execute = async (asked: RunSettings): Promise<RunEvent[]> => {
    const events: RunEvent[] = [];
    await new Run(
      tinyHost((event) => events.push(event), onDevice(acquireTestDevice)),
      asked,
    ).execute();
    return events;
  };

  test('trains the layers in its settings, as planned', async () => {
    const asked = settings([`${SELF}.k`, `${SELF}.o`, `${CROSS}.v`]);
    const { model, settings: kept } = finishedResults(await execute(asked));
    // Rank 4 of layers [16, 16]: one block of the encoder, two of the decoder.
    expect(model.trainable).toBe((1 + 1 + 2) * 4 * (16 + 16));
    expect(kept.training.loraModules).toEqual(asked.training.loraModules);
    const work = {
      tasks: 1,
      batch: { B: 2, S: 24, T: 3, shared: 0 },
      shapes: 1,
      validation: null,
      generalText: null,
      protects: [],
      freeTests: [],
      tests: [],
      answer: 3,
    };
    const device = { kind: 'wasm' as const, limits: { buffer: 2 ** 30, total: null } };
    const plan = (training: RunSettings['training']) => planMemory({ config, ...asked, training, work, device });
    const own = await plan({ ...asked.training, loraModules: null });
    expect((await plan(asked.training)).parts.trained).not.toBe(own.parts.trained);
  });

  test('trains nothing of the earlier half of the blocks if it is told so, and learns', async () => {
    const asked = settings([`${SELF}.k`, `${SELF}.o`, `${CROSS}.v`]);
    const training = { ...asked.training, trainedBlocks: 'later' as const };
    const { model, curves } = finishedResults(await execute({ ...asked, training }));
    expect(model.trainable).toBe((1 + 1 + 1) * 4 * (16 + 16)); // one block less of the decoder
    expect(curves.loss.every(Number.isFinite)).toBe(true);
  });

  test('ends before weights are requested if a model has no such layers', async () => {
    expect((await execute(settings(['mlp']))).at(-1)).toMatchObject({
      type: 'failed',
      error: { code: 'settings/modules' },
    });
  });
});
