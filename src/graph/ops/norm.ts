import template from '../../../shaders/rms-norm.wgsl?raw';
import { f32, flatWorkgroups, u32 } from '../../device/kernel.ts';
import type { Planner } from '../../device/kernel-planner.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph, TensorCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

// Threads per workgroup: of rows with a thread each, which are long and few, and of columns.
const ROWS = 16;
const COLUMNS = 64;
// What a thread holds of a shared row: both tensors of a gradient then take 64 registers.
const MAX_HELD = 8;

const ENTRIES = { FORWARD: 'rmsNorm', GRAD_X: 'rmsNormGradient', GRAD_W: 'rmsNormWeightGradient' } as const;
type Form = keyof typeof ENTRIES;

/** Threads that share a row of so many elements, which leaves most of them four or fewer. */
const lanesOf = (elements: number): number =>
  elements <= 32 ? 32 : elements <= 256 ? 64 : elements <= 512 ? 128 : 256;

/** How threads of a workgroup of `size` divide rows: `lanes` share one, and hold `held` vectors of `width` each. */
function divisionOf(form: Form, columns: number, sharesRows: boolean) {
  if (form === 'GRAD_W') return { width: 1, lanes: 1, held: 0, size: COLUMNS };
  const width = columns % 4 === 0 ? 4 : 1;
  if (!sharesRows) return { width, lanes: 1, held: 0, size: ROWS };
  const lanes = lanesOf(columns / width);
  return { width, lanes, held: Math.min(MAX_HELD, Math.ceil(columns / width / lanes)), size: lanes };
}

/** @param d the tensor that is added to the result, if any. */
function normCall(form: Form, at: Norm, planner: Planner, rest: Tensor[], d?: Tensor): TensorCall {
  const { x, columns, eps, offset } = at;
  const rows = sizeOf(x.shape) / columns;
  const { width, lanes, held, size } = divisionOf(form, columns, planner.sharesRows);
  const isShared = lanes > 1;
  const sum = form === 'FORWARD' ? 'f32' : 'vec2f';
  const isOfRows = form !== 'GRAD_W';
  return {
    kernel: {
      name: `rms-norm/${form.toLowerCase()}${d ? '-addend' : ''}-${lanes}×${held}×${width}`,
      wgsl: () =>
        (isShared ? workgroupTree({ name: 'sumOfRow', type: sum, threads: lanes }) : '') +
        fillTemplate(template, {
          FORWARD: form === 'FORWARD',
          GRAD_W: form === 'GRAD_W',
          ADDEND: d !== undefined,
          RESULT: form === 'FORWARD' ? 3 : 4,
          SUM: sum,
          VECTORS: width === 4,
          T: width === 4 ? 'vec4f' : 'f32',
          DOT: width === 4 ? 'dot' : 'product',
          WIDTH: width,
          SHARED: isShared,
          LANES: lanes,
          HELD: held,
          SIZE: size,
          ROW: isShared ? 'groupIndex(w)' : `groupIndex(w) * ${size}u + local`,
          LANE: isShared ? 'local' : '0u',
        }),
      wasm: { entry: ENTRIES[form], constants: isOfRows ? [d ? 1 : 0] : [] },
    },
    params: [u32(rows), u32(columns), f32(eps), f32(offset)],
    tensors: [x, ...rest, ...(d ? [d] : [])],
    workgroups: flatWorkgroups(isOfRows ? rows : columns, isShared ? 1 : size),
    units: isOfRows ? rows : 1, // every column of the weight needs the scales of all rows
    cost: rows * columns * (form === 'FORWARD' ? 28 : 44),
  };
}

/** 1 / sqrt(mean(x²) + eps) of every row. */
function inverseRms(x: Numbers, { columns, eps }: Norm): Float64Array {
  return Float64Array.from({ length: x.length / columns }, (_, row) => {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += x[row * columns + c] ** 2;
    return 1 / Math.sqrt(sum / columns + eps);
  });
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
 * @param addend added to the result, of x's shape.
 */
export function rmsNorm(
  g: Graph,
  x: Tensor,
  weight: Tensor,
  eps: number,
  { offset = 0, addend }: { offset?: number; addend?: Tensor | undefined } = {},
): Tensor {
  const columns = weight.shape[0];
  const at: Norm = { x, weight, columns, eps, offset };
  const y = g.intermediate('norm', x.shape);
  return g.record({
    name: 'rms norm',
    inputs: [x, weight, ...(addend ? [addend] : [])],
    outputs: [y],
    calls: (planner) => [normCall('FORWARD', at, planner, [weight, y], addend)],
    reference: (value) => {
      const scales = inverseRms(value(x), at);
      for (let i = 0; i < value(x).length; i++) {
        const own = value(x)[i] * scales[Math.floor(i / columns)] * (offset + value(weight)[i % columns]);
        value(y)[i] = own + (addend ? value(addend)[i] : 0);
      }
    },
    gradient: ([dy], [wantsX, wantsWeight]) =>
      dy === undefined
        ? []
        : [wantsX ? normGradient(g, at, dy) : undefined, wantsWeight ? normWeightGradient(g, at, dy) : undefined, dy],
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
    calls: (planner) => [normCall('GRAD_X', at, planner, [weight, dy, dx], addend)],
    reference: (value) => {
      const [xs, ws, dys] = [value(x), value(weight), value(dy)];
      inverseRms(xs, at).forEach((s, row) => {
        let inner = 0;
        for (let c = 0; c < columns; c++) inner += (offset + ws[c]) * dys[row * columns + c] * xs[row * columns + c];
        for (let c = 0; c < columns; c++) {
          const i = row * columns + c;
          const own = s * (offset + ws[c]) * dys[i] - (xs[i] * inner * s ** 3) / columns;
          value(dx)[i] = own + (addend ? value(addend)[i] : 0);
        }
      });
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
    calls: (planner) => [normCall('GRAD_W', at, planner, [dy, dw])],
    reference: (value) => {
      value(dw).fill(0);
      const scales = inverseRms(value(x), at);
      for (let i = 0; i < value(x).length; i++) {
        value(dw)[i % columns] += value(dy)[i] * value(x)[i] * scales[Math.floor(i / columns)];
      }
    },
  });
}
