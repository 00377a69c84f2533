import { type Access, adjacent, apart, type RecordedCall, uniform, type Work } from '../work.ts';
import type { Family } from './family.ts';

/** Products of length d for each query and key. */
const PRODUCTS = { forward: 2, grad_q: 3, grad_kv: 4 } as const;
type Form = keyof typeof PRODUCTS;

/** Instructions for each query and key beside products: `forward` rescales its sum, and takes two exponentials. */
const SOFTMAX = { forward: 85, grad_q: 55, grad_kv: 60 } as const;

/** `shaders/attention.wgsl`: a thread has R queries (or keys) in registers and goes over all keys (or queries). */
export const attention: Family = {
  kernels: /^attention\/(forward|grad_q|grad_kv)-(\d+)×(rolled|\d+)$/,
  row: (call) => (call.params[2] === 1 ? 'attention of one query' : `attention ${call.kernel.slice(10).split('-')[0]}`),
  work: (call, [, form, d, rows]) => workOf(call, form as Form, Number(d), rows),
};

function workOf(call: RecordedCall, form: Form, d: number, rows: string): Work {
  const [B, H, Sq, Sk, Bk, Hk] = call.params;
  const isRolled = rows === 'rolled';
  const R = isRolled ? 1 : Number(rows);
  const width = d % 4 === 0 ? 16 : 4;
  const E = (d * 4) / width;
  const products = PRODUCTS[form];
  // The bias is the only tensor with a float for each query and key.
  const always = form === 'grad_kv' ? 7 : 6;
  const wide = call.tensors.slice(always).filter((bytes) => bytes >= Sq * Sk * 4).length;
  const perQuery = form !== 'grad_kv';
  const bias: Access = perQuery ? apart(R * wide, R * Sk * 4) : apart(R * wide, R * 4);
  const streamed = 2 * E;
  const arithmetic = R * (products * d + (form === 'forward' ? d : 0) + SOFTMAX[form]);
  const times = perQuery ? Sk : (H / Hk) * (B / Bk) * Sq;
  // Rolled: a lane's own rows, a token apart, are read again for every key, and sums live in memory of its own.
  const again = (form === 'forward' ? 1 : 2) * E;
  const sums = (form === 'grad_kv' ? 2 : 1) * E;
  const own: Access[] = isRolled ? [apart(again, (perQuery ? H : Hk) * d * 4, width), adjacent(2 * sums, width)] : [];
  const streams = isRolled && form !== 'forward' ? 2 * streamed : streamed;
  return {
    operations: 2 * products * B * H * Sq * Sk * d,
    bytes: call.tensors.reduce((sum, bytes) => sum + bytes, 0),
    registers: isRolled ? 64 : R * d * (products === 2 ? 2 : products) + 8,
    loops: [
      {
        times,
        slots: arithmetic + 2 * streams + (isRolled ? 2 * (again + 2 * sums) : 0),
        accesses: [uniform(streams, width), uniform(1, 8), bias, ...own],
        waits: { memory: 1 },
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

/** `shaders/merge-attention.wgsl` is elementwise, with four exponentials' worth of instructions. */
export const merging: Family = {
  kernels: /^merge-attention$/,
  row: 'merge-attention',
  work: (call) => ({
    operations: 8 * call.params[0],
    bytes: call.tensors.reduce((sum, bytes) => sum + bytes, 0),
    loops: [{ times: 1, slots: 80, accesses: [adjacent(3), uniform(2)], waits: { memory: 2 } }],
  }),
};
