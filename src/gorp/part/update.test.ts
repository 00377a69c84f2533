import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph, type Numbers } from '../../graph/graph.ts';
import { adam, adamStepSize } from '../../graph/ops/optimizer.ts';
import { runOnCpu } from '../../graph/on-device.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { type Matrix, matrix, subtract, transpose } from '../../linear-algebra/matrix.ts';
import {
  type Basis,
  recordCompression,
  recordExpansion,
  releasedBasis,
  releasedShape,
  releasedSide,
} from '../../testing/as-released.ts';
import { relativeError } from '../../testing/compare.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { goldenReal } from '../../testing/golden.ts';
import { goldenMatrix } from '../../testing/matrices.ts';
import { referencesWith } from '../../testing/reference.ts';
import type { UpdateCase, UpdateCases } from '../../testing/reference-optimizer.ts';
import { Stack } from './stack.ts';
import { slice } from './trainable-group.ts';
import { BasisSpace, gradientOutside, recordStep } from './update.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** Tolerances of the reference data: relative Frobenius errors of float32 and of the GPU. */
interface Tolerance {
  weight: number;
  change: number;
  m: number;
  v: number;
}
function toleranceOf({ group, proj_type }: UpdateCase, place: Place): Tolerance {
  const onDevice = place === 'device';
  const change = group !== 'galore' ? 1e-4 : proj_type === 'full' ? 2e-2 : onDevice ? 2e-3 : 5e-4;
  return { weight: 1e-5, change, m: onDevice ? 2e-4 : 5e-5, v: onDevice ? 4e-4 : 1e-4 };
}

// Each case is trained with its mirror image, start and gradients negated, to show that the matrices of a stack do not
// mix.
const NAMES = ['case', 'mirror'];
const mirrored = (m: Matrix): Matrix => ({ ...m, data: m.data.map((value) => -value) });

type Place = 'reference' | 'device';

/** The update of a stack as a graph with its persistent tensors, on both the CPU and the GPU. */
class UpdateUnderTest {
  readonly #graph = new Graph();
  readonly #stacks = new Map<string, Stack>();
  readonly #values = new Map<Tensor, Numbers>();
  readonly #clip = this.#stack('clip', 1, 2);
  readonly #rates = this.#stack('rates', 1, 1);
  #compiled: Compiled | undefined;

  constructor(one: UpdateCase, space: Matrix | null) {
    const [rows, columns] = one.shape;
    const { rank = 0, proj_type = 'std', scale = 0 } = one;
    const low = one.group === 'galore' ? releasedShape(rows, columns, rank, proj_type) : one.shape;
    const weights = this.#stack('weights', rows, columns);
    const gradient = this.#stack('gradient', rows, columns);
    const [m, v] = [this.#stack('m', ...low), this.#stack('v', ...low)];
    // Norm, clip factor and step size are the same for the whole stack: use those of the first matrix.
    const firstOf = (stack: Stack): Tensor => {
      const tensor = slice(stack.label, stack.range(NAMES[0]), 0, stack.shape.size);
      this.#values.set(tensor, this.#valuesOf(stack));
      return tensor;
    };
    const state = { m: m.tensor, v: v.tensor, clip: firstOf(this.#clip), rates: firstOf(this.#rates), index: 0 };
    // The released code applies S on the left of what Adam sees.
    const S = space && new BasisSpace(this.#stack('space', space.rows, space.columns).tensor, 'rows');
    const excluded = S && { space: S, project: 'gradient' as const };
    if (one.group === 'galore') {
      const side = releasedSide(proj_type, rows, columns);
      const basis = {
        U: side === 'right' ? undefined : this.#stack('U', rows, rank).tensor,
        Vt: side === 'left' ? undefined : this.#stack('Vt', rank, columns).tensor,
      };
      const R = recordCompression(this.#graph, gradient.tensor, basis, m.shape);
      const outside = excluded ? gradientOutside(this.#graph, R, m.shape, excluded) : R;
      recordExpansion(this.#graph, adam(this.#graph, outside, m.shape, state), basis, weights.tensor, scale);
    } else {
      const step = { gradient: gradient.tensor, into: weights.tensor, shape: weights.shape };
      recordStep(this.#graph, step, state, excluded ?? undefined);
    }
    if (space) this.write('space', [space, space]);
    const unclipped = matrix(1, 2, [0, 1]);
    this.write('clip', [unclipped, unclipped]);
  }

  #stack(name: string, rows: number, columns: number): Stack {
    const stack = new Stack(device, 'trained', name, NAMES, rows, columns);
    this.#stacks.set(name, stack);
    this.#values.set(stack.tensor, new Float64Array(stack.tensor.elements));
    return stack;
  }

  #named(name: string): Stack {
    const stack = this.#stacks.get(name);
    if (!stack) throw new Error(`The update has no ${name}.`);
    return stack;
  }

  #valuesOf(stack: Stack): Numbers {
    return this.#values.get(stack.tensor) ?? new Float64Array(0);
  }

  write(name: string, matrices: readonly Matrix[]): void {
    const stack = this.#named(name);
    matrices.forEach((m, i) => {
      stack.write(NAMES[i], m);
      this.#valuesOf(stack).set(m.data, i * stack.shape.stride);
    });
  }

  writeBases(bases: readonly Basis[]): void {
    const present = (side: (basis: Basis) => Matrix | null): Matrix[] => bases.map(side).filter((m) => m !== null);
    if (bases[0].left)
      this.write(
        'U',
        present(({ left }) => left),
      );
    if (bases[0].right)
      this.write(
        'Vt',
        present(({ right }) => right && transpose(right)),
      );
  }

  /** One step on both. */
  async step(learningRate: number, step: number): Promise<void> {
    const rate = matrix(1, 1, [adamStepSize(learningRate, step)]);
    this.write('rates', [rate, rate]);
    runOnCpu(this.#graph, this.#values);
    this.#compiled ??= await compile(device, 'update', this.#graph, []);
    await device.run([this.#compiled.program]);
  }

  async read(name: string): Promise<Record<Place, Matrix[]>> {
    const stack = this.#named(name);
    const onDevice = await stack.read();
    const { size, stride } = stack.shape;
    const reference = NAMES.map((_, i) =>
      matrix(stack.rows, stack.columns, this.#valuesOf(stack).subarray(i * stride, i * stride + size)),
    );
    return { reference, device: NAMES.map((which) => onDevice.get(which) ?? matrix(0, 0)) };
  }

  destroy(): void {
    this.#compiled?.destroy();
    for (const stack of this.#stacks.values()) stack.destroy();
  }
}

// docs/method.md, section 3, has no weight decay, so these graphs have none; reference-optimizer.golden.test.ts covers
// that case.
const TRAJECTORIES = referencesWith('golden/optimizer');
describe.each(TRAJECTORIES)(
  'updates match the trajectories of $name without weight decay, on the CPU and the GPU',
  (reference) => {
    const given = reference.json<UpdateCases>('golden/optimizer/cases.json');
    const gradients = reference.tensors('golden/optimizer/gradients.safetensors');
    const expected = reference.tensors('golden/optimizer/trajectories.safetensors');
    const decays = ({ weight_decay = given.defaults.weight_decay }: UpdateCase): boolean => weight_decay !== 0;

    test.each(given.cases.filter((one) => !decays(one)))('$id', async (one) => {
      const { steps, snapshots_after_step, refresh_at_step_index } = given;
      const [rows, columns] = one.shape;
      const g = goldenReal(gradients, `${rows}x${columns}.g`);
      const start = goldenMatrix(gradients, `${rows}x${columns}.w0`);
      const update = new UpdateUnderTest(one, one.has_S ? goldenMatrix(expected, `${one.id}/S`) : null);
      const run = `${one.id}/${one.group === 'galore' ? 'signfix' : 'official'}`;
      const compare = async (name: string, wanted: string, tolerance: (t: Tolerance) => number): Promise<void> => {
        for (const [place, [found]] of placesOf(await update.read(name))) {
          const error = relativeError(found.data, goldenMatrix(expected, `${run}/${wanted}`).data);
          expect(error, `${wanted}, ${place}`).toBeLessThan(tolerance(toleranceOf(one, place)));
        }
      };

      update.write('weights', [start, mirrored(start)]);
      for (let step = 0; step < steps; step++) {
        const G = matrix(rows, columns, g.data.subarray(step * rows * columns, (step + 1) * rows * columns));
        const both = [G, mirrored(G)];
        update.write('gradient', both);
        if (one.group === 'galore' && refresh_at_step_index.includes(step)) {
          update.writeBases(both.map((each) => releasedBasis(each, one.rank ?? 0, one.proj_type ?? 'std')));
        }
        await update.step(one.lr, step + 1);
        if (!snapshots_after_step.includes(step + 1)) continue;
        await compare('weights', `w.${step + 1}`, ({ weight }) => weight);
        const wanted = subtract(goldenMatrix(expected, `${run}/w.${step + 1}`), start).data;
        for (const [place, [found, mirror]] of placesOf(await update.read('weights'))) {
          const { change } = toleranceOf(one, place);
          const label = `change after step ${step + 1}, ${place}`;
          expect(relativeError(subtract(found, start).data, wanted), label).toBeLessThan(change);
          expect(
            relativeError(
              subtract(start, mirrored(mirror)).data,
              wanted.map((x) => -x),
            ),
            label,
          ).toBeLessThan(change);
        }
      }
      await compare('m', 'exp_avg', ({ m }) => m);
      await compare('v', 'exp_avg_sq', ({ v }) => v);
      update.destroy();
      expect(device.buffers.liveLabels).toEqual([]);
    });
  },
);

const placesOf = (read: Record<Place, Matrix[]>): [Place, Matrix[]][] => [
  ['reference', read.reference],
  ['device', read.device],
];
