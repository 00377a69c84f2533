import type { MatmulLayout } from '../../../src/device/matmul-shape.ts';
import { type Section, tunedDevice } from '../bench.ts';
import { compareKernels, type Comparison, type Sizes } from '../../../src/bench/product.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { cost } from '../../../src/bench/timing.ts';

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
