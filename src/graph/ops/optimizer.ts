import template from '../../../shaders/optimizer.wgsl?raw';
import { ELEMENTS_PER_UNIT, elementUnits, f32, flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { threadsOfRow, workgroupTree } from '../../device/tree.ts';
import type { Graph, TensorCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** Adam's constants; docs/method.md, eq. (5). */
export const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-6 } as const;

/**
 * The factor of m / (√v + ε) in a step: the learning rate with bias correction for both moments.
 *
 * @param step counted from 1, the first step of a task.
 */
export function adamStepSize(learningRate: number, step: number): number {
  return (learningRate * Math.sqrt(1 - ADAM.beta2 ** step)) / (1 - ADAM.beta1 ** step);
}

const ENTRIES = {
  PRODUCTS: 'innerProducts',
  CLIP: 'clipFactor',
  ADAM: 'adam',
  APPLY: 'applyUpdate',
} as const;
type Form = keyof typeof ENTRIES;

/** `count` tensors of `size` elements, `stride` elements apart. */
export interface StackShape {
  count: number;
  size: number;
  stride: number;
}

function call(
  form: Form,
  stack: StackShape,
  tensors: Tensor[],
  options: { index?: number; limit?: number; scale?: number; into?: boolean; sharesRows?: boolean } = {},
): TensorCall {
  const { count, size, stride } = stack;
  const { sharesRows = false } = options;
  const elements = count * stride;
  const width = elements % 4 === 0 ? 4 : 1;
  const isSum = form === 'PRODUCTS' || form === 'CLIP';
  const threads = isSum ? threadsOfRow(form === 'CLIP' ? count : size, sharesRows) : 64;
  const workgroups = isSum ? flatWorkgroups(form === 'CLIP' ? 1 : count, 1) : flatWorkgroups(elements / width, threads);
  return {
    kernel: {
      name: `optimizer/${form.toLowerCase()}${threads > 64 ? `-${threads}` : ''}`,
      wgsl: () =>
        (isSum ? workgroupTree({ name: 'sumOfAll', type: 'f32', threads }) : '') +
        fillTemplate(template, {
          THREADS: threads,
          PRODUCTS: form === 'PRODUCTS',
          CLIP: form === 'CLIP',
          ADAM: form === 'ADAM',
          APPLY: form === 'APPLY',
          INTO: options.into === true,
          T: width === 4 ? 'vec4f' : 'f32',
          WIDTH: width,
        }),
      wasm: { entry: options.into ? 'adamInto' : ENTRIES[form], constants: [ELEMENTS_PER_UNIT] },
    },
    params: [
      ...[count, size, stride, options.index ?? 0].map(u32),
      ...[ADAM.beta1, ADAM.beta2, ADAM.eps, options.limit ?? 0, options.scale ?? 1].map(f32),
    ],
    tensors,
    workgroups,
    units: form === 'CLIP' ? 1 : isSum ? count : elementUnits(elements),
    cost: elements * (form === 'ADAM' ? 24 : 8),
  };
}

/** ‖x‖² of every tensor of a stack, into `into` [≥ count]. */
export const squares = (g: Graph, x: Tensor, stack: StackShape, into: Tensor): void =>
  innerProducts(g, x, x, stack, into);

/** Σ x y of every pair of tensors of two stacks of one layout, into `into` [≥ count]. */
export function innerProducts(g: Graph, x: Tensor, y: Tensor, stack: StackShape, into: Tensor): void {
  g.record({
    name: 'inner products',
    inputs: [x, y],
    outputs: [into],
    effect: true,
    calls: ({ sharesRows }) => [call('PRODUCTS', stack, [x, y, into], { sharesRows })],
    reference: (value) => {
      for (let n = 0; n < stack.count; n++) {
        let sum = 0;
        for (let i = 0; i < stack.size; i++) sum += value(x)[n * stack.stride + i] * value(y)[n * stack.stride + i];
        value(into)[n] = sum;
      }
    },
  });
}

/**
 * Norm of all gradients together and the factor that clips it, as in torch.nn.utils.clip_grad_norm_: docs/method.md,
 * eq. (4).
 *
 * @param squared [n]: ‖·‖² of every trainable tensor; unused entries are 0.
 * @param into [2]: norm, factor.
 */
export function clipFactor(g: Graph, squared: Tensor, maxNorm: number, into: Tensor): void {
  const count = sizeOf(squared.shape);
  g.record({
    name: 'clip factor',
    inputs: [squared],
    outputs: [into],
    effect: true,
    calls: () => [call('CLIP', { count, size: 1, stride: 1 }, [squared, into], { limit: maxNorm })],
    reference: (value) => {
      const norm = Math.sqrt(Float64Array.from(value(squared)).reduce((sum, x) => sum + x, 0));
      value(into)[0] = norm;
      value(into)[1] = Math.min(1, maxNorm / (norm + 1e-6));
    },
  });
}

/** Adam's state and inputs. */
export interface AdamState {
  /** First and second moment, of the gradient's shape; changed in place. */
  m: Tensor;
  v: Tensor;
  /** [2]: norm, factor; the gradient is multiplied by the factor. */
  clip: Tensor;
  /** Step sizes of the groups, lr √(1−β₂ᵗ)/(1−β₁ᵗ), written by the host before every step. */
  rates: Tensor;
  /** This group's index in `rates`. */
  index: number;
}

/** Updates the moments of a stack by a gradient. @returns rate · m / (√v + ε) of an element. */
function adamReference(value: (t: Tensor) => Numbers, gradient: Tensor, { m, v, clip, rates, index }: AdamState) {
  return (i: number): number => {
    const x = value(gradient)[i] * value(clip)[1];
    value(m)[i] = ADAM.beta1 * value(m)[i] + (1 - ADAM.beta1) * x;
    value(v)[i] = ADAM.beta2 * value(v)[i] + (1 - ADAM.beta2) * x * x;
    return (value(rates)[index] * value(m)[i]) / (Math.sqrt(value(v)[i]) + ADAM.eps);
  };
}

/** One step of Adam on a stack of gradients. @returns rate · m / (√v + ε), to subtract from the weights. */
export function adam(g: Graph, gradient: Tensor, stack: StackShape, state: AdamState): Tensor {
  const { m, v, clip, rates, index } = state;
  const elements = stack.count * stack.stride;
  const update = g.intermediate(`update of ${gradient.name}`, gradient.shape, 'f32', elements);
  return g.record({
    name: 'adam',
    inputs: [gradient, clip, rates],
    outputs: [update, m, v],
    effect: true,
    calls: () => [call('ADAM', stack, [gradient, clip, m, v, rates, update], { index })],
    reference: (value) => {
      const step = adamReference(value, gradient, state);
      for (let i = 0; i < elements; i++) value(update)[i] = step(i);
    },
  });
}

/** One step of Adam, weights ← weights − scale · rate · m / (√v + ε), in one pass. */
export function adamInto(
  g: Graph,
  gradient: Tensor,
  stack: StackShape,
  state: AdamState,
  weights: Tensor,
  scale = 1,
): void {
  const { m, v, clip, rates, index } = state;
  g.record({
    name: 'adam into weights',
    inputs: [gradient, clip, rates],
    outputs: [weights, m, v],
    effect: true,
    calls: () => [call('ADAM', stack, [gradient, clip, m, v, rates, weights], { index, scale, into: true })],
    reference: (value) => {
      const step = adamReference(value, gradient, state);
      for (let i = 0; i < stack.count * stack.stride; i++) value(weights)[i] -= scale * step(i);
    },
  });
}

/** weights ← weights − scale · update. */
export function applyUpdate(g: Graph, update: Tensor, stack: StackShape, weights: Tensor, scale = 1): void {
  g.record({
    name: 'apply update',
    inputs: [update],
    outputs: [weights],
    effect: true,
    calls: () => [call('APPLY', stack, [update, weights], { scale })],
    reference: (value) => {
      for (let i = 0; i < stack.count * stack.stride; i++) value(weights)[i] -= scale * value(update)[i];
    },
  });
}
