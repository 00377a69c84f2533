import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { chosenKernel, compareKernels, type Comparison, productBy, type Sizes } from '../../../src/bench/product.ts';
import { cost, takeTurns } from '../../../src/bench/timing.ts';
import { type MatmulLayout, plainProduct } from '../../../src/device/matmul-shape.ts';
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts';
import { type BenchPlace, type Section, tunedDevice } from '../bench.ts';

/** The four sizes of the peers' harness, and the skinny ones of adapters and projections. */
const SHAPES: readonly Sizes[] = [
  [512, 512, 512],
  [1024, 512, 512],
  [512, 512, 2048],
  [128, 512, 4096],
  [1024, 512, 8],
  [1024, 32, 512],
];
/** Odd sizes, and the same padded to multiples of four. */
const ODD: readonly (readonly [odd: Sizes, padded: Sizes])[] = [
  [
    [511, 509, 513],
    [512, 512, 516],
  ],
  [
    [255, 130, 1021],
    [256, 132, 1024],
  ],
];
const LAYOUTS: readonly MatmulLayout[] = ['nt', 'nn', 'tn'];

/**
 * Compares the kernels of a matrix product by shape and layout, with those of another library where there is one and
 * those that round operands where the device can. Then compares odd sizes with padded ones.
 */
export const matmulSection: Section = async (place, { rounds, quick }) => {
  const device = await tunedDevice(place);
  const { gpu } = device;
  try {
    const products: Comparison[] = [];
    for (const sizes of quick ? SHAPES.slice(0, 1) : SHAPES) {
      for (const layout of LAYOUTS) {
        // Other libraries multiply matrices as they are: layout nn.
        const peers = layout === 'nn' && place.peerMatmul ? [await place.peerMatmul(...sizes)] : [];
        products.push(await compareKernels(place.clock, device, { layout, sizes }, rounds, peers));
      }
    }
    if (gpu.device.features.has('shader-f16')) {
      for (const sizes of quick ? [] : SHAPES.slice(0, 3)) {
        products.push(await compareKernels(place.clock, device, { layout: 'nt', sizes, halves: 'both' }, rounds));
      }
    }
    const odd: OddRatio[] = [];
    for (const pair of quick ? ODD.slice(0, 1) : ODD) {
      for (const layout of LAYOUTS) odd.push(await oddRatio(place, device, layout, pair, rounds));
    }
    const oddTable = markdownTable(
      ['layout', 'odd', 'by', 'padded', 'by', 'time of odd / padded'],
      odd.map(({ layout, odd, padded, kernels, ratio }) => [
        layout,
        odd.join(' × '),
        kernels[0],
        padded.join(' × '),
        kernels[1],
        digits(ratio),
      ]),
    );
    return {
      numbers: { products, odd },
      text: [...products.map(productText), `### Odd and padded sizes, chosen kernels\n\n${oddTable}`].join('\n'),
    };
  } finally {
    await device.destroy();
  }
};

interface OddRatio {
  layout: MatmulLayout;
  odd: Sizes;
  padded: Sizes;
  kernels: readonly [odd: string, padded: string];
  /** Time of the odd product over that of the padded one. */
  ratio: number;
}

async function oddRatio(
  { clock }: BenchPlace,
  device: WebGpuDevice,
  layout: MatmulLayout,
  [odd, padded]: readonly [Sizes, Sizes],
  rounds: number,
): Promise<OddRatio> {
  const contenders = [];
  try {
    for (const sizes of [odd, padded]) {
      const [M, K, N] = sizes;
      const shape = plainProduct(layout, M, N, K);
      contenders.push(await productBy(device.gpu, shape, await chosenKernel(device, shape)));
    }
    const [a, b] = await takeTurns(clock, contenders, rounds);
    return { layout, odd, padded, kernels: [a.name, b.name], ratio: cost(a) / cost(b) };
  } finally {
    for (const contender of contenders) contender.destroy();
  }
}

function productText({ layout, sizes, halves, chosen, timings }: Comparison): string {
  const flops = 2 * sizes[0] * sizes[1] * sizes[2];
  const rows = timings.map((timing) => {
    const { name, wallMedian, wallMin, cpuMedian, first } = timing;
    const gigaflops = flops / cost(timing) / 1e6;
    return [
      name === chosen ? `${name} (chosen)` : name,
      ...[wallMedian, wallMin, cpuMedian, gigaflops, first].map(digits),
    ];
  });
  const head = ['kernel', 'ms median', 'ms min', 'CPU ms', 'GFLOP per (CPU) second', 'first ms'];
  const rounded = halves ? ', operands may be rounded to f16' : '';
  return `### ${layout}, ${sizes.join(' × ')} (M × K × N)${rounded}\n\n${markdownTable(head, rows)}\n`;
}

/**
 * One product for each class in the steps of the embedded model (8 × 96), t5-small (8 × 128) and the measured block,
 * and some odd ones. Where the class allows it, the sizes differ from those that the device measures for the class.
 */
const PRODUCTS: readonly (readonly [MatmulLayout, Sizes])[] = [
  // Forward pass: x Wᵀ.
  ['nt', [768, 128, 128]],
  ['nt', [768, 128, 512]],
  ['nt', [768, 512, 128]],
  ['nt', [1024, 512, 512]],
  ['nt', [1024, 512, 2048]],
  ['nt', [512, 256, 1024]],
  ['nt', [80, 512, 2048]],
  ['nt', [100, 70, 90]],
  ['nt', [511, 509, 513]],
  // Gradients of inputs: dy W.
  ['nn', [768, 128, 128]],
  ['nn', [1024, 512, 512]],
  ['nn', [512, 1024, 256]],
  ['nn', [300, 200, 700]],
  // Gradients of weights: dyᵀ x.
  ['tn', [512, 512, 256]],
  ['tn', [1024, 512, 256]],
  ['tn', [512, 1024, 512]],
  ['tn', [509, 511, 129]],
];

/** How close the kernels that the device chooses come to the best of those it chooses from. */
export const selectionSection: Section = async (place, { rounds, quick }) => {
  const device = await tunedDevice(place);
  try {
    const products: (Comparison & { best: string; ratio: number })[] = [];
    for (const [layout, sizes] of quick ? PRODUCTS.filter((_, i) => i % 6 === 0) : PRODUCTS) {
      const compared = await compareKernels(place.clock, device, { layout, sizes }, rounds);
      products.push({ ...compared, ...distance(compared) });
    }
    const rows = products.map(({ layout, sizes, shapeClass, chosen, best, ratio, timings }) => [
      `${layout} ${sizes.join(' × ')}`,
      shapeClass ?? 'no choice',
      chosen,
      best,
      digits(ratio),
      timings.map((timing) => `${timing.name} ${digits(cost(timing))}`).join(', '),
    ]);
    const head = ['product', 'class', 'chosen', 'best', 'chosen / best', 'milliseconds'];
    return { numbers: products, text: markdownTable(head, rows) };
  } finally {
    await device.destroy();
  }
};

/** Time of the chosen kernel over that of the best. */
function distance({ chosen, timings }: Comparison): { best: string; ratio: number } {
  const best = timings.reduce((a, b) => (cost(b) < cost(a) ? b : a));
  const own = timings.find(({ name }) => name === chosen) ?? best;
  return { best: best.name, ratio: cost(own) / cost(best) };
}
