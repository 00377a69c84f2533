import activationTemplate from '../../../shaders/activation.wgsl?raw';
import arithmeticTemplate from '../../../shaders/arithmetic.wgsl?raw';
import dropoutTemplate from '../../../shaders/dropout.wgsl?raw';
import { ELEMENTS_PER_UNIT, elementUnits, f32, flatWorkgroups, planSumOfParts, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, TensorCall } from '../graph.ts';
import { type Tensor, sizeOf } from '../tensor.ts';

/** Activations by their Hugging Face names, and |tanh(x / 2)|, in the order of their numbers in WebAssembly. */
const ACTIVATIONS = ['relu', 'gelu_new', 'silu', 'abs_tanh_half'] as const;
type AnyActivation = (typeof ACTIVATIONS)[number];
export type Activation = Exclude<AnyActivation, 'abs_tanh_half'>;

const VALUES_PER_THREAD = 4;

const GELU_C = Math.sqrt(2 / Math.PI);
const GELU_A = 0.044715;

function activate(kind: AnyActivation, x: number): [value: number, slope: number] {
  if (kind === 'relu') return [Math.max(x, 0), x > 0 ? 1 : 0];
  if (kind === 'silu') {
    const s = 1 / (1 + Math.exp(-x));
    return [x * s, s * (1 + x * (1 - s))];
  }
  if (kind === 'abs_tanh_half') {
    const s = 1 / (1 + Math.exp(-x));
    return [Math.abs(2 * s - 1), 2 * Math.sign(x) * s * (1 - s)];
  }
  const t = Math.tanh(GELU_C * (x + GELU_A * x ** 3));
  return [0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_C * (1 + 3 * GELU_A * x * x)];
}

function activationCall(kind: AnyActivation, gated: boolean, gradient: boolean, tensors: Tensor[]): TensorCall {
  const elements = sizeOf(tensors[0].shape);
  const vec = elements % 4 === 0;
  const size = vec ? elements / 4 : elements;
  return {
    kernel: {
      name: `activation/${kind}${gated ? '-gated' : ''}${gradient ? '-gradient' : ''}`,
      wgsl: () =>
        fillTemplate(activationTemplate, {
          RELU: kind === 'relu',
          GELU: kind === 'gelu_new',
          SILU: kind === 'silu',
          ABS_TANH_HALF: kind === 'abs_tanh_half',
          GATED: gated,
          GRADIENT: gradient,
          T: vec ? 'vec4f' : 'f32',
          EACH: VALUES_PER_THREAD,
        }),
      wasm: {
        entry: gated
          ? gradient
            ? 'gatedActivationGradient'
            : 'gatedActivation'
          : gradient
            ? 'activationGradient'
            : 'activation',
        constants: [ACTIVATIONS.indexOf(kind), vec ? 4 : 1, ELEMENTS_PER_UNIT],
      },
    },
    params: [u32(size)],
    tensors,
    workgroups: flatWorkgroups(size, 64 * VALUES_PER_THREAD),
    units: elementUnits(elements),
    cost: elements * (kind === 'relu' ? 12 : 64),
  };
}

/** y = f(x), elementwise; `abs_tanh_half` is |tanh(x / 2)| = |2 sigmoid(x) − 1|, whose slope at 0 counts as 0. */
export function activation(g: Graph, kind: AnyActivation, x: Tensor): Tensor {
  const y = g.intermediate(`${kind}(${x.name})`, x.shape);
  return g.record({
    name: 'activation',
    inputs: [x],
    outputs: [y],
    calls: () => [activationCall(kind, false, false, [x, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = activate(kind, v)[0])),
    gradient: ([dy]) => {
      if (dy === undefined) return [];
      const dx = g.intermediate(`d ${x.name}`, x.shape);
      g.record({
        name: 'activation gradient',
        inputs: [x, dy],
        outputs: [dx],
        calls: () => [activationCall(kind, false, true, [x, dy, dx])],
        reference: (value) => value(x).forEach((v, i) => (value(dx)[i] = value(dy)[i] * activate(kind, v)[1])),
      });
      return [dx];
    },
  });
}

/** y = f(x) u, elementwise: the gated feed-forward of T5 v1.1 (gelu_new) and LLaMA (silu). */
export function gatedActivation(g: Graph, kind: Activation, x: Tensor, u: Tensor): Tensor {
  const y = g.intermediate(`${kind}(${x.name})·${u.name}`, x.shape);
  return g.record({
    name: 'gated activation',
    inputs: [x, u],
    outputs: [y],
    calls: () => [activationCall(kind, true, false, [x, u, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = activate(kind, v)[0] * value(u)[i])),
    gradient: ([dy]) => {
      if (dy === undefined) return [];
      const dx = g.intermediate(`d ${x.name}`, x.shape);
      const du = g.intermediate(`d ${u.name}`, u.shape);
      g.record({
        name: 'gated activation gradient',
        inputs: [x, dy, u],
        outputs: [dx, du],
        calls: () => [activationCall(kind, true, true, [x, dy, dx, u, du])],
        reference: (value) =>
          value(x).forEach((v, i) => {
            const [y0, slope] = activate(kind, v);
            value(dx)[i] = value(dy)[i] * value(u)[i] * slope;
            value(du)[i] = value(dy)[i] * y0;
          }),
      });
      return [dx, du];
    },
  });
}

/** Whether dropout removes element `index` in this step. */
export function isDropped(step: number, salt: number, index: number, rate: number): boolean {
  const random = hash((index ^ hash((salt ^ hash(step)) >>> 0)) >>> 0);
  return Math.fround((random >>> 8) / 2 ** 24) < Math.fround(rate);
}

/** The mask of a dropout. */
export interface Drop {
  /** u32 [1], changed by the host before every optimizer step. */
  readonly step: Tensor;
  /** Distinguishes this layer's mask from others. */
  readonly salt: number;
  /** Probability of dropping, in [0, 1). */
  readonly rate: number;
}

/** The kernel of a dropout: y = mask x [+ addend]. */
export const dropoutCall = (x: Tensor, { step, salt, rate }: Drop, y: Tensor, addend?: Tensor): TensorCall => ({
  kernel: {
    name: 'dropout',
    wgsl: () => fillTemplate(dropoutTemplate, { ADDEND: addend !== undefined }),
    wasm: { entry: 'dropout', constants: [ELEMENTS_PER_UNIT, addend ? 1 : 0] },
  },
  params: [u32(sizeOf(y.shape)), u32(salt), f32(rate)],
  tensors: [x, step, y, ...(addend ? [addend] : [])],
  workgroups: flatWorkgroups(sizeOf(y.shape), 64),
  units: elementUnits(sizeOf(y.shape)),
  cost: sizeOf(y.shape) * 60,
});

/** Inverted dropout. The mask depends only on the step and the salt, so the gradient can apply it again. */
export function dropout(g: Graph, x: Tensor, drop: Drop): Tensor {
  const { step, salt, rate } = drop;
  if (rate === 0) return x;
  const y = g.intermediate(`dropout(${x.name})`, x.shape);
  return g.record({
    name: 'dropout',
    inputs: [x, step],
    outputs: [y],
    calls: () => [dropoutCall(x, drop, y)],
    reference: (value) =>
      value(x).forEach((v, i) => (value(y)[i] = isDropped(value(step)[0], salt, i, rate) ? 0 : v / (1 - rate))),
    gradient: ([dy]) => [dy && dropout(g, dy, drop)],
  });
}

/** Stops {@link unit} from dividing by 0. */
const UNIT_EPSILON = 1e-6;

const ARITHMETIC_ENTRIES = {
  ROWS: 'scaleRows',
  COLUMNS: 'addToRows',
  SCALE: 'scaled',
  BINARY: 'addScaled',
  IN_PLACE: 'addScaledInto',
  SIGN: 'sign',
  UNIT: 'unit',
} as const;

function arithmeticCall(
  form: keyof typeof ARITHMETIC_ENTRIES,
  alpha: number,
  beta: number,
  tensors: Tensor[],
): TensorCall {
  const [a] = tensors;
  const hasGaps = ({ elements, shape }: Tensor): boolean => elements !== sizeOf(shape);
  if (form !== 'IN_PLACE' && tensors.some(hasGaps)) {
    throw new Error(
      `${tensors.map(({ name }) => name).join(', ')}: a stack has gaps; take one matrix of it, or all entries`,
    );
  }
  // In place, both have the same layout, including the gaps of a stack.
  const size = form === 'IN_PLACE' ? a.elements : sizeOf(a.shape);
  const columns = a.shape.at(-1) ?? 1;
  const byRow = form === 'ROWS' || form === 'COLUMNS';
  return {
    kernel: {
      name: `arithmetic/${form.toLowerCase()}`,
      wgsl: () =>
        fillTemplate(arithmeticTemplate, {
          ROWS: form === 'ROWS',
          COLUMNS: form === 'COLUMNS',
          SCALE: form === 'SCALE',
          BINARY: form === 'BINARY',
          IN_PLACE: form === 'IN_PLACE',
          SIGN: form === 'SIGN',
          UNIT: form === 'UNIT',
          UNARY: form === 'IN_PLACE' || form === 'SIGN' || form === 'SCALE',
        }),
      wasm: { entry: ARITHMETIC_ENTRIES[form], constants: byRow ? [] : [ELEMENTS_PER_UNIT] },
    },
    params: [u32(size), u32(columns), f32(alpha), f32(beta)],
    tensors,
    workgroups: flatWorkgroups(size, 64),
    units: byRow ? size / columns : elementUnits(size),
    cost: size * 12,
  };
}

/** alpha a + beta b, elementwise. Its name does not include a and b: sums of sums would have names of any length. */
export function add(g: Graph, a: Tensor, b: Tensor, alpha = 1, beta = 1): Tensor {
  const y = g.intermediate('sum', a.shape);
  return g.record({
    name: 'add',
    inputs: [a, b],
    outputs: [y],
    calls: () => [arithmeticCall('BINARY', alpha, beta, [a, b, y])],
    reference: (value) => value(a).forEach((v, i) => (value(y)[i] = alpha * v + beta * value(b)[i])),
    gradient: ([dy]) => [dy && scale(g, dy, alpha), dy && scale(g, dy, beta)],
  });
}

/** factor · x, elementwise; x itself if the factor is 1. */
export function scale(g: Graph, x: Tensor, factor: number): Tensor {
  if (factor === 1) return x;
  const y = g.intermediate('scaled', x.shape);
  return g.record({
    name: 'scale',
    inputs: [x],
    outputs: [y],
    calls: () => [arithmeticCall('SCALE', factor, 0, [x, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = factor * v)),
    gradient: ([dy]) => [dy && scale(g, dy, factor)],
  });
}

/** x [..., columns] + bias [columns]: the bias of a linear layer. */
export function addBias(g: Graph, x: Tensor, bias: Tensor): Tensor {
  const [columns] = bias.shape;
  const y = g.intermediate('with bias', x.shape);
  return g.record({
    name: 'add bias',
    inputs: [x, bias],
    outputs: [y],
    calls: () => [arithmeticCall('COLUMNS', 1, 1, [x, bias, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = v + value(bias)[i % columns])),
    gradient: ([dy], [, wantsBias]) => [dy, dy && wantsBias ? sumOfRows(g, dy, bias) : undefined],
  });
}

/** Σ over the rows of dy [..., columns]: the gradient of a bias [columns]. */
function sumOfRows(g: Graph, dy: Tensor, bias: Tensor): Tensor {
  const [columns] = bias.shape;
  const sums = g.intermediate(`d ${bias.name}`, bias.shape);
  return g.record({
    name: 'sum of rows',
    inputs: [dy],
    outputs: [sums],
    calls: () => [{ ...planSumOfParts(sizeOf(dy.shape) / columns, columns), tensors: [dy, sums] }],
    reference: (value) => {
      value(sums).fill(0);
      value(dy).forEach((v, i) => (value(sums)[i % columns] += v));
    },
  });
}

/**
 * into ← alpha a + beta into, both in the same layout: sums gradients of micro-batches, and updates moving averages.
 */
export function addInto(g: Graph, a: Tensor, into: Tensor, alpha: number, beta: number): void {
  g.record({
    name: 'add into',
    inputs: [a],
    outputs: [into],
    effect: true,
    calls: () => [arithmeticCall('IN_PLACE', alpha, beta, [a, into])],
    reference: (value) => value(a).forEach((v, i) => (value(into)[i] = alpha * v + beta * value(into)[i])),
  });
}

/** Row r of x times weight[r], for example to hide padding. x [rows, columns], weight [rows]. */
export function scaleRows(g: Graph, x: Tensor, weight: Tensor): Tensor {
  const columns = x.shape.at(-1) ?? 1;
  const y = g.intermediate(`rows of ${x.name}`, x.shape);
  return g.record({
    name: 'scale rows',
    inputs: [x, weight],
    outputs: [y],
    calls: () => [arithmeticCall('ROWS', 1, 0, [x, weight, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = v * value(weight)[Math.floor(i / columns)])),
  });
}

/** Sign of every element: −1, 0 or 1. Its gradient is 0 almost everywhere, so it has none. */
export function sign(g: Graph, x: Tensor): Tensor {
  const y = g.intermediate(`sign(${x.name})`, x.shape);
  return g.record({
    name: 'sign',
    inputs: [x],
    outputs: [y],
    calls: () => [arithmeticCall('SIGN', 0, 0, [x, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = Math.sign(v))),
  });
}

/** x / (‖x‖ + 10⁻⁶), elementwise: the gradient of ‖x‖, and 0 where x is 0. @param squared ‖x‖², [1]. */
export function unit(g: Graph, x: Tensor, squared: Tensor): Tensor {
  const y = g.intermediate(`unit(${x.name})`, x.shape);
  return g.record({
    name: 'unit',
    inputs: [x, squared],
    outputs: [y],
    calls: () => [arithmeticCall('UNIT', UNIT_EPSILON, 0, [x, squared, y])],
    reference: (value) => {
      const norm = Math.sqrt(value(squared)[0]) + UNIT_EPSILON;
      value(x).forEach((v, i) => (value(y)[i] = v / norm));
    },
  });
}

/** Adds two gradients, for {@link Graph.backward}. */
export const sumGradients =
  (g: Graph) =>
  (a: Tensor, b: Tensor): Tensor =>
    add(g, a, b);

/**
 * The hash of `shaders/dropout.wgsl` and `shaders/subspace.wgsl`, so that references get the same numbers. u32 → u32.
 */
export function hash(word: number): number {
  const state = (Math.imul(word, 747796405) + 2891336453) >>> 0;
  const mixed = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((mixed >>> 22) ^ mixed) >>> 0;
}
