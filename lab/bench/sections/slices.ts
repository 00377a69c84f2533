import { timeSubmits } from '../../../src/device/webgpu/device-timer.ts';
import { type BenchPlace, type Section, tunedDevice } from '../bench.ts';
import { openT5SmallSteps } from './steps.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import { memoryStore } from '../../../src/bench/bench.ts';
import { openEmbeddedSteps } from '../../../src/bench/model-shapes.ts';
import { type OpenModel, SteppingModel } from '../../../src/bench/stepping-model.ts';
import { type Spent, median } from '../../../src/bench/timing.ts';
import { Pace, type Paced, type Place as PlaceInWork, type Slice } from '../../../src/device/webgpu/pace.ts';
import { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts';
import { startingMethod } from '../../../src/run/settings/starting-values.ts';

// Pairs of steps until slices reach their target length.
const WARM_UP = 4;

/** Cuts work into slices by measured time, or submits each run of programs as a whole. */
class SwitchedPace {
  isSliced = true;
  readonly #pace = new Pace();

  cut<Call extends Paced>(work: readonly Call[], place: PlaceInWork): Slice<Call> {
    if (this.isSliced) return this.#pace.cut(work, place);
    return { calls: work, next: { call: work.length, piece: 0 }, expected: 0, isGuess: false };
  }

  note(slice: Slice, milliseconds: number, mayBeShort: boolean): void {
    if (this.isSliced) this.#pace.note(slice, milliseconds, mayBeShort);
  }
}

/** Milliseconds of a step in slices and as a whole: a pair of steps, one of them with a refresh. */
interface Slicing {
  readonly model: string;
  readonly sliced: Medians;
  readonly whole: Medians;
  /** Median over pairs of consecutive measurements. */
  readonly cpuRatio: number | null;
  readonly wallRatio: number;
  /** Two steps in slices: the number of submits, and the longest. */
  readonly submits: number;
  readonly longestSubmit: number;
  /** The longest submit of the first steps of a device: its kernels have been compiled, but not timed. */
  readonly longestAtFirst: number;
}

interface Medians {
  readonly wall: number;
  readonly cpu: number | null;
}

/** Steps in slices and the same steps submitted as a whole, alternately, on one device with the same programs. */
export const slicesSection: Section = async (place, { rounds, quick }) => {
  const models: [string, OpenModel][] = [['the embedded model', openEmbeddedSteps(place)]];
  if (!quick) models.push(['t5-small, random weights', openT5SmallSteps]);
  const found: Slicing[] = [];
  for (const [name, open] of models) found.push(await compare(place, name, open, rounds));
  return { numbers: found, text: textOf(found) };
};

async function compare(place: BenchPlace, name: string, open: OpenModel, rounds: number): Promise<Slicing> {
  const pace = new SwitchedPace();
  const store = memoryStore();
  const queues: GPUQueue[] = [];
  const firstSteps: (() => Promise<number[]>)[] = [];
  const acquire = async (): Promise<WebGpuDevice> => {
    const { gpu } = await tunedDevice(place, store);
    queues.push(gpu.device.queue);
    firstSteps.push(timeSubmits(gpu.device.queue));
    return new WebGpuDevice(gpu, { now: () => place.clock.now(), pace });
  };
  const openModel = () => SteppingModel.open(place, acquire, name, startingMethod('embedded', 'gorp'), open);
  // Drivers that compute on the CPU compile a kernel during its first submit and cache the result.
  const compiling = await openModel();
  await firstSteps[0]();
  await compiling.destroy();
  const model = await openModel();
  try {
    const atFirst = await firstSteps[1]();
    const pair = async (isSliced: boolean): Promise<Spent> => {
      pace.isSliced = isSliced;
      return sum(await model.measure('refresh'), await model.measure('step'));
    };
    for (let i = 0; i < WARM_UP; i++) await pair(true);
    const [sliced, whole]: Spent[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      // First in one order, then in the other, so that drift favours neither.
      const order = round % 2 === 0 ? [true, false] : [false, true];
      for (const isSliced of order) (isSliced ? sliced : whole).push(await pair(isSliced));
    }
    const stopTiming = timeSubmits(queues[1]);
    await pair(true);
    const submits = await stopTiming();
    const cpuRatios = sliced.flatMap(({ cpu }, i) => {
      const other = whole[i].cpu;
      return cpu === null || other === null ? [] : [cpu / other];
    });
    return {
      model: name,
      sliced: mediansOf(sliced),
      whole: mediansOf(whole),
      cpuRatio: cpuRatios.length > 0 ? median(cpuRatios) : null,
      wallRatio: median(sliced.map(({ wall }, i) => wall / whole[i].wall)),
      submits: submits.length,
      longestSubmit: Math.max(...submits),
      longestAtFirst: Math.max(...atFirst),
    };
  } finally {
    await model.destroy();
  }
}

const sum = (a: Spent, b: Spent): Spent => ({
  wall: a.wall + b.wall,
  cpu: a.cpu === null || b.cpu === null ? null : a.cpu + b.cpu,
});

function mediansOf(spent: readonly Spent[]): Medians {
  const cpu = spent.flatMap(({ cpu }) => (cpu === null ? [] : [cpu]));
  return { wall: median(spent.map(({ wall }) => wall)), cpu: cpu.length > 0 ? median(cpu) : null };
}

function textOf(found: readonly Slicing[]): string {
  const head = [
    'two steps of `gorp`, one with a refresh',
    'sliced, CPU ms',
    'whole, CPU ms',
    'ratio',
    'ratio, wall',
    'submits',
    'longest submit ms',
    'at first',
  ];
  const rows = found.map((each) => [
    each.model,
    ...[each.sliced.cpu, each.whole.cpu].map(digits),
    ...[each.cpuRatio, each.wallRatio].map((ratio) => (ratio === null ? '–' : ratio.toFixed(3))),
    String(each.submits),
    ...[each.longestSubmit, each.longestAtFirst].map(digits),
  ]);
  return markdownTable(head, rows);
}
