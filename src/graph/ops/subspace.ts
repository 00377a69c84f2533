import template from '../../../shaders/subspace.wgsl?raw';
import { f32, flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph, TensorCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { hash } from './elementwise.ts';

/** A row with less than this share of its length outside the rows before it is noise in f32. */
const NOISE = 1e-5;
/** Jacobi sweeps: convergence is quadratic, and reaches f32 precision in six to eight for any size here. */
const SWEEPS = 10;

const ENTRIES = { ORTHONORMALISE: 'orthonormaliseRows', ROTATE: 'rightSingularRows', SIGNS: 'fixSigns' } as const;
type Form = keyof typeof ENTRIES;

/** The largest matrix whose columns and rotations fit into the workgroup memory that WebGPU guarantees, 16 KiB. */
const MAX_LOCAL = 42;

/** A tensor as a stack of matrices; one matrix is a stack of one. */
function stackOf({ shape }: Tensor): [count: number, rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2);
  return [shape.length > 2 ? shape[0] : 1, rows, columns];
}

function call(form: Form, tensors: readonly Tensor[], sharesRows = false): TensorCall {
  const [matrices, some, columns] = stackOf(tensors[0]);
  // Signs are fixed row by row, whatever the matrix.
  const [count, rows] = form === 'SIGNS' ? [1, matrices * some] : [matrices, some];
  // Long rows use more threads, but each thread adds cost at every barrier.
  const threads = form !== 'ROTATE' && columns >= 1024 ? 256 : 64;
  const isLocal = form === 'ROTATE' && rows <= MAX_LOCAL;
  const tree = (name: string, type: string, combine?: string): string =>
    workgroupTree({ name, type, threads, combine });
  const trees = {
    ORTHONORMALISE: () => tree('sumOfAll', 'f32') + tree('largestOf', 'f32', 'max(a, b)'),
    ROTATE: () => tree('largestOf', 'f32', 'max(a, b)'),
    SIGNS: () => tree('firstLargest', 'vec2f', 'select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y))'),
  };
  return {
    kernel: {
      name: `subspace/${form.toLowerCase()}-${threads}${isLocal ? `-${rows}` : ''}${sharesRows ? '-shared' : ''}`,
      wgsl: () =>
        trees[form]() +
        fillTemplate(template, {
          ORTHONORMALISE: form === 'ORTHONORMALISE',
          ROTATE: form === 'ROTATE',
          SIGNS: form === 'SIGNS',
          THREADS: threads,
          LOCAL: isLocal,
          SHARED: sharesRows,
          LANES: sharesRows ? 8 : 1,
          SIZE: 2 * rows * rows,
          WORK: isLocal ? 'work' : 'y',
          BEGIN: isLocal ? '0u' : 't + size',
          BARRIER: isLocal ? 'workgroupBarrier()' : 'storageBarrier()',
        }),
      wasm: { entry: ENTRIES[form] },
    },
    params: [u32(rows), u32(columns), u32(SWEEPS), f32(NOISE), u32(count)],
    tensors,
    workgroups: flatWorkgroups(form === 'SIGNS' ? rows : count, 1),
    units: form === 'SIGNS' ? rows : count,
    cost: count * rows * columns * (form === 'SIGNS' ? 24 : 4 * rows),
  };
}

/**
 * Makes rows orthonormal in order, by removing from each its part in the rows before it. Replaces a row that depends on
 * them, or is zero, by a pseudo-random one.
 *
 * @param x [rows, columns], rows ≤ columns, or a stack [n, rows, columns] of such matrices without gaps.
 */
export function orthonormaliseRows(g: Graph, x: Tensor): Tensor {
  const [count, rows, columns] = stackOf(x);
  if (rows > columns) throw new Error(`${rows} rows of ${columns} columns cannot be orthonormal`);
  const y = g.intermediate(`orthonormal ${x.name}`, x.shape);
  return g.record({
    name: 'orthonormalise rows',
    inputs: [x],
    outputs: [y],
    calls: () => [call('ORTHONORMALISE', [x, y])],
    reference: (value) => {
      for (let matrix = 0; matrix < count; matrix++) {
        const part = [matrix * rows * columns, (matrix + 1) * rows * columns] as const;
        orthonormalised(value(x).subarray(...part), value(y).subarray(...part), columns);
      }
    },
  });
}

function orthonormalised(x: Numbers, out: Numbers, columns: number): void {
  let unit = 0;
  for (const v of x) unit = Math.max(unit, Math.abs(v));
  if (unit === 0) unit = 1;
  for (let row = 0; row * columns < x.length; row++) {
    const at = row * columns;
    for (let c = 0; c < columns; c++) out[at + c] = x[at + c] / unit;
    const before = rowLength(out, row, columns);
    removeRowsBefore(out, row, columns);
    if (!(rowLength(out, row, columns) > NOISE * before)) {
      for (let c = 0; c < columns; c++) out[at + c] = (hash(at + c) >>> 8) / 2 ** 23 - 1;
      removeRowsBefore(out, row, columns);
    }
    const length = rowLength(out, row, columns);
    for (let c = 0; c < columns; c++) out[at + c] /= length;
  }
}

function rowLength(rows: Numbers, row: number, columns: number): number {
  let sum = 0;
  for (let c = 0; c < columns; c++) sum += rows[row * columns + c] ** 2;
  return Math.sqrt(sum);
}

/** Gram–Schmidt of one row, twice. */
function removeRowsBefore(rows: Numbers, row: number, columns: number): void {
  for (let k = 0; k < 2 * row; k++) {
    const other = (k % row) * columns;
    let dot = 0;
    for (let c = 0; c < columns; c++) dot += rows[other + c] * rows[row * columns + c];
    for (let c = 0; c < columns; c++) rows[row * columns + c] -= dot * rows[other + c];
  }
}

/**
 * The right singular vectors of a small matrix as rows, largest singular value first: Pᵀ of x = W Σ Pᵀ. They are
 * orthonormal whatever the rank of x.
 *
 * @param x [size, size], or a stack [n, size, size] of such matrices without gaps.
 * @returns of the same shape, with gaps.
 */
export function rightSingularRows(g: Graph, x: Tensor): Tensor {
  const [count, size] = stackOf(x);
  // After each result: columns and rotations, of the CPU and of large matrices.
  const y = g.intermediate(`right singular rows of ${x.name}`, x.shape, 'f32', 3 * count * size * size);
  return g.record({
    name: 'right singular rows',
    inputs: [x],
    outputs: [y],
    calls: ({ sharesRows }) => [call('ROTATE', [x, y], sharesRows)],
    reference: (value) => {
      for (let matrix = 0; matrix < count; matrix++) {
        const rows = singularRows(value(x).subarray(matrix * size * size, (matrix + 1) * size * size), size);
        for (const [i, v] of rows.flat().entries()) value(y)[3 * matrix * size * size + i] = v;
      }
    },
  });
}

function singularRows(x: Numbers, size: number): number[][] {
  const columns = Array.from({ length: size }, (_, j) => Array.from({ length: size }, (__, i) => x[i * size + j]));
  const vectors = columns.map((_, j) => columns.map((__, i) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) for (const pair of pairsOf(size)) rotatePair(columns, vectors, pair);
  const length = columns.map((column) => column.reduce((sum, v) => sum + v * v, 0));
  const order = length.map((_, j) => j).sort((a, b) => length[b] - length[a] || a - b);
  return order.map((j) => vectors[j]);
}

/** Every pair of columns once, in the order of the circle method: rounds of disjoint pairs. */
function pairsOf(size: number): [number, number][] {
  const even = size + (size % 2);
  const pairs: [number, number][] = [];
  for (let round = 0; round < even - 1; round++) {
    for (let pair = 0; pair < even / 2; pair++) {
      const one = pair === 0 ? even - 1 : (round + pair) % (even - 1);
      const other = (round + even - 1 - pair) % (even - 1);
      if (Math.max(one, other) < size) pairs.push([Math.min(one, other), Math.max(one, other)]);
    }
  }
  return pairs;
}

function rotatePair(columns: number[][], vectors: number[][], [a, b]: [number, number]): void {
  const dot = (u: number[], v: number[]): number => u.reduce((sum, x, i) => sum + x * v[i], 0);
  const [aa, bb, ab] = [dot(columns[a], columns[a]), dot(columns[b], columns[b]), dot(columns[a], columns[b])];
  if (!(Math.abs(ab) > 1e-7 * Math.sqrt(aa) * Math.sqrt(bb))) return;
  const zeta = (bb - aa) / (2 * ab);
  const tangent = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  const sine = cosine * tangent;
  for (const rows of [columns, vectors]) {
    const [u, v] = [rows[a], rows[b]];
    rows[a] = u.map((x, i) => cosine * x - sine * v[i]);
    rows[b] = u.map((x, i) => sine * x + cosine * v[i]);
  }
}

/**
 * The rule for the arbitrary signs of singular vectors (docs/method.md, eq. (9)): in each row the entry of largest
 * magnitude becomes positive, the first on a tie.
 *
 * @param x [rows, columns], or a stack of such matrices without gaps.
 * @param into the result: a persistent tensor of the same shape.
 */
export function fixSigns(g: Graph, x: Tensor, into: Tensor): void {
  const columns = x.shape.at(-1) ?? 1;
  const rows = sizeOf(x.shape) / columns;
  g.record({
    name: 'fix signs',
    inputs: [x],
    outputs: [into],
    effect: true,
    calls: () => [call('SIGNS', [x, into])],
    reference: (value) => {
      for (let row = 0; row < rows; row++) {
        const part = value(x).subarray(row * columns, (row + 1) * columns);
        let largest = 0;
        for (const v of part) if (Math.abs(v) > Math.abs(largest)) largest = v;
        part.forEach((v, c) => (value(into)[row * columns + c] = largest < 0 ? -v : v));
      }
    },
  });
}
