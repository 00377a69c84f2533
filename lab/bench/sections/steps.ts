import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { formatBytes } from '../../../src/base/units.ts';
import { memoryStore } from '../../../src/bench/bench.ts';
import { openEmbeddedSteps, randomBatch, randomWeights } from '../../../src/bench/model-shapes.ts';
import {
  type OpenModel,
  STEP_METHODS,
  type StepMethod,
  SteppingModel,
  type StepTimings,
} from '../../../src/bench/stepping-model.ts';
import { apiOverhead } from '../../../src/bench/submit-and-read.ts';
import type { Timing } from '../../../src/bench/timing.ts';
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts';
import { networkOf } from '../../../src/run/models/open-network.ts';
import { t5 } from '../../../src/run/models/published-models.ts';
import { startingMethod } from '../../../src/run/settings/starting-values.ts';
import { type BenchPlace, type Section, tunedDevice } from '../bench.ts';

// The default method, compared with one adapter for all tasks.
export const EMBEDDED_METHODS: readonly StepMethod[] = [
  ...STEP_METHODS,
  { label: 'seq-lora', method: { name: 'seq-lora' } },
  { label: 'gorp-plus', method: { name: 'gorp-plus' } },
];

/** Steps of the embedded model. */
export const embeddedSteps: Section = (place, { rounds }) =>
  steps(place, rounds, 'the embedded model', EMBEDDED_METHODS, openEmbeddedSteps(place));

// On an adapter that computes on the CPU a step takes about ten CPU seconds, so few rounds suffice.
const T5_SMALL_ROUNDS = 3;

/** A random t5-small with a batch of 8 × 128. */
export const openT5SmallSteps: OpenModel = (device) => {
  const { network, targets } = networkOf(device, t5(512, 2048, 6, 8), { sourceLength: 128, targetLength: 4 });
  return Promise.resolve({ network, targets, read: randomWeights(network.shapes), batch: randomBatch(8, 128, 4) });
};

/** Steps of the random t5-small. */
export const t5SmallSteps: Section = (place, { rounds }) =>
  steps(place, Math.min(rounds, T5_SMALL_ROUNDS), 't5-small, random weights', STEP_METHODS, openT5SmallSteps);

async function steps(place: BenchPlace, rounds: number, name: string, methods: readonly StepMethod[], open: OpenModel) {
  const store = memoryStore();
  const devices: WebGpuDevice[] = [];
  const acquire = async (): Promise<WebGpuDevice> => {
    const device = await tunedDevice(place, store);
    devices.push(device);
    return device;
  };
  const models: SteppingModel[] = [];
  try {
    for (const { label, method } of methods) {
      const settings = { ...startingMethod('embedded', method.name), ...method };
      models.push(await SteppingModel.open(place, acquire, label, settings, open));
    }
    for (let round = 0; round < rounds; round++) {
      for (const model of models) await model.measure('refresh');
      for (const model of models) await model.measure('step');
    }
    const found = models.map((model) => model.timings);
    const [{ batch }] = models;
    const longest = (of: 'source' | 'label'): number => Math.max(...batch.map((row) => row[of].length));
    const sizes = { B: batch.length, S: longest('source'), T: longest('label') };
    const max = Math.max(...found.map(({ calls }) => calls.dispatches));
    const overhead = await apiOverhead(devices[0].gpu, place.clock, max, rounds);
    return {
      numbers: { model: name, sizes, methods: found, overhead },
      text: textOf(name, sizes, found, overhead),
    };
  } finally {
    for (const model of models) await model.destroy();
  }
}

function textOf(
  name: string,
  { B, S, T }: { B: number; S: number; T: number },
  found: readonly StepTimings[],
  overhead: Timing,
): string {
  const [lora] = found;
  const rows = found.map((each) => [
    each.label,
    ...[each.step.cpuMedian, each.refresh.cpuMedian, each.period.cpu].map(digits),
    each.period.cpu === null || lora.period.cpu === null ? '–' : digits(each.period.cpu / lora.period.cpu),
    ...[each.period.wall, each.period.wall / lora.period.wall, each.host, each.first].map(digits),
    `${each.calls.dispatches} / ${each.refreshCalls.dispatches}`,
    `${each.calls.submits} / ${each.refreshCalls.submits}`,
    formatBytes(each.peakBytes),
    each.losses.map((loss) => loss.toFixed(4)).join(' '),
  ]);
  const head = [
    '',
    'step, CPU ms',
    'refresh step, CPU ms',
    'mean over a period, CPU ms',
    '/ LoRA',
    'mean, wall ms',
    '/ LoRA',
    'host ms a step',
    'first step ms',
    'dispatches',
    'submits',
    'peak',
    'losses',
  ];
  return [
    `Second task of ${name}, ${B} × ${S} tokens, labels of ${T}; a basis for ${found[1].period.steps} steps.\n`,
    markdownTable(head, rows),
    `\n${overhead.name}, one submit, four bytes read back: ${digits(overhead.wallMedian)} ms, ${digits(overhead.cpuMedian)} CPU ms.`,
  ].join('\n');
}
