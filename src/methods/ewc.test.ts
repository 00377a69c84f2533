import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { LoraGroup } from '../gorp/adapters/lora-group.ts';
import type { Matrix } from '../linear-algebra/matrix.ts';
import {
  type AdapterPlan,
  adapterName,
  type FinishedTask,
  type MethodState,
  NO_STATE,
  stateName,
} from '../gorp/method-plan.ts';
import { F32, relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { methodStateOf, openRound, runKeepingRounds } from '../testing/saved-run.ts';
import { randomMatrix } from '../testing/matrices.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { methodPreset, planOf } from './registry.ts';

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
    const group = new LoraGroup(device, { names: LAYERS, out: 7, inputs: 5 }, plan.adapters as AdapterPlan, plan);
    const tensors = new Map<string, Matrix>();
    const values = new Map<string, Matrix>();
    for (const [i, layer] of LAYERS.entries()) {
      for (const [part, stack] of [['lora_A', group.adapters.A] as const, ['lora_B', group.adapters.B] as const]) {
        const of = (seed: number): Matrix => randomMatrix(stack.rows, stack.columns, 10 * seed + i + stack.rows);
        const name = adapterName(layer, part);
        values.set(name, of(1));
        stack.write(layer, of(1));
        tensors.set(stateName('anchor', name), of(2));
        tensors.set(stateName('fisher', name), square(of(3)));
      }
    }
    const term = (name: string, at: Float64Array): number => {
      const [F, anchor] = ['fisher', 'anchor'].map((what) => (tensors.get(stateName(what, name)) as Matrix).data);
      return (LAMBDA / 2) * at.reduce((sum, theta, i) => sum + F[i] * (theta - anchor[i]) ** 2, 0);
    };
    group.prepareTerms(plan.loss, { tensors, examples: [] });
    const g = new Graph();
    group.recordTerms(g, plan.loss);
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
    group.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});

describe('importances', () => {
  const finished = (state: MethodState, squares: Record<string, number[]>): FinishedTask => {
    const as = (values: number[]): Matrix => ({ rows: 1, columns: values.length, data: Float64Array.from(values) });
    const all = new Map(Object.entries(squares).map(([name, values]) => [name, as(values)]));
    const adapters = (): Promise<Map<string, Matrix>> => Promise.resolve(new Map([['x.lora_A', as([7, 8])]]));
    return { task: 1, examples: [], state, squares: all, adapters, random: seededRandom.bind(null, 1) };
  };
  const fisherOf = (state: MethodState, name: string): number[] => [
    ...(state.tensors.get(stateName('fisher', name))?.data ?? []),
  ];
  const { endTask } = planOf({ ...methodPreset('ewc'), ewcDecay: 0.5 });

  test('have mean 1 over all numbers, and decay as tasks are added', async () => {
    const first = await endTask!(finished(NO_STATE, { 'x.lora_A': [2, 0], 'x.lora_B': [4, 6] }));
    expect(fisherOf(first, 'x.lora_A')).toEqual([2 / 3, 0]);
    expect(fisherOf(first, 'x.lora_B')).toEqual([4 / 3, 2]);
    expect([...(first.tensors.get(stateName('anchor', 'x.lora_A'))?.data ?? [])]).toEqual([7, 8]);
    const second = await endTask!(finished(first, { 'x.lora_A': [0, 1], 'x.lora_B': [1, 2] }));
    expect(fisherOf(second, 'x.lora_A')).toEqual([1 / 3, 1]);
    expect(fisherOf(second, 'x.lora_B')).toEqual([2 / 3 + 1, 1 + 2]);
  });

  test('are 0 if all gradients of a task are 0', async () => {
    const left = await endTask!(finished(NO_STATE, { 'x.lora_A': [0, 0] }));
    expect(fisherOf(left, 'x.lora_A')).toEqual([0, 0]);
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
