import * as v from 'valibot';
import { wholeOf } from '../../device/buffers.ts';
import { countingDevice, outlineOf, type Work } from '../../device/counting-device.ts';
import type { Device } from '../../device/device.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { activation } from '../../graph/ops/elementwise.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { rmsNorm } from '../../graph/ops/norm.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { type Speed, SpeedSchema } from './duration.ts';

// A feed-forward layer of a small transformer: rows are tokens.
const LAYER = { width: 256, inner: 1024 };
/** So few tokens that a processor takes milliseconds, and so many that a graphics card has enough to do at once. */
const TOKENS = { few: 128, many: 512 };
/** Seconds that a layer takes at least where few tokens say what many would. */
const SLOW = 0.003;
// Kernels so small that they measure the cost of a call.
const TINY = { calls: 64, tokens: 4, width: 16 };
/** Minimum milliseconds of a measurement: clocks of browsers go in steps of up to one. */
const ENOUGH = 8;
const TAKES = 3;

/** A program with its tensors. */
interface Probe {
  readonly compiled: Compiled;
  readonly result: Tensor;
  destroy(): void;
}

/**
 * Measures the speed of a device in a tenth of a second or two: operations per second in products of training, and the
 * cost of a kernel call. Its buffers are freed when it ends.
 *
 * @param now a clock in milliseconds.
 * @throws GorpError as the device does.
 */
export async function measureSpeed(device: Device, now: () => number): Promise<Speed> {
  const secondsPerKernel = (await timeOf(device, tinyProbe, now)) / TINY.calls;
  let layer = layerProbe(TOKENS.few);
  let seconds = await timeOf(device, layer, now);
  if (seconds < SLOW) {
    layer = layerProbe(TOKENS.many);
    seconds = await timeOf(device, layer, now);
  }
  const { operations, kernels } = await workOf(device, layer);
  // If calls take most of the time, the remainder says little.
  const computing = Math.max(seconds - kernels * secondsPerKernel, seconds / 4);
  return { operationsPerSecond: operations / computing, secondsPerKernel };
}

type MakeProbe = (device: Device) => Promise<Probe>;

/** Seconds of one run of a program: the fastest of a few measurements, each of many runs. */
async function timeOf(device: Device, make: MakeProbe, now: () => number): Promise<number> {
  const probe = await make(device);
  const { program } = probe.compiled;
  const measure = async (runs: number): Promise<number> => {
    const began = now();
    await device.run(new Array<typeof program>(runs).fill(program));
    await device.read({ ...probe.compiled.rangeOf(probe.result), bytes: 16 });
    return now() - began;
  };
  try {
    await measure(1); // compiles, and wakes threads
    let runs = 1;
    let taken = await measure(runs);
    while (taken < ENOUGH) {
      runs *= Math.min(16, Math.max(2, Math.ceil(ENOUGH / Math.max(taken, 0.1))));
      taken = await measure(runs);
    }
    for (let take = 1; take < TAKES; take++) taken = Math.min(taken, await measure(runs));
    return taken / runs / 1000;
  } finally {
    probe.destroy();
  }
}

/** The work of a program, as plans count it. */
async function workOf(device: Device, make: MakeProbe): Promise<Work> {
  const counting = countingDevice(outlineOf(device));
  const { compiled } = await make(counting);
  return counting.workOf(compiled.program);
}

/** Makes tensors on a device, and a program of what is recorded with them. */
async function probeOf(
  device: Device,
  record: (g: Graph, tensor: (...shape: number[]) => Tensor) => Tensor,
): Promise<Probe> {
  const g = new Graph();
  const owned: { destroy(): void }[] = [];
  const destroy = (): void => owned.forEach((one) => one.destroy());
  try {
    const result = record(g, (...shape) => {
      const elements = shape.reduce((product, size) => product * size, 1);
      const buffer = device.buffers.storage('measurement of speed', elements * 4);
      owned.push(buffer);
      device.write(buffer, 0, new Float32Array(elements).fill(0.01));
      return g.persistent('measured', shape, { storage: wholeOf(buffer) });
    });
    const compiled = await compile(device, 'speed', g, [result]);
    owned.push(compiled);
    return { compiled, result, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}

const layerProbe =
  (tokens: number): MakeProbe =>
  (device) =>
    probeOf(device, (g, tensor) => {
      const { width, inner } = LAYER;
      const [x, weight, up, down] = [tensor(tokens, width), tensor(width), tensor(inner, width), tensor(width, inner)];
      const hidden = activation(g, 'relu', matmul(g, rmsNorm(g, x, weight, 1e-6), up, { layout: 'nt' }));
      const y = matmul(g, hidden, down, { layout: 'nt' });
      const back = matmul(g, y, down, { layout: 'nn' }); // as for gradients of activations
      return matmul(g, back, x, { layout: 'tn' }); // and of weights
    });

const tinyProbe: MakeProbe = (device) =>
  probeOf(device, (g, tensor) => {
    const weight = tensor(TINY.width);
    let x = tensor(TINY.tokens, TINY.width);
    for (let call = 0; call < TINY.calls; call++) x = rmsNorm(g, x, weight, 1e-6);
    return x;
  });

/** Speeds by the name of their device. What cannot be read or written is measured again. */
export interface SpeedStore {
  read(device: string): Promise<unknown>;
  write(device: string, speed: Speed): Promise<void>;
}

/** The speed of a device that a store holds; undefined if it holds none. */
export async function storedSpeed(store: SpeedStore, device: string): Promise<Speed | undefined> {
  const parsed = v.safeParse(SpeedSchema, await store.read(device));
  return parsed.success ? parsed.output : undefined;
}

/**
 * The highest speed of a device so far: of what a store holds and what is measured now. Other programs can only make a
 * measurement too slow, and one on a busy machine must not stay.
 */
export async function highestSpeed(store: SpeedStore, device: string, measure: () => Promise<Speed>): Promise<Speed> {
  const [before, now] = [await storedSpeed(store, device), await measure()];
  const highest = {
    operationsPerSecond: Math.max(now.operationsPerSecond, before?.operationsPerSecond ?? 0),
    secondsPerKernel: Math.min(now.secondsPerKernel, before?.secondsPerKernel ?? Infinity),
  };
  await store.write(device, highest);
  return highest;
}
