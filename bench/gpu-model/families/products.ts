import { type Access, adjacent, type Loop, type RecordedCall, shared, type Work } from '../work.ts';
import type { Family } from './family.ts';

/** Bytes of a value of B, with its share of a scale, and instructions to unpack four. */
const PACKINGS = {
  f32: { bytes: 4, unpack: 0 },
  f16: { bytes: 2, unpack: 4 },
  bf16: { bytes: 2, unpack: 4 },
  int8: { bytes: 1.125, unpack: 12 },
  int4: { bytes: 0.625, unpack: 13 },
} as const;
type Packing = keyof typeof PACKINGS;

/** A product as its parameters tell it. */
export interface Product {
  readonly layout: 'nt' | 'nn' | 'tn';
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batch: number;
  readonly splits: number;
  readonly packing: Packing;
  readonly rowA: number;
  readonly rowB: number;
  readonly addend: boolean;
  /** Operations and bytes that any kernel of it needs, and the sums of parts that this one writes instead of C. */
  readonly needed: Pick<Work, 'operations' | 'bytes' | 'extraBytes'>;
}

/** Reads the parameters of `shaders/product.wgsl`, which all kernels of products share. */
function productOf(call: RecordedCall): Product {
  const [M, N, K, splits, batchA, batchB] = call.params;
  const [rowA, rowB] = call.params.slice(9);
  const layout = call.kernel.slice(7, 9) as Product['layout'];
  const packing = (/-(f16|bf16|int8|int4)(?=-|$)/.exec(call.kernel)?.[1] ?? 'f32') as Packing;
  const batch = Math.max(1, call.workgroups[2] / splits);
  const sizes = { batch, splits, M, N, K };
  const addend = call.tensors.length > 3;
  const bytesC = batch * M * N * 4;
  const bytes =
    (batchA === 0 ? 1 : batch) * M * K * 4 +
    (batchB === 0 ? 1 : batch) * N * K * PACKINGS[packing].bytes +
    bytesC * (addend ? 2 : 1);
  const needed = { operations: 2 * batch * M * N * K, bytes, extraBytes: (splits - 1) * bytesC };
  return { layout, ...sizes, packing, rowA, rowB, addend, needed };
}

/** The row of the tables: what makes a product hard is how thin it is. */
function row(call: RecordedCall): string {
  const { layout, M, N, K, packing } = productOf(call);
  const of = packing === 'f32' ? 'f32' : 'packed';
  if (M <= 100 && K >= 30_000) return 'dx of logits';
  if (M <= 16 && N > 16 && layout !== 'tn') return `few rows × ${of}`;
  if (Math.min(M, N) <= 16) return 'thin products';
  return M <= 100 ? `M of 17 to 100 × ${of}` : `large products × ${of}`;
}

/** Instructions beside sums: a load with its index and clamp, unpacking, and the loop. */
function slotsOf({ packing }: Product, sums: number, readsA: number, readsB: number): number {
  return sums + 2 * (readsA + readsB) + readsB * PACKINGS[packing].unpack + 4;
}

/** Reads of B, four values each, and of their scales. @param at index of a lane's first value. */
function readsOfB({ packing }: Product, count: number, at: (lane: number) => number): Access[] {
  if (packing === 'f32') return [{ count, width: 16, at: (lane) => at(lane) * 4 }];
  const bits = { f16: 16, bf16: 16, int8: 8, int4: 4 }[packing];
  const values: Access = { count, width: bits === 16 ? 8 : 4, at: (lane) => Math.floor((at(lane) * bits) / 32) * 4 };
  const scales: Access = { count, width: 4, at: (lane) => Math.floor(at(lane) / 32) * 4 };
  return bits === 16 ? [values] : [values, scales];
}

/** Writes a tile float by float, after reading an addend. */
function writing({ N, addend }: Product, count: number, at: (lane: number) => [row: number, column: number]): Loop {
  const access: Access = {
    count: count * (addend ? 2 : 1),
    width: 4,
    at: (lane) => (at(lane)[0] * N + at(lane)[1]) * 4,
  };
  return { times: 1, slots: count * (addend ? 5 : 3), accesses: [access], waits: { memory: addend ? 2 : 1 } };
}

/** `shaders/matmul.wgsl`: a thread has a tile of C in registers, and reads both operands from storage. */
const registerTiles: Family = {
  kernels: /^matmul\/(?:nt|nn|tn)-(\d+)x(\d+)(-scalar)?(?:-split)?(?:-(?:f16|bf16|int8|int4))?$/,
  row,
  work: (call, [, rows, columns, scalar]) => {
    const product = productOf(call);
    const { layout, K, splits, rowA, rowB, needed } = product;
    const [TM, TN] = [Number(rows), Number(columns)];
    const [wx] = call.size;
    const [x, y] = [(lane: number) => (lane % wx) * TN, (lane: number) => Math.floor(lane / wx) * TM];
    const part = K / splits;
    const loop = ((): Loop => {
      const rowsOfA = (lane: number): number => y(lane) * rowA * 4;
      const rowsOfB = (lane: number): number => x(lane) * rowB;
      if (scalar) {
        const a: Access = { count: TM, width: 4, at: layout === 'tn' ? (lane) => y(lane) * 4 : rowsOfA };
        const b: Access = { count: TN, width: 4, at: (lane) => (layout === 'nt' ? rowsOfB(lane) : x(lane)) * 4 };
        return { times: part, slots: slotsOf(product, TM * TN, TM, TN), accesses: [a, b] };
      }
      if (layout === 'tn') {
        const a: Access = { count: TM / 4, width: 16, at: (lane) => y(lane) * 4 };
        const accesses = [a, ...readsOfB(product, TN / 4, x)];
        return { times: part, slots: slotsOf(product, TM * TN, TM / 4, TN / 4), accesses };
      }
      const a: Access = { count: TM, width: 16, at: rowsOfA };
      const accesses = [a, ...readsOfB(product, TN, layout === 'nt' ? rowsOfB : x)];
      return { times: part / 4, slots: slotsOf(product, TM * TN * 4, TM, TN), accesses };
    })();
    return {
      ...needed,
      registers: TM * TN + (layout === 'tn' ? TM + TN + 8 : 4 * TM + 32),
      loops: [{ ...loop, waits: { l2: 1 } }, writing(product, TM * TN, (lane) => [y(lane), x(lane)])],
    };
  },
};

/** `shaders/matmul-tiled.wgsl`: blocks of 64 x 64 pass through workgroup memory, sixteen steps of K at a time. */
const blocks: Family = {
  kernels: /^matmul\/(?:nt|nn|tn)-64x64-tiled-(\d+)x8(-scalar)?/,
  row,
  work: (call, [, rows, scalar]) => {
    const product = productOf(call);
    const { layout, K, splits, rowA, rowB, packing, needed } = product;
    const TM = Number(rows);
    const threads = 512 / TM;
    const [x, y] = [(lane: number) => lane % 8, (lane: number) => Math.floor(lane / 8)];
    const reads = 256 / threads;
    // Four rows of groups of four along K make a patch; an operand with rows across K is read row by row.
    const alongK = (row: number) => (lane: number) => Math.floor(lane / 4) * 4 * row + (lane % 4) * 4;
    const across = (row: number) => (lane: number) => Math.floor(lane / 16) * row + (lane % 16) * 4;
    const swizzled = (lane: number): number => (((lane % 4) * 64 + Math.floor(lane / 4)) ^ ((lane % 4) * 2)) * 16;
    const [placeA, placeB] = [layout === 'tn' ? across(rowA) : alongK(rowA), (layout === 'nt' ? alongK : across)(rowB)];
    const [each, width] = scalar ? [4, 4 as const] : [1, 16 as const];
    const a: Access = { count: reads * each, width, at: (lane) => placeA(lane) * 4 };
    const b: Access = { count: reads * each, width, at: (lane) => placeB(lane) * 4 };
    const stores = [layout !== 'tn', layout === 'nt'].map((isPatch) =>
      shared({ count: reads, width: 16, at: isPatch ? swizzled : (lane) => lane * 16 }),
    );
    const ofA: Access = shared({ count: 16 * (TM / 4), width: 16, at: (lane) => y(lane) * (TM / 4) * 16 });
    const ofB: Access = shared({ count: 32, width: 16, at: (lane) => x(lane) * 16 });
    const slots = TM * 8 * 16 + 2 * 16 * (TM / 4 + 2) + 8 * 2 * reads * each + reads * PACKINGS[packing].unpack + 20;
    return {
      ...needed,
      registers: TM * 8 + 40,
      loops: [
        {
          times: Math.ceil(K / splits / 16),
          slots,
          accesses: [a, ...(scalar ? [b] : readsOfB(product, reads, placeB)), ...stores, ofA, ofB],
          waits: { l2: 1, l1: 3 },
        },
        writing(product, TM * 8, (lane) => [y(lane) * TM, x(lane) * 4]),
      ],
    };
  },
};

/** `shaders/matmul-few-rows.wgsl`: threads stride K; their sums are added through workgroup memory. */
const fewRows: Family = {
  kernels: /^matmul\/nt-few-(\d+)x(\d+)/,
  row,
  work: (call, [, rows, columns]) => {
    const product = productOf(call);
    const { K, splits, needed } = product;
    const [TM, TN] = [Number(rows), Number(columns)];
    const values = (TM * TN) / 4;
    const accesses = [adjacent(TM, 16), ...readsOfB(product, TN, (lane) => lane * 4)];
    return {
      ...needed,
      registers: TM * TN + 4 * TN + 32,
      loops: [
        {
          times: Math.ceil(K / splits / 512),
          slots: slotsOf(product, TM * TN * 4, TM, TN),
          accesses,
          waits: { l2: 1 },
        },
        {
          times: 1,
          slots: 12 * values + 40,
          accesses: [shared(adjacent((values * 9) / 4 + 16, 16))],
          waits: { l1: values / 2 + 8 },
        },
        { ...writing(product, 4, (lane) => [0, lane * 4]), share: 0.25 },
      ],
    };
  },
};

/** The kernels of products. */
export const products: readonly Family[] = [registerTiles, blocks, fewRows];
