import type { Device } from '../device/device.ts';
import { wholeOf } from '../device/buffers.ts';
import { type MatmulShape, plainProduct } from '../device/matmul-shape.ts';
import { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import type { Bench, PartReport, Scope } from './bench.ts';
import { compareKernels, noise, type OwnedContender, type Sizes } from './product.ts';
import { digits, markdownTable } from './table.ts';
import { type Clock, cost, takeTurns, type Timing } from './timing.ts';

/** Those of `peer.py`: of the peers' harness, and of a feed-forward layer of t5-large. The small ones come first. */
const SHAPES: readonly Sizes[] = [
  [512, 512, 512],
  [1024, 512, 512],
  [512, 512, 2048],
  [128, 512, 4096],
  [4096, 1024, 4096],
];
const SMALL = 4;

/** A product's kernels, and the one that the device chose. */
interface Product {
  readonly sizes: Sizes;
  readonly chosen: string;
  readonly timings: readonly Timing[];
}

/** Kernels of x Wᵀ by shape, and the one that the device chooses. */
export async function measureProducts({ clock, scope, open }: Bench): Promise<PartReport> {
  const device = await open();
  try {
    const found: Product[] = [];
    for (const sizes of scope.smallProducts ? SHAPES.slice(0, SMALL) : SHAPES) {
      found.push(await measureProduct(clock, device, sizes, scope));
    }
    const rates: number[] = [];
    const rows = found.map(({ sizes, chosen, timings }) => {
      const rate = (ms: number): number => (2 * sizes[0] * sizes[1] * sizes[2]) / ms / 1e6;
      const gigaflops = (ms: number): string => digits(rate(ms));
      const best = timings.reduce((a, b) => (cost(b) < cost(a) ? b : a));
      const own = timings.find(({ name }) => name === chosen) ?? best;
      rates.push(rate(own.wallMedian));
      const all = timings.map(({ name, wallMedian }) => `${name} ${gigaflops(wallMedian)}`);
      return [sizes.join(' × '), chosen, gigaflops(own.wallMedian), best.name, all.join(', ')].slice(
        0,
        scope.chosenKernels ? 3 : undefined,
      );
    });
    const head = ['M × K × N', 'chosen', 'GFLOP per second', 'best', 'all, GFLOP per second'];
    const { choices, wrong } = device instanceof WebGpuDevice ? device.gpu.tuning : { choices: {}, wrong: [] };
    return {
      numbers: { products: found, choices, wrong },
      headline: `${digits(Math.min(...rates))} to ${digits(Math.max(...rates))} GFLOP per second`,
      text: markdownTable(head.slice(0, rows[0].length), rows),
    };
  } finally {
    await device.destroy();
  }
}

async function measureProduct(clock: Clock, device: Device, sizes: Sizes, scope: Scope): Promise<Product> {
  if (device instanceof WebGpuDevice) {
    const product = { layout: 'nt', sizes, onlyChosen: scope.chosenKernels } as const;
    return compareKernels(clock, device, product, scope.rounds);
  }
  const [M, K, N] = sizes;
  const contender = await plannedProduct(device, plainProduct('nt', M, N, K), 'WebAssembly');
  try {
    return { sizes, chosen: contender.name, timings: await takeTurns(clock, [contender], scope.rounds) };
  } finally {
    contender.destroy();
  }
}

/** A product of random matrices as the device's planner computes it. */
export async function plannedProduct(device: Device, shape: MatmulShape, name: string): Promise<OwnedContender> {
  const { M, N, K } = shape;
  const buffers = [M * K, K * N, M * N].map((floats, i) => device.buffers.storage(`operand ${i}`, floats * 4));
  buffers.slice(0, 2).forEach((buffer, i) => device.write(buffer, 0, noise(buffer.bytes / 4, i)));
  const [a, b, c] = buffers.map(wholeOf);
  const program = await device.record(name, () => device.planner.product(shape, { a, b, c }, undefined));
  return {
    name,
    run: async (times) => {
      for (let i = 0; i < times; i++) await device.run([program]);
      await device.read({ ...c, bytes: 16 });
    },
    destroy: () => [program, ...buffers].forEach((each) => each.destroy()),
  };
}
