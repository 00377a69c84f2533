import { recordMethod } from '../counts/recorded-method.ts';
import { markOf } from './statistics.ts';
import { writeSync } from 'node:fs';
import type { ModelShape } from '../../../src/bench/model-shapes.ts';
import type { AttentionForm, AttentionShape } from '../../../src/device/kernel-planner.ts';
import type { Kernel } from '../../../src/device/kernel.ts';
import { type MatmulShape, plainProduct } from '../../../src/device/matmul-shape.ts';
import { PACKINGS } from '../../../src/device/packing.ts';
import { GpuPlanner } from '../../../src/device/webgpu/gpu-planner.ts';
import { openAdapter, requestAdapter } from '../../../src/device/webgpu/gpu.ts';
import { attentionVariantsOf, planAttention } from '../../../src/device/webgpu/kernels/attention.ts';
import { planVariant, variantsOf } from '../../../src/device/webgpu/kernels/matmul-variants.ts';
import { wgslOf } from '../../../src/device/webgpu/pipelines.ts';
import type { Tuning } from '../../../src/device/webgpu/tuning.ts';
import { METHOD_NAMES, methodPreset } from '../../../src/methods/registry.ts';
import { llama, t5 } from '../../../src/run/models/published-models.ts';
import { create, globals } from 'webgpu';

const HEADS = [32, 64, 128];
const FORMS: readonly AttentionForm[] = ['FORWARD', 'GRAD_Q', 'GRAD_KV'];

/**
 * Every kernel that a device may run, once for each text: all candidates of products and attention, and what programs of
 * every method begin with.
 *
 * @param tuning of the device, which has measured nothing.
 * @param halves whether it has 16-bit floats.
 */
async function kernelsOf(tuning: Tuning, halves: boolean): Promise<Kernel[]> {
  const kernels = [...productKernels(tuning, halves), ...attentionKernels(tuning), ...(await programKernels(tuning))];
  return [...new Map(kernels.map((kernel) => [wgslOf(kernel), kernel])).values()];
}

/** Sizes M × N × K that differ in their kernels: large, of a rank, of few rows; K or N or both no multiple of four. */
const SIZES: readonly (readonly [M: number, N: number, K: number])[] = [
  ...([
    [1024, 1024, 1024],
    [1024, 8, 1024],
    [80, 1024, 1024],
  ] as const),
  ...([
    [1, 1024, 1024],
    [8, 1024, 1024],
    [16, 1024, 1024],
    [8, 8, 1024],
    [8, 1024, 80],
  ] as const),
  ...([
    [1024, 1024, 1022],
    [1024, 1022, 1024],
    [1023, 1021, 1022],
    [10, 1022, 1022],
  ] as const),
];

function productShapes(halves: boolean): MatmulShape[] {
  return (['nt', 'nn', 'tn'] as const).flatMap((layout) =>
    SIZES.flatMap(([M, N, K]): MatmulShape[] => {
      const whole = plainProduct(layout, M, N, K);
      const elements = N * K;
      const packed = PACKINGS.map((packing) => ({ ...whole, packedB: { packing, elements } }));
      const plain = [whole, ...(layout === 'tn' ? [] : packed)];
      const parts = plain.map((shape) => ({ ...shape, window: { rowC: 2 * N } }));
      const all = [...plain, ...parts, { ...whole, accumulate: true }].map((shape) => ({ ...shape, addend: true }));
      return halves
        ? all.flatMap((shape) => [shape, { ...shape, halves: 'both' as const }, { ...shape, halves: 'b' as const }])
        : all;
    }),
  );
}

function productKernels(tuning: Tuning, halves: boolean): Kernel[] {
  return productShapes(halves).flatMap((shape) =>
    variantsOf(shape, tuning).flatMap((variant) => {
      const { kernel, reduce } = planVariant(shape, variant, tuning);
      return reduce === undefined ? [kernel] : [kernel, reduce.kernel];
    }),
  );
}

function attentionKernels({ isSoftware }: Tuning): Kernel[] {
  const usual = { M: 4096, H: 16, Hk: 16, scale: 1, spans: 8, distances: 0, window: null, position: false };
  const kinds: readonly Partial<AttentionShape>[] = [
    { distances: 1023 }, // of T5
    { Hk: 4, causal: true }, // of LLaMA
    { Hk: 4, causal: true, window: 128 }, // of Gemma 3
  ];
  return HEADS.flatMap((d) =>
    FORMS.flatMap((form) =>
      kinds.flatMap((kind) =>
        [8, 128, 4096].flatMap((N) =>
          attentionVariantsOf(isSoftware).map(
            (variant) => planAttention(form, { ...usual, causal: false, ...kind, d, N }, variant).kernel,
          ),
        ),
      ),
    ),
  );
}

/** Two layers are enough: the others repeat them. */
const MODELS: readonly ModelShape[] = [
  {
    name: 't5',
    config: t5(512, 2048, 2, 8),
    frozenWeights: 'f32',
    recompute: false,
    batch: { B: 8, S: 128, T: 10 },
    rows: 64,
  },
  {
    name: 'llama',
    config: llama(2048, 5632, 2, 32, 4),
    frozenWeights: '8-bit',
    recompute: true,
    batch: { B: 1, S: 512, T: 10 },
    rows: 8,
  },
];

async function programKernels(tuning: Tuning): Promise<Kernel[]> {
  const kernels: Kernel[] = [];
  for (const model of MODELS) {
    for (const method of METHOD_NAMES) {
      const { step, refresh, end, test, token } = await recordMethod(
        model,
        new GpuPlanner(tuning),
        methodPreset(method),
      );
      kernels.push(...[step, refresh, end, test, token].flatMap((all) => all.map(({ kernel }) => kernel)));
    }
  }
  return kernels;
}

const STDERR = 2;
// Held for the life of the process: Dawn crashes when its instance is collected before its devices.
let dawn: GPU;

/** Compiles every kernel on the adapter at hand, one after another, each after its mark. @returns the exit code. */
export async function main(): Promise<number> {
  Object.assign(globalThis, globals);
  dawn = create(['backend=vulkan']);
  const gpu = await openAdapter(await requestAdapter(dawn));
  const kernels = await kernelsOf(gpu.tuning, gpu.device.features.has('shader-f16'));
  console.log(`${kernels.length} kernels for ${gpu.facts.architecture}, ${gpu.facts.description}`);
  for (const kernel of kernels) {
    writeSync(STDERR, markOf(kernel.name));
    await gpu.pipelines.get(kernel);
  }
  return 0;
}
