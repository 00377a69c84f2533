import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainedWithCode, reportOf } from '../base/errors.ts';
import type { Batch } from '../base/batch.ts';
import type { Device } from '../device/device.ts';
import { Learner } from '../gorp/learner.ts';
import type { PartPlan } from '../gorp/part/method-plan.ts';
import { guardedPart } from '../gorp/part/own-part.ts';
import type { TaskOf } from '../gorp/part/part.ts';
import { Stack } from '../gorp/part/stack.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { LearnerCore } from '../gorp/learner/core.ts';
import type { LearnerState, SavedState } from '../gorp/part/state.ts';
import { initialValues } from '../methods/parts/method.ts';
import { METHOD_NAMES } from '../methods/registry.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { TINY_FAMILIES } from '../testing/tiny-families.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { readTrained } from '../testing/trained.ts';
import { openNetwork, readTexts } from './models/open-network.ts';
import { addPlugin, type MakePlugin, type Plugin, PLUGIN_TOOLS } from './plugin.ts';
import { measureBy, type Probe } from './probes/own-probe.ts';

// By its address: its types are those of the built package, which a test of the package checks.
const EXAMPLE = new URL('../../docs/plugin-example.mjs', import.meta.url).href;
const { default: makeExample } = (await import(EXAMPLE)) as { default: MakePlugin };
const example: Plugin = makeExample(PLUGIN_TOOLS);
const LENGTHS = { sourceLength: 24, targetLength: 30 };
const model = TINY_FAMILIES.find(({ family }) => family === 'llama-tiny');

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(async () => {
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});

const batches = (task: number): Batch[] => [0, 1].map((i) => [{ source: [3 + task, 4 + i, 5], label: [6 + task, 2] }]);

/** A tiny LLaMA that learns by the example's method. */
async function opened() {
  const files = model?.open();
  const [method] = example.methods ?? [];
  if (files === undefined || method === undefined) throw new Error('no model or no method');
  const { training } = tinySettings('seq-lora', LENGTHS);
  const { tokenizer } = await readTexts(files, training);
  const { network, targets } = openNetwork(device, files, training, await readTexts(files, training));
  const values = { ...initialValues(method.settings), newShare: 0.25, learningRate: 0.05, loraDropout: 0 };
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, tasks: 2 };
  const core = await LearnerCore.load(device, network, method.plan(values), targets, options, (name) =>
    files.readTensor(name),
  );
  const learner = new Learner(core);
  const destroy = (): void => {
    learner.destroy();
    network.destroy();
  };
  return { learner, core, network, tokenizer, destroy };
}

async function saved({ progress, tensors }: LearnerState): Promise<SavedState> {
  const read = new Map<string, Awaited<ReturnType<SavedState['tensors']['read']>>>();
  for (const { name, rows, columns, read: data } of tensors)
    read.set(name, { rows, columns, data: (await data()).slice() as Float64Array<ArrayBuffer> });
  return {
    progress: structuredClone(progress),
    tensors: { names: [...read.keys()], read: (name) => Promise.resolve(read.get(name)) },
  };
}

const ended = (task: number) => ({
  sample: batches(task),
  singles: batches(task),
  examples: batches(task).flat(),
});

describe('the example of the documentation', () => {
  test('averages adapters after a task, and ends the same when it is resumed within one', async () => {
    const one = await opened();
    const { learner, core } = one;
    await learner.beginTask(batches(1));
    for (const batch of batches(1)) await learner.step([batch]);
    await learner.endTask(ended(1));
    const before = await readTrained(core);
    await learner.beginTask(batches(2));
    await learner.step([batches(2)[0]]);
    const half = await saved(learner.state);
    await learner.step([batches(2)[1]]);
    const trained = await readTrained(core);
    await learner.endTask(ended(2));
    const after = await readTrained(core);
    one.destroy();
    for (const [layer, { A, B }] of after.adapters) {
      for (const [letter, { data }] of [['A', A] as const, ['B', B] as const]) {
        const [from, to] = [before, trained].map(({ adapters }) => adapters.get(layer)?.[letter].data ?? []);
        expect(data.some((value, i) => value !== from[i])).toBe(true);
        data.forEach((value, i) => expect(value).toBe(Math.fround(0.75 * from[i] + 0.25 * to[i])));
      }
    }
    const two = await opened();
    await two.learner.restore(half);
    await two.learner.step([batches(2)[1]]);
    await two.learner.endTask(ended(2));
    expect((await readTrained(two.core)).adapters).toEqual(after.adapters);
    two.destroy();
  });

  test('reads training files of fastText', () => {
    const read = example.formats?.[0].read('__label__spam Win a prize\nno label\n__label__ham See you', 'x.fasttext');
    expect(read).toEqual({
      columns: ['text', 'label'],
      rows: [
        ['Win a prize', 'spam'],
        ['See you', 'ham'],
      ],
    });
  });

  test('measures the loss of an answer; a probe that fails ends with its name', async () => {
    const { learner, network, tokenizer, destroy } = await opened();
    const parts = { device, network, learner, tokenizer, sourceLength: LENGTHS.sourceLength };
    const [probe] = example.probes ?? [];
    const by = (measure: Probe['measure']) => measureBy({ ...probe, measure }, parts);
    try {
      expect(await measureBy(probe, parts)).toBeGreaterThan(0);
      const [losses, answers] = await Promise.all([
        by(async (m) => (await m.losses([{ prompt: 'a', answer: 'b' }]))[0]),
        by(async (m) => (await m.answer(['a', 'b'])).length),
      ]);
      expect([losses > 0, answers]).toEqual([true, 2]);
      await expect(by(() => Promise.reject(new Error('no')))).rejects.toMatchObject({ code: 'plugin/failed' });
      await expect(by(() => Promise.resolve(NaN))).rejects.toMatchObject({ code: 'plugin/failed' });
      const long = by(async (m) => (await m.answer(['word '.repeat(50)])).length);
      await expect(long).rejects.toMatchObject({ code: 'plugin/too-long' });
    } finally {
      destroy();
    }
  });
});

const valid = { interface: 1, name: 'mine' };
const method = example.methods?.[0];
test.each<[string, unknown, string, RegExp]>([
  ['exports nothing', undefined, 'plugin/unusable', /no function/],
  [
    'throws',
    () => {
      throw new Error('broken');
    },
    'plugin/unusable',
    /broken/,
  ],
  ['gives nothing', () => undefined, 'plugin/unusable', /what its function returns/],
  ['is of another version', () => ({ ...valid, interface: 2 }), 'plugin/other-version', /version 2/],
  ['has no name', () => ({ interface: 1 }), 'plugin/unusable', /name/],
  ['has more than there is', () => ({ ...valid, kernels: [] }), 'plugin/unusable', /kernels/],
  [
    'names a method that exists',
    () => ({ ...valid, methods: [{ ...method, name: 'gorp' }] }),
    'plugin/name-taken',
    /named gorp/,
  ],
  [
    'has a method not made by the tools',
    () => ({ ...valid, methods: [{ ...method, schema: undefined }] }),
    'plugin/unusable',
    /defineMethod/,
  ],
  [
    'has a plan that throws',
    () => ({
      ...valid,
      methods: [
        {
          ...method,
          plan: () => {
            throw new Error('no plan');
          },
        },
      ],
    }),
    'plugin/unusable',
    /no plan/,
  ],
  [
    'reads a known ending',
    () => ({ ...valid, formats: [{ ending: 'csv', read: () => ({}) }] }),
    'plugin/name-taken',
    /csv/,
  ],
  [
    'has two probes of a name',
    () => ({ ...valid, probes: [...(example.probes ?? []), ...(example.probes ?? [])] }),
    'plugin/name-taken',
    /two-times-two/,
  ],
])('a plugin that %s is refused, and adds nothing', (_, made, code, message) => {
  const before = METHOD_NAMES.length;
  let refused: unknown;
  try {
    addPlugin(made, 'mine.mjs');
  } catch (thrown) {
    refused = thrown;
  }
  expect(refused).toMatchObject({ code });
  expect(explainedWithCode(reportOf(refused))).toMatch(message);
  expect(METHOD_NAMES).toHaveLength(before);
});

describe('a part of a plugin', () => {
  const { adapters, ownPart } = PLUGIN_TOOLS.parts;
  const pair = adapters('one', { loraRank: 2, loraAlpha: 4, loraDropout: 0, learningRate: 0.01 });
  const made = (...parts: readonly PartPlan[]) => ({
    ...valid,
    methods: [
      PLUGIN_TOOLS.defineMethod({
        name: 'mine',
        menu: 'LoRA methods',
        summary: 'Mine.',
        citation: null,
        settings: {},
        plan: () => PLUGIN_TOOLS.inTurn(...parts),
      }),
    ],
  });

  test('stands after what it acts on', () => {
    const own = ownPart('', () => ({}));
    expect(() => addPlugin(() => made(own, pair), 'mine.mjs')).toThrow(/stands before what it acts on/);
  });

  test('has no functions but those of parts, and is named if one throws', async () => {
    expect(() => guardedPart({ recordTerm: () => undefined })).toThrow(/recordTerm, which no part has/);
    class Mine {
      #count = 0;
      clearGradients(): number {
        return ++this.#count;
      }
      beginTask(): Promise<void> {
        return Promise.reject(new TypeError('no task'));
      }
      recordTerms(): void {
        throw new TypeError('no terms');
      }
    }
    const part = guardedPart(new Mine());
    expect(part.clearGradients?.()).toBe(1);
    expect(() => part.recordTerms?.(new Graph())).toThrow(/failed in recordTerms: no terms/);
    await expect(part.beginTask?.({} as TaskOf)).rejects.toMatchObject({ code: 'plugin/failed' });
  });
});

test('an operation on single numbers refuses a stack with gaps', () => {
  const stack = new Stack(device, 'trained', 'gaps', ['a', 'b'], 3, 5);
  const compiling = async (): Promise<void> => {
    const g = new Graph();
    const y = PLUGIN_TOOLS.ops.scale(g, stack.tensor, 2);
    (await compile(device, 'gaps', g, [y])).destroy();
  };
  return expect(compiling())
    .rejects.toThrow(/a stack has gaps/)
    .finally(() => stack.destroy());
});
