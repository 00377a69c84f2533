import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { BlockStep, blockValues } from '../../../src/bench/block-step.ts';
import { openEmbeddedSteps } from '../../../src/bench/model-shapes.ts';
import { type OwnedContender, plannedProduct, type Sizes } from '../../../src/bench/product.ts';
import { SteppingModel, type StepTimings } from '../../../src/bench/stepping-model.ts';
import { cost, takeTurns, type Timing } from '../../../src/bench/timing.ts';
import { plainProduct } from '../../../src/device/matmul-shape.ts';
import type { WasmDevice } from '../../../src/device/wasm/wasm-device.ts';
import { startingMethod } from '../../../src/run/settings/starting-values.ts';
import type { CpuForm, BenchPlace, Section } from '../bench.ts';
import { EMBEDDED_METHODS } from './steps.ts';

/** Sizes of the peers' harness, odd ones, and the thin ones of adapters and projections. */
const SHAPES: readonly Sizes[] = [
  [512, 512, 512],
  [1024, 512, 512],
  [512, 512, 2048],
  [128, 512, 4096],
  [300, 200, 700],
  [511, 509, 513],
  [768, 128, 16],
  [768, 16, 128],
  [16, 768, 128],
];
const FORMS: readonly (CpuForm & { readonly name: string })[] = [
  { name: '1 thread', threads: 1 },
  { name: '2 threads', threads: 2 },
  { name: '1 thread, plain SIMD', threads: 1, plain: true },
];

interface Products {
  readonly sizes: Sizes;
  readonly timings: readonly Timing[];
}

/** Products on the CPU in each of its forms, and by another library where there is one. */
async function products(place: BenchPlace, devices: readonly WasmDevice[], rounds: number): Promise<Products[]> {
  const found: Products[] = [];
  for (const sizes of SHAPES) {
    const [M, K, N] = sizes;
    const shape = plainProduct('nn', M, N, K); // the layout of the other libraries
    const contenders: OwnedContender[] = [];
    try {
      for (const [i, device] of devices.entries()) contenders.push(await plannedProduct(device, shape, FORMS[i].name));
      if (place.peerCpuMatmul) contenders.push(await place.peerCpuMatmul(...sizes));
      found.push({ sizes, timings: await takeTurns(place.clock, contenders, rounds) });
    } finally {
      for (const contender of contenders) contender.destroy();
    }
  }
  return found;
}

/** A step of the encoder block on each device. */
async function blocks(place: BenchPlace, devices: readonly WasmDevice[], rounds: number): Promise<Timing[]> {
  const steps: BlockStep[] = [];
  try {
    for (const device of devices) steps.push(await BlockStep.create(device, blockValues()));
    const contenders = steps.map((block, i) => ({
      name: `block step, ${FORMS[i].name}`,
      run: async (times: number) => {
        for (let n = 0; n < times; n++) await block.step();
      },
    }));
    return await takeTurns(place.clock, contenders, rounds);
  } finally {
    for (const block of steps) block.destroy();
  }
}

/** Steps of the embedded model by each method. */
async function embedded(place: BenchPlace, threads: number, rounds: number): Promise<StepTimings[]> {
  const models: SteppingModel[] = [];
  try {
    for (const { label, method } of EMBEDDED_METHODS) {
      const settings = { ...startingMethod('embedded', method.name), ...method };
      const acquire = (): Promise<WasmDevice> => place.acquireCpu({ threads });
      models.push(await SteppingModel.open(place, acquire, label, settings, openEmbeddedSteps(place)));
    }
    for (let round = 0; round < 4 * rounds; round++) {
      for (const model of models) await model.measure('refresh');
      for (const model of models) await model.measure('step');
    }
    return models.map(({ timings }) => timings);
  } finally {
    for (const model of models) await model.destroy();
  }
}

/** The WebAssembly device: products and block steps in each form, steps of the embedded model with 1 and 2 threads. */
export const cpuSection: Section = async (place, { rounds }) => {
  const devices = await Promise.all(FORMS.map((form) => place.acquireCpu(form)));
  try {
    const [facts] = devices.map(({ facts }) => facts);
    const found = await products(place, devices, rounds);
    const block = await blocks(place, devices, rounds);
    const steps = [];
    for (const threads of [1, 2]) steps.push({ threads, methods: await embedded(place, threads, rounds) });
    const gigaflops = ([M, K, N]: Sizes, timing: Timing): string => digits((2 * M * K * N) / cost(timing) / 1e6);
    const names = found[0].timings.map(({ name }) => name);
    const productTable = markdownTable(
      ['M × K × N', ...names.map((name) => `${name}, GFLOP per CPU second`), 'two threads ÷ one, wall'],
      found.map(({ sizes, timings }) => [
        sizes.join(' × '),
        ...timings.map((timing) => gigaflops(sizes, timing)),
        digits(timings[1].wallMin / timings[0].wallMin),
      ]),
    );
    const blockTable = markdownTable(
      ['', 'ms median', 'ms min', 'CPU ms'],
      block.map(({ name, wallMedian, wallMin, cpuMedian }) => [name, ...[wallMedian, wallMin, cpuMedian].map(digits)]),
    );
    const stepTable = markdownTable(
      ['threads', 'method', 'mean over a period, CPU ms', 'wall ms', '÷ LoRA only', '÷ seq-lora'],
      steps.flatMap(({ threads, methods }) => {
        const timeOf = ({ period }: StepTimings): number => period.cpu ?? period.wall;
        const by = (label: string): number => timeOf(methods.find((each) => each.label === label) ?? methods[0]);
        return methods.map((each) => [
          String(threads),
          each.label,
          ...[each.period.cpu, each.period.wall, timeOf(each) / by('LoRA only'), timeOf(each) / by('seq-lora')].map(
            digits,
          ),
        ]);
      }),
    );
    return {
      numbers: { facts, products: found, block, steps },
      text: [`${facts.description}.`, productTable, blockTable, stepTable].join('\n\n'),
    };
  } finally {
    for (const device of devices) await device.destroy();
  }
};
