import template from '../../../shaders/rms-norm.wgsl?raw';
import { f32, flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, KernelCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

// Threads per workgroup: rows are long and few, the columns of a weight's gradient are many.
const ROWS = 16;
const COLUMNS = 64;

const ENTRIES = { FORWARD: 'rmsNorm', GRAD_X: 'rmsNormGradient', GRAD_W: 'rmsNormWeightGradient' } as const;

function normCall(form: keyof typeof ENTRIES, at: Norm, rest: Tensor[], addend = false): KernelCall {
  const { x, columns, eps, offset } = at;
  const rows = sizeOf(x.shape) / columns;
  const [threads, size] = form === 'GRAD_W' ? [columns, COLUMNS] : [rows, ROWS];
  return {
    kernel: {
      name: `rms-norm/${form.toLowerCase()}${addend ? '-addend' : ''}`,
      wgsl: () =>
        fillTemplate(template, {
          FORWARD: form === 'FORWARD',
          GRAD_X: form === 'GRAD_X',
          GRAD_W: form === 'GRAD_W',
          ADDEND: addend,
          SIZE: size,
        }),
      wasm: { entry: ENTRIES[form], constants: form === 'GRAD_X' ? [addend ? 1 : 0] : [] },
    },
    params: [u32(rows), u32(columns), f32(eps), f32(offset)],
    tensors: [x, ...rest],
    workgroups: flatWorkgroups(threads, size),
    units: form === 'GRAD_W' ? 1 : rows, // every column of the weight needs the scales of all rows
    cost: rows * columns * (form === 'FORWARD' ? 28 : 44),
  };
}

/** 1 / sqrt(mean(x²) + eps) of one row. */
function inverseRms(x: Numbers, row: number, { columns, eps }: Norm): number {
  let sum = 0;
  for (let c = 0; c < columns; c++) sum += x[row * columns + c] ** 2;
  return 1 / Math.sqrt(sum / columns + eps);
}

/** A norm over rows of `columns` values. */
interface Norm {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly columns: number;
  readonly eps: number;
  readonly offset: number;
}

/**
 * RMS norm (T5LayerNorm, LlamaRMSNorm): no mean, no bias, eps inside the root. Rows are as long as the weight: with [B,
 * S, heads · d] and a weight [d], every head is normalised separately.
 *
 * @param offset added to the weight; 1 for Gemma3RMSNorm.
 */
export function rmsNorm(g: Graph, x: Tensor, weight: Tensor, eps: number, offset = 0): Tensor {
  const columns = weight.shape[0];
  const at: Norm = { x, weight, columns, eps, offset };
  const y = g.intermediate('norm', x.shape);
  return g.record({
    name: 'rms norm',
    inputs: [x, weight],
    outputs: [y],
    calls: () => [normCall('FORWARD', at, [weight, y])],
    reference: (value) => {
      for (let i = 0; i < value(x).length; i++) {
        const s = inverseRms(value(x), Math.floor(i / columns), at);
        value(y)[i] = value(x)[i] * s * (offset + value(weight)[i % columns]);
      }
    },
    gradient: ([dy], [wantsX, wantsWeight]) =>
      dy === undefined
        ? []
        : [wantsX ? normGradient(g, at, dy) : undefined, wantsWeight ? normWeightGradient(g, at, dy) : undefined],
  });
}

function normGradient(g: Graph, at: Norm, dy: Tensor): Tensor {
  const { x, weight, columns, offset } = at;
  const dx = g.intermediate(`d ${x.name}`, x.shape);
  const inputs = [x, weight, dy];
  let addend: Tensor | undefined;
  return g.record({
    name: 'rms norm gradient',
    inputs,
    outputs: [dx],
    calls: () => [normCall('GRAD_X', at, [weight, dy, dx, ...(addend ? [addend] : [])], addend !== undefined)],
    reference: (value) => {
      const [xs, ws, dys] = [value(x), value(weight), value(dy)];
      for (let row = 0; row * columns < xs.length; row++) {
        const s = inverseRms(xs, row, at);
        let inner = 0;
        for (let c = 0; c < columns; c++) inner += (offset + ws[c]) * dys[row * columns + c] * xs[row * columns + c];
        for (let c = 0; c < columns; c++) {
          const i = row * columns + c;
          const own = s * (offset + ws[c]) * dys[i] - (xs[i] * inner * s ** 3) / columns;
          value(dx)[i] = own + (addend ? value(addend)[i] : 0);
        }
      }
    },
    fuseAddend: (tensor) => {
      if (addend !== undefined) return false;
      addend = tensor;
      inputs.push(tensor);
      return true;
    },
  });
}

function normWeightGradient(g: Graph, at: Norm, dy: Tensor): Tensor {
  const { x, weight, columns } = at;
  const dw = g.intermediate(`d ${weight.name}`, weight.shape);
  return g.record({
    name: 'rms norm weight gradient',
    inputs: [x, dy],
    outputs: [dw],
    calls: () => [normCall('GRAD_W', at, [dy, dw])],
    reference: (value) => {
      value(dw).fill(0);
      for (let i = 0; i < value(x).length; i++) {
        const s = inverseRms(value(x), Math.floor(i / columns), at);
        value(dw)[i % columns] += value(dy)[i] * value(x)[i] * s;
      }
    },
  });
}
