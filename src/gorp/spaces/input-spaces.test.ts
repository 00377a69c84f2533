import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countingDevice } from '../../device/counting-device.ts';
import type { Device } from '../../device/device.ts';
import { plainTensor, type StoredTensor, storeTensor } from '../../graph/tensor.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { growSpaceFromCovariance } from '../../testing/input-space.ts';
import { randomOrthonormal } from '../../testing/matrices.ts';
import { growSoftSpace } from '../../testing/soft-space.ts';
import type { CovarianceSum } from '../part/part.ts';
import { principalAngles } from './directions.ts';
import type { LearnedInput } from './growth-form.ts';
import { InputSpaces } from './input-spaces.ts';
import { grownAtOnce } from './space-workbench.ts';
import {
  columnSlice,
  energy,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  subtract,
  transpose,
  transposeMultiply,
} from '../../linear-algebra/matrix.ts';
import type { HardInputSpacePlan, InputSpacePlan, SoftInputSpacePlan } from '../part/method-plan.ts';
import type { SpaceGrowth } from './space.ts';
import { symmetricEigen } from '../../linear-algebra/symmetric-eigen.ts';

const SOFT: SoftInputSpacePlan = {
  part: 'input-space',
  needs: {},
  form: 'soft',
  softness: 0.0625,
  energies: 'sum',
  project: 'update',
  taskRates: 'compensated',
  protects: 'earlier',
};
const HARD: HardInputSpacePlan = {
  part: 'input-space',
  needs: {},
  form: 'hard',
  threshold: 0.9,
  rises: false,
  energyOf: 'inputs',
  project: 'update',
  taskRates: 'constant',
  protects: 'earlier',
};

/** The covariance of a task: energies that fall like 1 / i^power, along directions of its own; `zeros` have none. */
function covarianceOf(n: number, task: number, { power = 1.5, zeros = 0 } = {}): Matrix {
  const U = randomOrthonormal(n, n, 10 * n + task);
  const scaled = matrix(
    n,
    n,
    U.data.map((value, at) => (at % n < n - zeros ? value * (1 + (at % n)) ** (-power / 2) : 0)),
  );
  return multiplyTranspose(scaled, scaled);
}

/** C^½, to weigh differences by what inputs can reach. */
function rootOf(C: Matrix): Matrix {
  const { values, vectors } = symmetricEigen(C);
  const scaled = vectors.data.map((value, at) => value * Math.max(0, values[at % C.columns]) ** 0.25);
  const half = matrix(C.rows, C.columns, scaled);
  return multiplyTranspose(half, half);
}

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ name, acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  const upload = (name: string, C: Matrix): CovarianceSum => {
    const tensor: StoredTensor = storeTensor(device, plainTensor(name, [C.rows, C.rows]), 'spaces');
    device.write(tensor.storage.buffer, 0, Float32Array.from(C.data));
    return { tensor, names: [name] };
  };
  const drop = ({ tensor }: CovarianceSum): void => tensor.storage.buffer.destroy();

  function spacesOf(plan: InputSpacePlan, n: number): InputSpaces {
    const spaces = new InputSpaces(device, plan);
    spaces.define(
      [
        { name: 'first', names: ['first', 'shares it'], width: n },
        { name: 'second', names: ['second'], width: n },
      ],
      [],
    );
    return spaces;
  }

  /** Lets both inputs learn tasks, the second what the first does in reverse, and compares P with the exact form. */
  async function check(
    plan: InputSpacePlan,
    n: number,
    exact: (space: Matrix | null, C: Matrix, task: number) => SpaceGrowth,
    compare: (found: { P: Matrix; growth: LearnedInput }, wanted: SpaceGrowth, C: Matrix) => void,
    zeros = 0,
  ): Promise<void> {
    const spaces = spacesOf(plan, n);
    const held = new Map<string, Matrix | null>([
      ['first', null],
      ['second', null],
    ]);
    for (const task of [1, 2, 3]) {
      const tasks = [
        ['first', covarianceOf(n, task, { zeros })],
        ['second', covarianceOf(n, 4 - task, { zeros })],
      ] as const;
      const sums = tasks.map(([name, C]) => upload(name, C));
      const grown = await spaces.grow(sums, { task, tasks: 3 }, () => Promise.resolve());
      sums.forEach(drop);
      for (const [name, C] of tasks) {
        const wanted = exact(held.get(name) ?? null, C, task);
        held.set(name, wanted.space);
        const growth = grown.get(name);
        const P = await spaces.read(name);
        if (!growth || !P) throw new Error(`there is no space of ${name}`);
        compare({ P, growth }, wanted, C);
      }
    }
    expect(await spaces.read('shares it')).toEqual(await spaces.read('first'));
    // What is saved makes the same space again, bit for bit.
    const resumed = spacesOf(plan, n);
    for (const [name, state] of spaces.states) resumed.states.set(name, state);
    await resumed.rebuild();
    for (const name of ['first', 'second']) expect(await resumed.read(name)).toEqual(await spaces.read(name));
    spaces.destroy();
    resumed.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  }

  const projector = ({ space }: SpaceGrowth): Matrix => {
    const inside = multiplyTranspose(space, space);
    return matrix(
      space.rows,
      space.rows,
      inside.data.map((value, at) => (at % (space.rows + 1) === 0 ? 1 : 0) - value),
    );
  };

  /** 1 − uᵀ P u for each main direction u; f32 on the device. */
  function expectSuppressed({ directions, suppressed }: LearnedInput, P: Matrix): void {
    const left = transposeMultiply(directions, multiply(P, directions));
    expect(suppressed).toHaveLength(directions.columns);
    suppressed.forEach((share, i) => expect(share).toBeCloseTo(1 - left.data[i * (directions.columns + 1)], 4));
  }

  /** ‖(P̃ − P) C^½‖ / ‖P C^½‖. */
  const error = (found: Matrix, wanted: Matrix, C: Matrix): number => {
    const root = rootOf(C);
    const all = Math.max(energy(multiply(wanted, root)), 1e-6 * energy(root));
    return all > 0 ? Math.sqrt(energy(multiply(subtract(found, wanted), root)) / all) : 0;
  };

  // One row, a block of the inverse and one row more or less, and a prime. Cards differ in their products only.
  const isCard = name.includes('card');
  const widths = isCard ? [67] : [1, 31, 32, 33, 67];
  test.each(widths)('soft, %i wide: as the exact form', async (n) => {
    for (const energies of n === 33 ? (['sum', 'mean'] as const) : (['sum'] as const)) {
      const plan = { ...SOFT, energies };
      const exact = (space: Matrix | null, C: Matrix, task: number): SpaceGrowth => growSoftSpace(space, C, plan, task);
      await check(plan, n, exact, ({ P, growth }, wanted, C) => {
        expect(error(P, projector(wanted), C)).toBeLessThan(0.01);
        expect(growth.heldBefore).toBeCloseTo(wanted.heldBefore, 2);
        expect(growth.threshold).toBeCloseTo(wanted.threshold, 2);
        expect(growth.spectrum[0]).toBeCloseTo(wanted.spectrum[0], 2);
        expect(growth.orthonormality).toBeLessThan(1e-4);
        expectSuppressed(growth, P);
        // Counted by weights, not those of one half or more.
        const weights = wanted.space.data.reduce((sum, value) => sum + value * value, 0);
        expect(Math.abs(growth.total - weights)).toBeLessThan(0.6);
      });
    }
  });

  test.each(widths)('hard, %i wide: the same directions as the exact form', async (n) => {
    await check(
      HARD,
      n,
      (space, C) => growSpaceFromCovariance(space, C, HARD.threshold),
      ({ P, growth }, wanted, C) => {
        expect([growth.added, growth.total]).toEqual([wanted.added, wanted.total]);
        expect(growth.heldBefore).toBeCloseTo(wanted.heldBefore, 4);
        expect(error(P, projector(wanted), C)).toBeLessThan(0.02);
        expect(growth.orthonormality).toBeLessThan(0.05);
        expectSuppressed(growth, P);
      },
    );
  });

  if (isCard) return;

  test('what is protected grows like a task, and is none that others are compared with', async () => {
    for (const plan of [SOFT, { ...SOFT, energies: 'mean' as const }, HARD]) {
      const [learned, guarded] = [spacesOf(plan, 33), spacesOf(plan, 33)];
      const nothing = (): Promise<void> => Promise.resolve();
      for (const task of [1, 2]) {
        const sums = ['first', 'second'].map((name, i) => upload(name, covarianceOf(33, task + 2 * i)));
        await learned.grow(sums, { task, tasks: 2 }, nothing);
        await (task === 1
          ? guarded.protect({ sums, onPart: nothing })
          : guarded.grow(sums, { task, tasks: 2 }, nothing));
        sums.forEach(drop);
      }
      for (const name of ['first', 'second']) {
        expect(await guarded.read(name)).toEqual(await learned.read(name));
        expect(guarded.directions.get(name)).toEqual(learned.directions.get(name)?.slice(1));
      }
      for (const spaces of [learned, guarded]) spaces.destroy();
    }
    expect(device.buffers.liveLabels).toEqual([]);
  });

  test('inputs that never occur stay outside both forms', async () => {
    for (const plan of [SOFT, { ...HARD, threshold: 1 }]) {
      const spaces = spacesOf(plan, 40);
      const C = covarianceOf(40, 1, { zeros: 15 });
      const sums = ['first', 'second'].map((name) => upload(name, C));
      const grown = await spaces.grow(sums, { task: 1, tasks: 1 }, () => Promise.resolve());
      if (plan.form === 'hard') expect(grown.get('first')?.total).toBe(25);
      const { vectors } = symmetricEigen(C);
      const never = columnSlice(vectors, 25, 40);
      const P = (await spaces.read('first')) as Matrix;
      expect(energy(subtract(multiply(P, never), never))).toBeLessThan(1e-3);
      sums.forEach(drop);
      spaces.destroy();
    }
  });

  test('a task without energy changes nothing', async () => {
    for (const plan of [SOFT, HARD]) {
      const spaces = spacesOf(plan, 33);
      const grow = async (C: Matrix, task: number) => {
        const sums = ['first', 'second'].map((name) => upload(name, C));
        const grown = await spaces.grow(sums, { task, tasks: 2 }, () => Promise.resolve());
        sums.forEach(drop);
        return grown.get('first');
      };
      const first = await grow(covarianceOf(33, 1), 1);
      const before = (await spaces.read('first')) as Matrix;
      const second = await grow(matrix(33, 33), 2);
      expect(second).toMatchObject({ added: 0, total: first?.total, heldBefore: 0 });
      expect(energy(subtract((await spaces.read('first')) as Matrix, before))).toBeLessThan(1e-8);
      spaces.destroy();
    }
  });

  test('main directions and angles are those of the covariance', async () => {
    const spaces = spacesOf(SOFT, 67);
    const C = covarianceOf(67, 1, { power: 3 });
    const sums = ['first', 'second'].map((name) => upload(name, C));
    const { vectors } = symmetricEigen(C);
    for (const task of [1, 2]) {
      const grown = await spaces.grow(sums, { task, tasks: 2 }, () => Promise.resolve());
      const directions = grown.get('first')?.directions as Matrix;
      expect(directions.columns).toBeGreaterThan(2);
      for (const cosine of principalAngles(columnSlice(vectors, 0, directions.columns), directions)) {
        expect(cosine).toBeGreaterThan(0.99);
      }
    }
    expect(energy(transpose(spaces.directions.get('first')?.[1] as Matrix))).toBeGreaterThan(0);
    sums.forEach(drop);
    spaces.destroy();
  });

  test('inputs that are not finite are refused with the name of their layer, and what was saved stays', async () => {
    const spaces = spacesOf(SOFT, 33);
    const sums = ['first', 'second'].map((name) => upload(name, covarianceOf(33, 1)));
    await spaces.grow(sums, { task: 1, tasks: 2 }, () => Promise.resolve());
    const saved = spaces.states.get('second');
    device.write(sums[1].tensor.storage.buffer, 40, Float32Array.of(NaN));
    await expect(spaces.grow(sums, { task: 2, tasks: 2 }, () => Promise.resolve())).rejects.toMatchObject({
      code: 'run/not-finite',
      message: expect.stringContaining('second') as string,
    });
    expect(spaces.states.get('second')).toBe(saved);
    sums.forEach(drop);
    spaces.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });

  test('more inputs than grow at once grow as each would alone', async () => {
    const n = 5;
    const atOnce = grownAtOnce(n);
    const names = Array.from({ length: atOnce + 3 }, (_, i) => `input ${i}`);
    const spacesFor = (some: readonly string[]): InputSpaces => {
      const spaces = new InputSpaces(device, SOFT);
      spaces.define(
        some.map((name) => ({ name, names: [name], width: n })),
        [],
      );
      return spaces;
    };
    const all = spacesFor(names);
    // The first and last of each group.
    const alone = [0, atOnce - 1, atOnce, atOnce + 2].map((i) => ({
      i,
      name: names[i],
      spaces: spacesFor([names[i]]),
    }));
    for (const task of [1, 2]) {
      const sums = names.map((name, i) => upload(name, covarianceOf(n, task + 2 * i)));
      const place = { task, tasks: 2 };
      const parts: number[] = [];
      const together = await all.grow(sums, place, (done) => Promise.resolve(void parts.push(done)));
      expect(new Set(parts)).toEqual(new Set([0, atOnce]));
      for (const { i, name, spaces } of alone) {
        const one = await spaces.grow([sums[i]], place, () => Promise.resolve());
        expect(together.get(name)).toEqual(one.get(name));
        expect(await all.read(name)).toEqual(await spaces.read(name));
      }
      sums.forEach(drop);
    }
    for (const spaces of [all, ...alone.map((one) => one.spaces)]) spaces.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });

  test('work ends where it is stopped', async () => {
    const spaces = spacesOf(SOFT, 67);
    const sums = ['first', 'second'].map((name) => upload(name, covarianceOf(67, 1)));
    let reported = 0;
    const stopped = spaces.grow(sums, { task: 1, tasks: 1 }, (done) => {
      expect(done).toBeLessThanOrEqual(2);
      reported++;
      return reported === 4 ? Promise.reject(new Error('stopped')) : Promise.resolve();
    });
    await expect(stopped).rejects.toThrow('stopped');
    expect(reported).toBe(4);
    sums.forEach(drop);
    spaces.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});

test('as many spaces share a buffer as the device allows', () => {
  const bytes = 4 * 67 * 67;
  const device = countingDevice({ kind: 'webgpu', limits: { buffer: 3 * bytes, total: null } });
  const spaces = new InputSpaces(device, SOFT);
  spaces.define(
    ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, names: [name], width: 67 })),
    [],
  );
  spaces.allocate(true);
  expect(device.buffers.live).toHaveLength(3);
  for (const buffer of device.buffers.live) expect(buffer.bytes).toBeLessThanOrEqual(3 * bytes);
  expect(spaces.viewOf('e')?.shape).toEqual([67, 67]);
  spaces.allocate(false);
  expect(device.buffers.live).toHaveLength(0);
});

test('wide spaces grow one by one, narrow ones in numbers that fill a device', () => {
  expect([1, 512, 576, 1024, 1449, 4096].map(grownAtOnce)).toEqual([16, 16, 12, 4, 1, 1]);
});
