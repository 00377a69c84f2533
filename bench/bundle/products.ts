import { type Place, type Report, tunedDevice } from '../bench.ts';
import { compareKernels, type Comparison, type Sizes } from '../product.ts';
import { digits, markdownTable } from '../table.ts';
import { cost } from '../timing.ts';

/** Those of `peer.py`: of the peers' harness, and of a feed-forward layer of t5-large. */
const SHAPES: readonly Sizes[] = [
  [512, 512, 512],
  [1024, 512, 512],
  [512, 512, 2048],
  [128, 512, 4096],
  [4096, 1024, 4096],
];
const ROUNDS = 3;

/** All kernels of x Wᵀ by shape, and the one that the device chooses. */
export async function measureProducts(place: Place): Promise<Report> {
  const device = await tunedDevice(place);
  try {
    const found: Comparison[] = [];
    for (const sizes of SHAPES) {
      found.push(await compareKernels(place.clock, device.gpu, { layout: 'nt', sizes }, ROUNDS));
    }
    const rows = found.map(({ sizes, chosen, timings }) => {
      const gigaflops = (ms: number): string => digits((2 * sizes[0] * sizes[1] * sizes[2]) / ms / 1e6);
      const best = timings.reduce((a, b) => (cost(b) < cost(a) ? b : a));
      const own = timings.find(({ name }) => name === chosen) ?? best;
      const all = timings.map(({ name, wallMedian }) => `${name} ${gigaflops(wallMedian)}`);
      return [sizes.join(' × '), chosen, gigaflops(own.wallMedian), best.name, all.join(', ')];
    });
    const head = ['M × K × N', 'chosen', 'GFLOP per second', 'best', 'all, GFLOP per second'];
    const { choices, wrong } = device.gpu.tuning;
    return { numbers: { products: found, choices, wrong }, text: markdownTable(head, rows) };
  } finally {
    await device.destroy();
  }
}
