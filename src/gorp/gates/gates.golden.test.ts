import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../device/device.ts';
import { compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { sumGradients } from '../../graph/ops/elementwise.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { energy, type Matrix, matrix, multiplyTranspose, subtract, transpose } from '../../linear-algebra/matrix.ts';
import { relativeError } from '../../testing/compare.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { goldenMatrix } from '../../testing/matrices.ts';
import { referencesWith } from '../../testing/reference.ts';
import { gates as gatePlan, thresholdOf } from '../part/method-plan.ts';
import { Gates, grownGateSpace, keyOf } from './gates.ts';

const PARTS = ['first', 'second', 'key'] as const;
/** Errors of gates and of their gradients that f32 allows; absolute ones of keys and projectors. */
const TOLERANCE = { gates: 1e-4, gradients: 1e-3, spaces: 1e-3 };

interface Facts {
  D: number;
  width: number;
  tasks: number;
  thresholds: Record<'covariances' | 'inputs', number>;
  ranks: Record<'covariances' | 'inputs', Record<(typeof PARTS)[number], number[]>>;
}

describe.each(referencesWith('golden/gates'))('the gates of $name', (reference) => {
  const facts = reference.json<Facts>('golden/gates/facts.json');
  const inputs = reference.tensors('golden/gates/inputs.safetensors');
  const expected = reference.tensors('golden/gates/expected.safetensors');
  const given = (task: number, name: string): Matrix => goldenMatrix(inputs, `task${task}/${name}`);
  const wanted = (task: number, name: string): Matrix => goldenMatrix(expected, `task${task}/${name}`);
  const tasks = Array.from({ length: facts.tasks }, (_, i) => i + 1);
  const silu = (x: Matrix): Matrix => ({ ...x, data: x.data.map((v) => v / (1 + Math.exp(-v))) });

  describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
    let device: Device;
    beforeAll(async () => {
      device = await acquire();
    });
    afterAll(() => device.destroy());

    it('have the values and gradients of the reference, with those of earlier tasks', async () => {
      const plan = gatePlan({ width: facts.width, threshold: 1, energyOf: 'inputs' });
      const gates = new Gates(device, plan, facts.D);
      const owned: StoredTensor[] = [];
      const stored = (name: string, shape: number[], values: ArrayLike<number>): StoredTensor => {
        const tensor = storeTensor(device, plainTensor(name, shape), 'inputs');
        device.write(tensor.storage.buffer, 0, Float32Array.from(values));
        owned.push(tensor);
        return tensor;
      };
      const weights = inputs.get('weights')?.data ?? [];
      const one = stored('one', [1], [1]);
      for (const task of tasks) {
        if (task > 1) for (const part of gates.weights) await part.freeze();
        for (const part of gates.weights) part.write(given(task, part.name));
        const { rows: B, columns: D, data } = given(task, 'prompts');
        const g = new Graph();
        const trained = new Map<Tensor, Tensor>();
        const { own, previous } = gates.scales(g, stored('prompts', [1, B, D], data), { trainables: trained });
        const loss = matmul(g, stored('weights', [1, B], weights), own, { layout: 'nn' });
        const gradients = g.backward(loss, one, sumGradients(g));
        const ofParts = [...trained.keys()].map((tensor) => gradients.get(tensor) as Tensor);
        const compiled = await compile(device, 'gates', g, [own, ...(previous ? [previous] : []), ...ofParts]);
        await device.run([compiled.program]);
        const read = async (tensor: Tensor): Promise<Float32Array> =>
          new Float32Array(await device.read(compiled.rangeOf(tensor))).subarray(0, tensor.elements);
        const all = [...(previous ? await read(previous) : []), ...(await read(own))];
        expect(relativeError(all, wanted(task, 'gates').data)).toBeLessThan(TOLERANCE.gates);
        for (const [i, part] of PARTS.entries()) {
          const error = relativeError(await read(ofParts[i]), wanted(task, `gradient.${part}`).data);
          expect(error, `${part} of task ${task}`).toBeLessThan(TOLERANCE.gradients);
        }
        compiled.destroy();
      }
      gates.destroy();
      for (const { storage } of owned) storage.buffer.destroy();
      expect(device.buffers.liveLabels).toEqual([]);
    });
  });

  it.each(['covariances', 'inputs'] as const)(
    'have the spaces and keys of the reference, by the energy of %s',
    (kind) => {
      const spaces = new Map<string, Matrix>();
      for (const task of tasks) {
        const first = transpose(given(task, 'prompts'));
        const second = silu(multiplied(given(task, 'first'), first));
        const key = silu(multiplied(given(task, 'second'), second));
        const reads = { first, second, key };
        const before = spaces.get('key');
        if (before) {
          const found = keyOf(key, before, matrix(1, facts.D));
          const same = wanted(task, `${kind}/key`).data.reduce((sum, value, i) => sum + value * found.data[i], 0);
          expect(Math.abs(same)).toBeGreaterThan(1 - TOLERANCE.spaces); // up to its sign, which a gate ignores
          expect(energy(multiplied(found, before))).toBeLessThan(1e-20);
        }
        const threshold = thresholdOf({ threshold: facts.thresholds[kind], rises: true }, task, facts.tasks);
        for (const part of PARTS) {
          const S = grownGateSpace(spaces.get(part) ?? null, reads[part], threshold, kind);
          spaces.set(part, S);
          expect(S.columns, part).toBe(facts.ranks[kind][part][task - 1]);
          const error = energy(subtract(multiplyTranspose(S, S), wanted(task, `${kind}/P.${part}`)));
          expect(Math.sqrt(error), part).toBeLessThan(TOLERANCE.spaces);
        }
      }
    },
  );

  it('stay closed if no direction is left for a key', () => {
    const { D } = facts;
    const all = matrix(
      D,
      D,
      Float64Array.from({ length: D * D }, (_, at) => (at % (D + 1) === 0 ? 1 : 0)),
    );
    const closed = keyOf(transpose(given(1, 'prompts')), all, matrix(1, D, new Float64Array(D).fill(1)));
    expect(energy(closed)).toBe(0);
  });
});

const multiplied = (a: Matrix, b: Matrix): Matrix => multiplyTranspose(a, transpose(b));
