import { GorpError } from '../../base/errors.ts';
import type { BufferRange } from '../buffers.ts';
import type { DeviceFacts } from '../device.ts';
import type { AttentionForm, AttentionShape } from '../kernel-planner.ts';
import type { Gpu } from './gpu.ts';
import {
  ATTENTION_VARIANTS,
  type AttentionClass,
  type AttentionVariant,
  attentionVariantsOf,
  planAttention,
} from './kernels/attention.ts';
import { MATMUL_VARIANTS } from './kernels/matmul-variants.ts';
import { type Measuring, quickestMatmul, quickestOf } from './quickest.ts';
import { type KernelChoices, readKernelChoices, type Wanted } from './tuning.ts';

/** Stores choices by device from one start to the next. */
export interface TuningStore {
  read(device: string): Promise<unknown>;
  write(device: string, choices: KernelChoices): Promise<void>;
}

/** The parts that measuring needs from where it runs. */
export interface TuningHost {
  /** A clock in milliseconds. */
  now: () => number;
  store: TuningStore;
  /** Names browser or program and their version: another compiler may prefer another kernel. */
  platform: string;
  /** Logs what was noticed, for diagnosis. */
  warn?: (text: string) => void;
}

/** Reports how many of all classes have been measured. */
export type OnMeasured = (done: number, total: number) => void;

/** The key under which choices are stored: where there are other kernels to choose from, other choices may be right. */
function tuningKey(
  { vendor, architecture, description }: Pick<DeviceFacts, 'vendor' | 'architecture' | 'description'>,
  platform: string,
): string {
  return [vendor, architecture, description, platform, ...MATMUL_VARIANTS, ...ATTENTION_VARIANTS].join(' | ');
}

/**
 * Measures which of several kernels is the fastest on a device, since the best on one adapter is bad on another and
 * names do not tell. It measures before a program runs with them, so that a run uses one choice from its first step to
 * its last, and stores the choices for the next.
 */
export class Tuner {
  readonly #gpu: Gpu;
  readonly #host: TuningHost;
  readonly #key: string;
  readonly #measuring: Measuring;
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(gpu: Gpu, host: TuningHost, key: string) {
    this.#gpu = gpu;
    this.#host = host;
    this.#key = key;
    this.#measuring = {
      clocks: { now: host.now, timestamps: gpu.device.features.has('timestamp-query') },
      tooSlow: new Set(),
      leaveOut: (kernel) => this.#leaveOut(kernel),
    };
  }

  /** Takes known choices from the store. */
  static async open(gpu: Gpu, host: TuningHost): Promise<Tuner> {
    const key = tuningKey(gpu.facts, host.platform);
    const known = readKernelChoices(await host.store.read(key));
    if (known !== undefined) gpu.tuning.adopt(known);
    return new Tuner(gpu, host, key);
  }

  /**
   * Measures what programs asked for and no measurement has decided, on an idle device; nothing is left to measure then.
   * A class that cannot be measured, for instance because there is no room, keeps its first kernel.
   *
   * @throws GorpError `device/wrong-results` where the driver compiles every kernel of a class wrongly; `device/lost`.
   */
  measure(report: OnMeasured = () => undefined): Promise<void> {
    const measured = this.#last.then(() => this.#measureAll(report));
    this.#last = measured.catch(() => undefined); // reported to its caller
    return measured;
  }

  /** Stops measuring for good; resolves when its memory on the device is free. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#last;
  }

  async #measureAll(report: OnMeasured): Promise<void> {
    const { tuning, turns } = this.#gpu;
    const { wanted } = tuning;
    if (wanted.length === 0) return;
    await turns.idle();
    for (const [i, one] of wanted.entries()) {
      if (this.#isStopped) return;
      report(i, wanted.length);
      try {
        await this.#choose(one);
      } catch (thrown) {
        this.#gpu.check(); // on a lost device, failures have that cause
        if (thrown instanceof GorpError && thrown.code === 'device/wrong-results') throw thrown;
        tuning.giveUp(one);
      }
    }
    report(wanted.length, wanted.length);
    await this.#host.store.write(this.#key, tuning.choices);
  }

  async #choose(wanted: Wanted): Promise<void> {
    const { tuning } = this.#gpu;
    if (wanted.of === 'attention') {
      tuning.chooseAttention(wanted.shapeClass, await quickestAttention(this.#gpu, wanted, this.#measuring));
    } else tuning.choose(wanted.shapeClass, await quickestMatmul(this.#gpu, wanted.shape, this.#measuring));
  }

  #leaveOut(kernel: string): void {
    const { tuning } = this.#gpu;
    if (tuning.wrong.includes(kernel)) return;
    tuning.leaveOut(kernel);
    this.#host.warn?.(`The graphics driver compiles the kernel ${kernel} wrongly: it is left out.`);
  }
}

/** Rows that fill a card, like a training step of t5-small: R of L tokens. */
const ROWS = { R: 4, L: 256, H: 8 };

/** Largest error that rounding explains: of a weighted mean of values of at most 1, and of sums of such values. */
const ERROR = { FORWARD: 1e-4, GRAD_Q: 1e-3, GRAD_KV: 1e-3 } as const;

/** The fastest kernel for a class of attentions. */
function quickestAttention(gpu: Gpu, { form, d }: AttentionClass, measuring: Measuring): Promise<AttentionVariant> {
  const { R, L, H } = ROWS;
  const N = R * L;
  const sizes = { N, M: N, H, Hk: H, d, scale: 0.1, spans: R, distances: 0 };
  const shape: AttentionShape = { ...sizes, causal: false, window: null, position: false };
  const spans = Array.from({ length: R }, (_, row) => [row * L, L, row * L, L, 0, 0]).flat();
  const [values, queries] = [N * H * d, N * H];
  const back = { floats: 2 * queries + spans.length, end: spans };
  const table = { floats: spans.length, end: [...new Float32Array(Uint32Array.from(spans).buffer)] }; // u32 there
  // The last result is compared: o, dq, or dk, which depends on all that dv does.
  const vectors = [values, values, values].map((floats) => ({ floats }));
  const { inputs, outputs } = {
    FORWARD: { inputs: [...vectors, table], outputs: [queries, values] },
    GRAD_Q: { inputs: [...vectors, back, { floats: values }], outputs: [values] },
    GRAD_KV: { inputs: [...vectors, back, { floats: values }], outputs: [values, values] },
  }[form];
  const ordered = (tensors: readonly BufferRange[]): readonly BufferRange[] =>
    form === 'GRAD_KV' ? [...tensors.slice(0, 5), tensors[6], tensors[5]] : tensors;
  const candidates = attentionVariantsOf(gpu.tuning.isSoftware).map((name) => ({
    name,
    steps: (tensors: readonly BufferRange[]) => [{ ...planAttention(form, shape, name), tensors: ordered(tensors) }],
    error: ERROR[form],
  }));
  const at = (from: readonly Float32Array[], entry: number): [place: number, value: number] => [
    entry,
    entryOf(form, shape, from, entry),
  ];
  return quickestOf(gpu, candidates, { inputs, outputs }, { entries: values, at }, measuring);
}

/** An entry of o, dq or dk, from noise: q, k, v, then the spans, or lse and delta of every query before them, and do. */
function entryOf(
  form: AttentionForm,
  { H, d, scale }: AttentionShape,
  [q, k, v, back, dout]: readonly Float32Array[],
  entry: number,
): number {
  const { L } = ROWS;
  const [row, e, h] = [Math.floor(entry / d) * d, entry % d, Math.floor(entry / d) % H];
  const first = Math.floor(entry / (L * H * d)) * L;
  const dot = (x: Float32Array, i: number, y: Float32Array, j: number): number => {
    let sum = 0;
    for (let n = 0; n < d; n++) sum += x[i + n] * y[j + n];
    return sum;
  };
  let [sum, weights] = [0, 0];
  for (let n = first; n < first + L; n++) {
    const column = (n * H + h) * d;
    const [query, key] = form === 'GRAD_KV' ? [column, row] : [row, column];
    const score = scale * dot(q, query, k, key); // small
    if (form === 'FORWARD') {
      weights += Math.exp(score);
      sum += Math.exp(score) * v[key + e];
      continue;
    }
    const line = (2 * query) / d;
    const ds = Math.exp(score - back[line]) * (dot(dout, query, v, key) - back[line + 1]);
    sum += ds * scale * (form === 'GRAD_Q' ? k[key + e] : q[query + e]);
  }
  return form === 'FORWARD' ? sum / weights : sum;
}
