import { describe, expect, test } from 'vitest';
import {
  activation,
  add,
  addBias,
  addInto,
  dropout,
  gatedActivation,
  isDropped,
  scale,
  scaleRows,
  sign,
} from '../../graph/ops/elementwise.ts';
import { embedding } from '../../graph/ops/embedding.ts';
import { appendToCaches, nextToken } from '../../graph/ops/generation.ts';
import { rmsNorm } from '../../graph/ops/norm.ts';
import { adam, adamInto, applyUpdate, clipFactor, squares } from '../../graph/ops/optimizer.ts';
import { relativeBias } from '../../graph/ops/position-bias.ts';
import { rotary } from '../../graph/ops/rotary.ts';
import { innerProduct, orthonormality } from '../../graph/ops/square-measures.ts';
import { fixSigns, orthonormaliseRows, rightSingularRows } from '../../graph/ops/subspace.ts';
import { F32 } from '../../testing/compare.ts';
import { GraphUnderTest, integers, noise, PACKINGS, type TestInput, weight } from '../../testing/graphs.ts';
import { checkOperations, runOperations } from '../../testing/wasm-operations.ts';
import { WASM_VARIANTS, WasmKernels } from '../../testing/wasm.ts';

const word = (...values: number[]): TestInput => ({ shape: [values.length], dtype: 'u32', values });

// Every call splits units in two ways, see WasmKernels.run; sizes are close to those of a vector and of a unit.
describe.each(WASM_VARIANTS)('%s kernels', (variant) => {
  const kernels = new WasmKernels(variant);
  const check = (t: GraphUnderTest, ...entries: string[]): void => {
    const ran = checkOperations(kernels, t, F32);
    expect(Array.from(ran)).toEqual(expect.arrayContaining(entries));
  };
  /** The values of an output, for inputs with non-finite results. */
  const valuesOf = (t: GraphUnderTest, name: string): number[] =>
    Array.from(runOperations(kernels, t).outputs.get(name) ?? []);

  describe('elementwise', () => {
    test.each(['relu', 'gelu_new', 'silu'] as const)('%s, plain and gated, and their gradients', (kind) => {
      for (const size of [0, 1, 5, 1024, 1028, 3071]) {
        const t = new GraphUnderTest({ x: weight([size]), u: weight([size]) }, (g, input) => ({
          y: add(g, activation(g, kind, input('x')), gatedActivation(g, kind, input('x'), input('u')), 1, 3),
        })).withGradients('y');
        const own = ['activation', 'gatedActivation', 'activationGradient', 'gatedActivationGradient', 'addScaled'];
        check(t, ...own);
      }
    });

    test.each(['relu', 'gelu_new', 'silu'] as const)('%s of large numbers and of NaN', (kind) => {
      const x = { shape: [6], values: [-1e30, -100, 100, 1e30, 1e4, -1e4], trainable: true };
      check(new GraphUnderTest({ x }, (g, input) => ({ y: activation(g, kind, input('x')) })).withGradients('y'));
      const bad = { shape: [5], values: [1, NaN, Infinity, 2, NaN] };
      const t = new GraphUnderTest({ bad }, (g, input) => ({ y: activation(g, kind, input('bad')) }));
      const y = valuesOf(t, 'y');
      expect(y.map(Number.isNaN)).toEqual([false, true, false, false, true]);
      expect(y[2]).toBe(Infinity);
    });

    test('NaN stays NaN whatever its lower bits', () => {
      const x = new Float32Array(Uint32Array.of(0x7fc0dead, 0xffc00155, 0x7f8000ff, 0x7fffffff).buffer);
      for (const [kind] of ['relu', 'gelu_new', 'silu'].entries()) {
        const y = new Float32Array(4);
        kernels.run({
          entry: 'activation',
          params: [{ u32: 1 }],
          constants: [kind, 4, 1024],
          tensors: [x, y],
          units: 1,
        });
        expect(y.every(Number.isNaN)).toBe(true);
      }
    });

    test('silu is exact to a few units in the last place everywhere', () => {
      const values = Float32Array.from({ length: 8001 }, (_, i) => (i - 4000) * 0.0217);
      const t = new GraphUnderTest({ x: { shape: [8001], values } }, (g, input) => ({
        y: activation(g, 'silu', input('x')),
      }));
      const y = valuesOf(t, 'y');
      const errors = y.map((v, i) => Math.abs(v / (values[i] / (1 + Math.exp(-values[i]))) - 1));
      expect(Math.max(...errors.filter((error) => !Number.isNaN(error)))).toBeLessThan(4 * 2 ** -23);
    });

    test.each([1, 1000, 1027, 5000])('dropout of %i elements removes the same ones as WGSL', (size) => {
      for (const rate of [0.1, 0.5, 0.999]) {
        const t = new GraphUnderTest({ x: weight([size]), step: word(17) }, (g, input) => ({
          y: dropout(g, input('x'), { step: input('step'), salt: 0xfedcba98, rate }),
        })).withGradients('y');
        check(t, 'dropout');
        const dropped = valuesOf(t, 'y').map((v) => v === 0);
        expect(dropped).toEqual(dropped.map((_, i) => isDropped(17, 0xfedcba98, i, rate)));
      }
    });

    test.each([
      [1, 1],
      [6, 7],
      [3, 1024],
      [130, 33],
    ])('sums, signs and scaled rows, %i × %i', (rows, columns) => {
      const x = { shape: [rows, columns], values: noise(rows * columns, 4).map((v, i) => (i % 3 === 0 ? 0 : v)) };
      const t = new GraphUnderTest({ x, z: { shape: [rows, columns] }, w: { shape: [rows] } }, (g, input) => {
        addInto(g, input('x'), input('z'), 0.25, 0.5);
        return { rows: scaleRows(g, input('x'), input('w')), sign: sign(g, input('x')), z: input('z') };
      });
      check(t, 'scaleRows', 'sign', 'addScaledInto');
    });

    test('sums and signs propagate NaN', () => {
      const t = new GraphUnderTest({ x: { shape: [3], values: [NaN, -2, 0] } }, (g, input) => ({
        sign: sign(g, input('x')),
        sum: add(g, input('x'), input('x')),
      }));
      expect(valuesOf(t, 'sign')).toEqual([NaN, -1, 0]);
      expect(valuesOf(t, 'sum')).toEqual([NaN, -4, 0]);
    });
  });

  test.each([
    [1, 1],
    [7, 5],
    [0, 3],
    [33, 130],
  ])('bias and factor: %i rows of %i', (rows, columns) => {
    const t = new GraphUnderTest({ x: weight([rows, columns]), b: weight([columns]) }, (g, input) => ({
      y: scale(g, addBias(g, input('x'), input('b')), 1.5),
    })).withGradients('y');
    check(t, 'addToRows', 'scaled', 'sumOfParts');
  });

  describe('rms norm', () => {
    test.each([
      [1, 1],
      [17, 7],
      [16, 32],
      [3, 1037],
      [33, 128],
    ])('%i rows of %i', (rows, columns) => {
      const x = weight([rows, 3 * columns]);
      const heads = new GraphUnderTest({ x, w: weight([columns]), d: x }, (g, input) => ({
        y: rmsNorm(g, input('x'), input('w'), 1e-6, { offset: 1, addend: input('d') }),
      })).withGradients('y');
      if (columns > 1) check(heads, 'rmsNorm', 'rmsNormGradient', 'rmsNormWeightGradient');
      // With one column the gradient is only rounding error.
      for (const isResidual of columns === 1 ? [true] : [true, false]) {
        const t = new GraphUnderTest({ x: weight([rows, columns]), w: weight([columns]) }, (g, input) => {
          const y = rmsNorm(g, input('x'), input('w'), 1e-6);
          return { y: isResidual ? add(g, y, input('x')) : y };
        }).withGradients('y');
        check(t, 'rmsNorm', 'rmsNormGradient', 'rmsNormWeightGradient');
      }
    });

    test('no rows, a row of zeros, and a row with NaN', () => {
      const build = (rows: number, values?: number[]): GraphUnderTest =>
        new GraphUnderTest(
          { x: { shape: [rows, 4], trainable: true, ...(values && { values }) }, w: weight([4]) },
          (g, input) => ({ y: rmsNorm(g, input('x'), input('w'), 1e-6) }),
        ).withGradients('y');
      check(build(0));
      check(build(2, [0, 0, 0, 0, 1, 2, 3, 4]));
      const bad = valuesOf(build(2, [1, 2, 3, 4, 1, NaN, 3, 4]), 'y').map(Number.isNaN);
      expect(bad).toEqual([false, false, false, false, true, true, true, true]);
    });
  });

  test.each([
    [1, 1, 2],
    [5, 3, 6],
    [24, 2, 8],
    [33, 2, 32],
  ])('rotary embedding: %i tokens, %i heads of %i', (N, H, d) => {
    const reach = N + 2;
    const inputs = {
      x: weight([1, N, H * d]),
      k: weight([1, N, H * d]),
      table: { shape: [reach, d] },
      positions: { shape: [N], dtype: 'i32' as const, values: Array.from({ length: N }, (_, i) => ((i * 7) % N) - 4) },
      offset: word(3),
    };
    const t = new GraphUnderTest(inputs, (g, input) => {
      const lookup = { table: input('table'), positions: input('positions'), offset: input('offset') };
      const [q, k] = rotary(g, [input('x'), input('k')], lookup);
      return { y: add(g, q, k), z: rotary(g, [input('x')], lookup)[0] };
    }).withGradients('y');
    check(t, 'rotary');
  });

  test.each([1, 7, 67])('position bias of %i distances', (distances) => {
    const inputs = { table: { shape: [6, 3] }, buckets: word(...integers(distances, 6)) };
    const t = new GraphUnderTest(inputs, (g, input) => ({
      bias: relativeBias(g, input('table'), input('buckets')),
    }));
    check(t, 'relativeBias');
  });

  describe('embedding', () => {
    const ids = { shape: [3, 5], dtype: 'u32' as const, values: integers(15, 7) };

    test.each([1, 11, 12, 130])('of %i columns', (columns) => {
      const t = new GraphUnderTest({ table: weight([7, columns]), ids }, (g, input) => ({
        y: embedding(g, input('table'), input('ids')),
      })).withGradients('y');
      check(t, 'embedding', 'embeddingGradient');
    });

    test.each(PACKINGS)('from a frozen %s table, whole and in parts', (packing) => {
      for (const columns of [1, 11, 64]) {
        for (const rowsPerPart of [7, 3]) {
          const t = new GraphUnderTest({ table: { shape: [7, columns], packing, rowsPerPart }, ids }, (g, input) => ({
            y: embedding(g, input('table'), input('ids')),
          }));
          check(t, 'embedding');
        }
      }
    });
  });

  test.each([
    [1, 1, 1],
    [3, 7, 5],
  ])('generation: %i rows, %i places, %i columns', (B, capacity, columns) => {
    const zeros = (...shape: number[]): TestInput => ({
      shape,
      dtype: 'u32',
      values: new Array<number>(shape.reduce((a, b) => a * b)).fill(0),
    });
    const place = capacity > 1 ? 2 : 0;
    const inputs = {
      k: { shape: [B, 1, columns] },
      v: { shape: [B, 1, columns] },
      keys: { shape: [B, capacity, columns] },
      values: { shape: [B, capacity, columns] },
      position: word(place),
      places: word(...Array.from({ length: B }, (_, b) => (B - 1 - b) * capacity)),
      best: word(...Array.from({ length: B }, (_, b) => 5 + b)),
      current: zeros(B),
      done: word(...Array.from({ length: B }, (_, b) => (b === 1 ? 1 : 0))),
      tokens: zeros(B, capacity + 1),
      remaining: zeros(1),
    };
    const names = ['position', 'current', 'done', 'tokens', 'remaining'] as const;
    for (const ends of [[], [7], [1, 2, 5]]) {
      const t = new GraphUnderTest(inputs, (g, input) => {
        const [position, current, done, tokens, remaining] = names.map(input);
        const places = input('places');
        appendToCaches(
          g,
          { k: input('k'), v: input('v') },
          { places, position },
          { k: input('keys'), v: input('values') },
        );
        nextToken(g, input('best'), { position, current, done, tokens, remaining }, ends, 99);
        const written = [...names, 'keys', 'values'];
        return Object.fromEntries(written.map((name) => [name, input(name)]));
      });
      expect(checkOperations(kernels, t, 1e-7)).toEqual(new Set(['appendToCaches', 'nextToken']));
    }
  });

  test.each([0, 1, 63, 1025, 4097, 30_011])('inner product of %i elements', (size) => {
    const t = new GraphUnderTest({ a: { shape: [size] }, b: { shape: [size] }, into: { shape: [3] } }, (g, input) => {
      innerProduct(g, input('a'), input('a'), input('into'), 2);
      innerProduct(g, input('a'), input('b'), input('into'), 0);
      return { into: input('into') };
    });
    check(t, 'innerProductParts', 'innerProductTotal');
  });

  describe('optimizer', () => {
    test.each([
      [1, 1, 1],
      [3, 5, 8],
      [2, 1023, 1025],
      [1, 4100, 4100],
    ])('a stack of %i tensors of %i, %i apart', (count, size, stride) => {
      const shape = [count * stride];
      const stack = { count, size, stride };
      const positive = { shape, values: noise(count * stride, 9).map(Math.abs) };
      const inputs = {
        x: { shape },
        weights: { shape },
        m: { shape },
        v: positive,
        m2: { shape },
        v2: positive,
        w2: { shape },
        squares: { shape: [count + 2], values: new Float64Array(count + 2) },
        clip: { shape: [2] },
        rates: { shape: [3], values: [1, 0.01, 2] },
      };
      const t = new GraphUnderTest(inputs, (g, input) => {
        squares(g, input('x'), stack, input('squares'));
        clipFactor(g, input('squares'), 0.5, input('clip'));
        const state = (m: string, v: string) => ({
          m: input(m),
          v: input(v),
          clip: input('clip'),
          rates: input('rates'),
          index: 1,
        });
        const update = adam(g, input('x'), stack, state('m', 'v'));
        adamInto(g, input('x'), stack, state('m2', 'v2'), input('w2'), 0.3);
        applyUpdate(g, update, stack, input('weights'), 3);
        const written = ['m', 'v', 'm2', 'v2', 'w2', 'weights', 'squares', 'clip'];
        return { update, ...Object.fromEntries(written.map((name) => [name, input(name)])) };
      });
      check(t, 'innerProducts', 'clipFactor', 'adam', 'adamInto', 'applyUpdate');
    });

    test('NaN in a gradient shows in the factor', () => {
      const inputs = { squares: { shape: [3], values: [1, NaN, 2] }, clip: { shape: [2] } };
      const t = new GraphUnderTest(inputs, (g, input) => {
        clipFactor(g, input('squares'), 1, input('clip'));
        return { clip: input('clip') };
      });
      expect(valuesOf(t, 'clip')).toEqual([NaN, NaN]);
    });
  });

  describe('subspace', () => {
    /** Largest distance of Y Yᵀ from the identity. */
    const error = (y: readonly number[], rows: number, columns: number): number => {
      let worst = 0;
      for (let a = 0; a < rows; a++)
        for (let b = 0; b < rows; b++) {
          let dot = a === b ? -1 : 0;
          for (let c = 0; c < columns; c++) dot += y[a * columns + c] * y[b * columns + c];
          worst = Math.max(worst, Math.abs(dot));
        }
      return worst;
    };

    test.each([
      [1, 1],
      [1, 7],
      [7, 7],
      [5, 9],
      [17, 128],
      [40, 1025],
    ])('%i orthonormal rows of %i', (rows, columns) => {
      const t = new GraphUnderTest({ x: { shape: [rows, columns] } }, (g, input) => ({
        y: orthonormaliseRows(g, input('x')),
      }));
      // A square matrix leaves little for its last rows, so rounding shows in them.
      checkOperations(kernels, t, rows === columns ? 1e-3 : F32);
      expect(error(valuesOf(t, 'y'), rows, columns)).toBeLessThan(2e-6);
    });

    test.each([
      ['zero', () => 0],
      ['zero and repeated rows', (v: number, i: number) => [v, 0, Math.sin(i % 50)][Math.floor(i / 50) % 3]],
      ['nearly parallel rows', (v: number, i: number) => Math.sin(i % 50) + 1e-4 * v],
      ['a steep spectrum', (v: number, i: number) => v * 10 ** (-1.5 * Math.floor(i / 50))],
      ['tiny numbers', (v: number) => v * 1e-40],
      ['huge numbers', (v: number) => v * 1e37],
    ] as const)('rows are orthonormal despite %s', (_, change) => {
      const values = noise(8 * 50, 5).map(change);
      const t = new GraphUnderTest({ x: { shape: [8, 50], values } }, (g, input) => ({
        y: orthonormaliseRows(g, input('x')),
      }));
      expect(error(valuesOf(t, 'y'), 8, 50)).toBeLessThan(5e-6);
    });

    test.each([1, 2, 3, 8, 13, 16, 40])('right singular rows of size %i', (size) => {
      const t = new GraphUnderTest({ x: { shape: [size, size] }, into: { shape: [size, size] } }, (g, input) => {
        fixSigns(g, rightSingularRows(g, input('x')), input('into'));
        return { rows: input('into') };
      });
      // Vectors of close singular values are accurate to few digits.
      const entries = checkOperations(kernels, t, 5e-3);
      expect(entries).toEqual(new Set(['rightSingularRows', 'fixSigns']));
    });

    test.each([
      ['of rank 2', (i: number) => Math.sin(Math.floor(i / 9)) + Math.cos(i % 9)],
      ['zero', () => 0],
      ['tiny', (i: number) => 1e-30 * Math.sin(i * i)],
      ['steep', (i: number) => Math.sin(i * i) * 10 ** -(i % 9)],
    ] as const)('right singular rows of a matrix are orthonormal if it is %s', (_, at) => {
      const values = Float64Array.from({ length: 81 }, (__, i) => at(i));
      const t = new GraphUnderTest({ x: { shape: [9, 9], values } }, (g, input) => ({
        y: rightSingularRows(g, input('x')),
      }));
      expect(error(valuesOf(t, 'y'), 9, 9)).toBeLessThan(5e-6);
    });

    test('signs: the first of equal magnitudes decides, and NaN stays', () => {
      const values = [1, -2, 2, 0.5, -1, /**/ 2, 1, -2, 0, 1, /**/ 0, 0, 0, 0, 0, /**/ NaN, 1, -3, 2, NaN];
      const inputs = { x: { shape: [4, 5], values }, into: { shape: [4, 5] } };
      const t = new GraphUnderTest(inputs, (g, input) => {
        fixSigns(g, input('x'), input('into'));
        return { into: input('into') };
      });
      const expected = [-1, 2, -2, -0.5, 1, /**/ 2, 1, -2, 0, 1, /**/ 0, 0, 0, 0, 0, /**/ NaN, -1, 3, -2, NaN];
      expect(valuesOf(t, 'into')).toEqual(expected);
    });

    test.each([
      [1, 1],
      [3, 9],
      [5, 13],
    ])('orthonormality of %i matrices with %i columns', (n, k) => {
      for (const isBad of [false, true]) {
        const values = noise(n * 16 * k, 7).map((v, i) => (i % k === k - 1 ? 0 : isBad && i === 0 ? NaN : v));
        const inputs = { S: { shape: [n, 16, k], values }, error: { shape: [n] } };
        const t = new GraphUnderTest(inputs, (g, input) => {
          orthonormality(g, input('S'), input('error'));
          return { error: input('error') };
        });
        check(t, 'orthonormality');
      }
    });
  });
});
