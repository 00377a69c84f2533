import { type Access, adjacent, apart, type RecordedCall, shared, uniform, type Work } from '../work.ts';
import type { Family } from './family.ts';

/** Products of length d for each query and key. */
const PRODUCTS = { forward: 2, grad_q: 3, grad_kv: 4 } as const;
type Form = keyof typeof PRODUCTS;

/** Instructions for each query and key beside products. */
const SOFTMAX = { forward: 50, grad_q: 55, grad_kv: 60 } as const;
/** Side of a tile's columns, and vec4 of a line of workgroup memory. */
const [COLUMNS, LINE] = [32, 9];

/** `shaders/attention-tiled.wgsl`: 8 × 8 threads with R × 4 pairs of each tile, which passes through workgroup memory. */
export const attention: Family = {
  kernels: /^attention\/(forward|grad_q|grad_kv)-(\d+)×(\d+)-tile-(\d)$/,
  row: (call) => (call.params[2] === 1 ? 'attention of one query' : `attention ${call.kernel.slice(10).split('-')[0]}`),
  work: (call, [, form, d, , R]) => workOf(call, form as Form, Number(d), Number(R)),
};

function workOf(call: RecordedCall, form: Form, d: number, R: number): Work {
  const [B, H, Sq, Sk, Bk, Hk, , , , parts] = call.params;
  const hasKeyRows = form === 'grad_kv';
  const tiles = Math.ceil((hasKeyRows ? (Sq * H) / Hk : Sk) / COLUMNS) * (hasKeyRows ? B / Bk : 1);
  const E4 = Math.ceil(d / 4);
  const W = Math.min(E4, 8);
  const chunks = Math.ceil(E4 / W);
  const [products, sums] = [form === 'forward' ? 1 : 2, hasKeyRows ? 2 : 1];
  const [x, y] = [(lane: number) => lane % 8, (lane: number) => Math.floor(lane / 8)];
  const vec4 = (count: number, at: (lane: number) => number): Access =>
    shared({ count, width: 16, at: (lane) => at(lane) * 16 });
  // Products over the head, then sums over the columns: four columns and R rows in each step.
  const steps = products * E4 + sums * chunks * 8;
  const reads = [
    vec4(4 * products * E4, (lane) => x(lane) * LINE),
    vec4(4 * sums * chunks * 8, x),
    vec4(R * steps, (lane) => y(lane) * LINE),
  ];
  const fills = (E4 * (products * (8 * R + COLUMNS) + sums * COLUMNS)) / 64;
  const row = (hasKeyRows ? Hk : H) * d * 4;
  const filling: Access[] = [
    { count: fills, width: 16, at: (lane) => Math.floor(lane / W) * row + (lane % W) * 16 },
    vec4(fills, (lane) => Math.floor(lane / W) * LINE + (lane % W)),
  ];
  const isWide = (bytes: number): boolean => bytes >= Sq * Sk * 4;
  const optional = call.tensors.slice(hasKeyRows ? 7 : 6);
  const bias = optional.map((bytes): Access => {
    const next = isWide(bytes) ? Sk : -1; // from a query to the next one, or by distance
    return { count: 4 * R, width: 4, at: (lane) => (8 + 4 * x(lane) + y(lane) * next) * 4 };
  });
  const needed = call.tensors.reduce((sum, bytes) => sum + bytes, 0);
  const operands = 4 * R * SOFTMAX[form] + 16 * R * steps + 2 * (4 + R) * steps + 12 * fills;
  return {
    operations: 2 * PRODUCTS[form] * B * H * Sq * Sk * d,
    bytes: needed,
    registers: 16 * R * products + 4 * R * chunks * sums + 64,
    loops: [
      {
        times: Math.ceil(tiles / parts),
        slots: operands,
        accesses: [...reads, ...filling, ...bias],
        waits: { l2: chunks * (products + sums) },
      },
    ],
  };
}

/** `shaders/attention-delta.wgsl`: a thread sums over a head. Before it was a part of the gradient by queries. */
export const delta: Family = {
  kernels: /^attention\/delta(-scalar)?$/,
  row: 'attention delta',
  work: (call, [, scalar]) => {
    const [, , d, queries] = call.params;
    const width = scalar ? 4 : 16;
    return {
      operations: 2 * queries * d,
      bytes: call.tensors.reduce((sum, bytes) => sum + bytes, 0),
      loops: [
        { times: (d * 4) / width, slots: 10, accesses: [apart(2, d * 4, width)], waits: { l2: 1 } },
        { times: 1, slots: 20, accesses: [adjacent(3)], waits: { memory: 1 } },
      ],
    };
  },
};

/** `shaders/merge-attention.wgsl`: elementwise, with two exponentials' worth of instructions for each set of keys. */
export const merging: Family = {
  kernels: /^merge-attention\/(parts|sets[23])$/,
  row: 'merge-attention',
  work: (call) => {
    const [size, , , , ...parts] = call.params;
    const sets = parts.reduce((sum, count) => sum + count, 0);
    return {
      operations: 4 * sets * size,
      bytes: call.tensors.reduce((sum, bytes) => sum + bytes, 0),
      loops: [{ times: sets, slots: 40, accesses: [adjacent(1), uniform(2)], waits: { memory: 1 } }],
    };
  },
};
