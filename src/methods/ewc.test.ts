import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { Adapters } from '../gorp/adapters/adapters-part.ts';
import { ANCHOR, consolidated, FISHER, Importance } from '../gorp/importance/importance-part.ts';
import { adapterName, type AdapterPlan, type ImportancePlan, partOf } from '../gorp/part/method-plan.ts';
import type { SavedProgress, StateMatrix } from '../gorp/part/state.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import type { Matrix } from '../linear-algebra/matrix.ts';
import { F32, relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { randomMatrix } from '../testing/matrices.ts';
import { methodStateOf, openRound, runKeepingRounds } from '../testing/saved-run.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { methodPreset, planOf } from './registry.ts';

/** The progress of a learner that has just begun. */
const NEW: SavedProgress = {
  task: 2,
  step: 0,
  totalSteps: 0,
  training: false,
  isProtected: false,
  isUnmerged: false,
  rateFactors: [1, 1],
  examples: [],
};
const stateMatrix = (found: Matrix | undefined): StateMatrix | undefined =>
  found && { ...found, data: Float64Array.from(found.data) };

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

describe('the penalty', () => {
  const LAYERS = ['one', 'two'];
  const LAMBDA = 3;
  const plan = planOf({ ...methodPreset('ewc'), loraRank: 3, ewcLambda: LAMBDA });
  const square = (x: Matrix): Matrix => ({ ...x, data: x.data.map((value) => value ** 2) });

  test('has the gradient given by finite differences of λ/2 Σ F ∘ (θ − θ*)²', async () => {
    const layers = [{ names: LAYERS, out: 7, inputs: 5 }];
    const adapters = new Adapters(device, partOf(plan, 'adapters') as AdapterPlan, plan.schedule, layers, null, false);
    const [group] = adapters.groups;
    const importance = new Importance(device, partOf(plan, 'importance') as ImportancePlan, adapters.groups);
    const tensors = new Map<string, Matrix>();
    const values = new Map<string, Matrix>();
    for (const [i, layer] of LAYERS.entries()) {
      for (const [part, stack] of [['lora_A', group.adapters.A] as const, ['lora_B', group.adapters.B] as const]) {
        const of = (seed: number): Matrix => randomMatrix(stack.rows, stack.columns, 10 * seed + i + stack.rows);
        const name = adapterName(layer, part);
        values.set(name, of(1));
        stack.write(layer, of(1));
        tensors.set(ANCHOR + name, of(2));
        tensors.set(FISHER + name, square(of(3)));
      }
    }
    const term = (name: string, at: Float64Array): number => {
      const [F, anchor] = [FISHER, ANCHOR].map((what) => (tensors.get(what + name) as Matrix).data);
      return (LAMBDA / 2) * at.reduce((sum, theta, i) => sum + F[i] * (theta - anchor[i]) ** 2, 0);
    };
    const saved = {
      names: [...tensors.keys()],
      read: (name: string) => Promise.resolve(stateMatrix(tensors.get(name))),
    };
    await importance.restore(saved, { ...NEW, training: true });
    const g = new Graph();
    importance.recordTerms(g);
    const compiled = await compile(device, 'penalty', g, []);
    await device.run([compiled.program]);
    for (const [stack, part] of [[group.gradA, 'lora_A'] as const, [group.gradB, 'lora_B'] as const]) {
      for (const [layer, { data: found }] of await stack.read()) {
        const name = adapterName(layer, part);
        const { data } = values.get(name) as Matrix;
        const wanted = data.map((_, i) => {
          const [above, below] = [1e-4, -1e-4].map((h) => term(name, data.with(i, data[i] + h)));
          return (above - below) / 2e-4;
        });
        expect(relativeError(found, wanted), name).toBeLessThan(F32);
      }
    }
    compiled.destroy();
    importance.destroy();
    adapters.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});

describe('importances', () => {
  const as = (values: number[]): Matrix => ({ rows: 1, columns: values.length, data: Float64Array.from(values) });
  const after = (before: ReadonlyMap<string, Matrix>, squares: Record<string, number[]>): Map<string, Matrix> =>
    consolidated(
      before,
      new Map(Object.entries(squares).map(([name, values]) => [name, as(values)])),
      new Map([['x.lora_A', as([7, 8])]]),
      0.5,
    );
  const fisherOf = (tensors: ReadonlyMap<string, Matrix>, name: string): number[] => [
    ...(tensors.get(FISHER + name)?.data ?? []),
  ];

  test('have mean 1 over all numbers, and decay as tasks are added', () => {
    const first = after(new Map(), { 'x.lora_A': [2, 0], 'x.lora_B': [4, 6] });
    expect(fisherOf(first, 'x.lora_A')).toEqual([2 / 3, 0]);
    expect(fisherOf(first, 'x.lora_B')).toEqual([4 / 3, 2]);
    expect([...(first.get(`${ANCHOR}x.lora_A`)?.data ?? [])]).toEqual([7, 8]);
    const second = after(first, { 'x.lora_A': [0, 1], 'x.lora_B': [1, 2] });
    expect(fisherOf(second, 'x.lora_A')).toEqual([1 / 3, 1]);
    expect(fisherOf(second, 'x.lora_B')).toEqual([2 / 3 + 1, 1 + 2]);
  });

  test('are 0 if all gradients of a task are 0', () => {
    expect(fisherOf(after(new Map(), { 'x.lora_A': [0, 0] }), 'x.lora_A')).toEqual([0, 0]);
  });
});

describe('runs', () => {
  const run = (name: 'ewc' | 'seq-lora', changes: object = {}, order = ['gloss', 'field']) =>
    runKeepingRounds({ ...tinySettings(name, {}, { loraDropout: 0.2, ...changes }), order });

  test('of one task, or of two with λ = 0, equal those of seq-lora bit for bit', async () => {
    const adapterOf = ({ rounds }: Awaited<ReturnType<typeof run>>): unknown[] =>
      [...rounds.values()].map((files) => files.get('adapter/adapter_model.safetensors'));
    const one = [await run('ewc', {}, ['gloss']), await run('seq-lora', {}, ['gloss'])];
    const two = [await run('ewc', { ewcLambda: 0 }), await run('seq-lora')];
    for (const [ewc, base] of [one, two]) {
      expect(ewc.results.curves.loss).toEqual(base.results.curves.loss);
      expect(ewc.results.curves.gradientNorm).toEqual(base.results.curves.gradientNorm);
      expect(adapterOf(ewc)).toEqual(adapterOf(base));
    }
  });

  test('move the pair less, the stronger the penalty', async () => {
    const moved: number[] = [];
    for (const ewcLambda of [0, 10, 1000]) {
      const { rounds } = await run('ewc', { ewcLambda, loraDropout: 0 });
      const [first, second] = await Promise.all([...rounds.values()].map(methodStateOf));
      let distance = 0;
      for (const [name, { data }] of second.tensors) {
        const before = first.tensors.get(name) as Matrix;
        const F = first.tensors.get(name.replace('anchor/', 'fisher/')) as Matrix;
        if (name.startsWith('anchor/'))
          data.forEach((value, i) => (distance += F.data[i] * (value - before.data[i]) ** 2));
      }
      moved.push(distance);
    }
    expect(moved[0]).toBeGreaterThan(0);
    expect(moved).toEqual(moved.toSorted((a, b) => b - a));
    expect(moved[2]).toBeLessThan(0.5 * moved[0]);
  });

  test('resume with importances and anchors, and report their bytes', async () => {
    const settings = tinySettings('ewc', {}, { loraDropout: 0.2 });
    const whole = await runKeepingRounds(settings);
    const [first] = whole.rounds.values();
    const { tensors } = await methodStateOf(first);
    const numbers = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(numbers).toBe(2 * whole.results.model.trainable);
    expect(whole.results.stateBytes).toEqual([1, 2].map((round) => ({ round, bytes: 4 * numbers })));
    const resumed = await runKeepingRounds(settings, { savedRound: () => openRound(first) });
    expect(resumed.results.stateBytes).toEqual(whole.results.stateBytes);
    expect(resumed.results.curves.loss).toEqual(whole.results.curves.loss);
    first.delete('state.safetensors');
    await expect(openRound(first)).rejects.toMatchObject({ code: 'run/bad-round' });
  });
});
