import template from '../../../shaders/rms-norm.wgsl?raw';
import { f32, flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, KernelCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

// Threads of a workgroup: rows are long and few, columns of a weight's gradient many.
const ROWS = 16;
const COLUMNS = 64;

const ENTRIES = { FORWARD: 'rmsNorm', GRAD_X: 'rmsNormGradient', GRAD_W: 'rmsNormWeightGradient' } as const;

function normCall(form: keyof typeof ENTRIES, addend: boolean, x: Tensor, eps: number, rest: Tensor[]): KernelCall {
  const columns = x.shape.at(-1) ?? 1;
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
    params: [u32(rows), u32(columns), f32(eps)],
    tensors: [x, ...rest],
    workgroups: flatWorkgroups(threads, size),
    units: form === 'GRAD_W' ? 1 : rows, // every column of the weight needs the scales of all rows
    cost: rows * columns * (form === 'FORWARD' ? 28 : 44),
  };
}

/** 1 / sqrt(mean(x²) + eps) of one row. */
function inverseRms(x: Numbers, row: number, columns: number, eps: number): number {
  let sum = 0;
  for (let c = 0; c < columns; c++) sum += x[row * columns + c] ** 2;
  return 1 / Math.sqrt(sum / columns + eps);
}

/** RMS norm over the last dimension (T5LayerNorm, LlamaRMSNorm): no mean, no bias, eps inside the root. */
export function rmsNorm(g: Graph, x: Tensor, weight: Tensor, eps: number): Tensor {
  const columns = x.shape.at(-1) ?? 1;
  const y = g.intermediate(`norm(${x.name})`, x.shape);
  return g.record({
    name: 'rms norm',
    inputs: [x, weight],
    outputs: [y],
    calls: () => [normCall('FORWARD', false, x, eps, [weight, y])],
    twin: (value) => {
      for (let i = 0; i < value(x).length; i++) {
        const s = inverseRms(value(x), Math.floor(i / columns), columns, eps);
        value(y)[i] = value(x)[i] * s * value(weight)[i % columns];
      }
    },
    gradient: ([dy], [wantsX, wantsWeight]) =>
      dy === undefined
        ? []
        : [
            wantsX ? normGradient(g, x, weight, dy, eps) : undefined,
            wantsWeight ? normWeightGradient(g, x, weight, dy, eps) : undefined,
          ],
  });
}

function normGradient(g: Graph, x: Tensor, weight: Tensor, dy: Tensor, eps: number): Tensor {
  const columns = x.shape.at(-1) ?? 1;
  const dx = g.intermediate(`d ${x.name}`, x.shape);
  const inputs = [x, weight, dy];
  let addend: Tensor | undefined;
  return g.record({
    name: 'rms norm gradient',
    inputs,
    outputs: [dx],
    calls: () => [normCall('GRAD_X', addend !== undefined, x, eps, [weight, dy, dx, ...(addend ? [addend] : [])])],
    twin: (value) => {
      const [xs, ws, dys] = [value(x), value(weight), value(dy)];
      for (let row = 0; row * columns < xs.length; row++) {
        const s = inverseRms(xs, row, columns, eps);
        let inner = 0;
        for (let c = 0; c < columns; c++) inner += ws[c] * dys[row * columns + c] * xs[row * columns + c];
        for (let c = 0; c < columns; c++) {
          const at = row * columns + c;
          const own = s * ws[c] * dys[at] - (xs[at] * inner * s ** 3) / columns;
          value(dx)[at] = own + (addend ? value(addend)[at] : 0);
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

function normWeightGradient(g: Graph, x: Tensor, weight: Tensor, dy: Tensor, eps: number): Tensor {
  const columns = x.shape.at(-1) ?? 1;
  const dw = g.intermediate(`d ${weight.name}`, weight.shape);
  return g.record({
    name: 'rms norm weight gradient',
    inputs: [x, dy],
    outputs: [dw],
    calls: () => [normCall('GRAD_W', false, x, eps, [dy, dw])],
    twin: (value) => {
      value(dw).fill(0);
      for (let i = 0; i < value(x).length; i++) {
        const s = inverseRms(value(x), Math.floor(i / columns), columns, eps);
        value(dw)[i % columns] += value(dy)[i] * value(x)[i] * s;
      }
    },
  });
}
