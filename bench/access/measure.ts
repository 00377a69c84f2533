import type { Dispatch } from '../../src/device/kernel.ts';
import { wgslOf } from '../../src/device/webgpu/pipelines.ts';
import { CARDS } from '../gpu-model/cards.ts';
import { type Demand, estimate, flopOf, memoryBytes, roof } from './roofline.ts';
import { WARP } from './sectors.ts';
import type { Tracer } from './tracer.ts';
import { workgroupBytes } from './wgsl.ts';

/** A dispatch of a program that occurs some times with these sizes. */
export interface MeasuredDispatch extends Demand {
  readonly kernel: string;
  /** The kernel's parameters after the grid. */
  readonly params: readonly number[];
  readonly workgroups: readonly [number, number, number];
  readonly count: number;
  readonly workgroupBytes: number;
  /** Of the bytes in moved sectors, those that a thread reads or writes. */
  readonly needed: number;
  /** Seconds of one, by card. */
  readonly seconds: readonly number[];
  readonly roof: readonly number[];
}

/** Measures the dispatches of programs, each different one once. */
export class AccessMeasurer {
  readonly #tracer: Tracer;
  readonly #known = new Map<string, Promise<Omit<MeasuredDispatch, 'count'>>>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** The different dispatches of a program. */
  async measure(dispatches: readonly Dispatch[]): Promise<MeasuredDispatch[]> {
    const counts = new Map<string, { dispatch: Dispatch; count: number }>();
    for (const dispatch of dispatches) {
      const key = keyOf(dispatch);
      counts.set(key, { dispatch, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    const measured: MeasuredDispatch[] = [];
    for (const [key, { dispatch, count }] of counts) {
      const known = this.#known.get(key) ?? this.#trace(dispatch);
      this.#known.set(key, known);
      measured.push({ ...(await known), count });
    }
    return measured;
  }

  async #trace(dispatch: Dispatch): Promise<Omit<MeasuredDispatch, 'count'>> {
    const { sites, traffic, threadsOfGroup } = await this.#tracer.trace(dispatch);
    const { kernel, params, workgroups = [1, 1, 1] } = dispatch;
    const demand = {
      flop: flopOf(dispatch),
      bytes: memoryBytes(dispatch, sites, traffic),
      moved: traffic.reduce((sum, { moved }) => sum + moved, 0),
      threads: workgroups.reduce((a, b) => a * b) * threadsOfGroup,
      filled: threadsOfGroup / (WARP * Math.ceil(threadsOfGroup / WARP)),
    };
    return {
      ...demand,
      ...{ kernel: kernel.name, params: params.map((param) => ('u32' in param ? param.u32 : param.f32)), workgroups },
      workgroupBytes: workgroupBytes(wgslOf(kernel)),
      needed: traffic.reduce((sum, { needed }) => sum + needed, 0),
      seconds: CARDS.map((card) => estimate(demand, card)),
      roof: CARDS.map((card) => roof(demand, card)),
    };
  }
}

/** Equal for dispatches that access memory alike. */
const keyOf = ({ kernel, params, workgroups, tensors }: Dispatch): string =>
  JSON.stringify([wgslOf(kernel), params, workgroups, tensors.map(({ bytes }) => bytes)]);
