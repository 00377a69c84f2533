import type { MeasuredDispatch } from './measure.ts';
import { CARDS } from '../gpu-model/cards.ts';

/** Fewer threads than this leave most of a card idle. */
export const FEW_THREADS = 4096;

/** Dispatches and how often they run, on average, in the work that is summed up. */
export interface Weighted {
  readonly dispatch: MeasuredDispatch;
  readonly times: number;
}

/** What a work adds up to on one card. */
export interface CardSummary {
  readonly card: string;
  readonly seconds: number;
  readonly roof: number;
  /** Of the bytes that move, those that are needed: each dispatch weighted by its time. */
  readonly neededShare: number;
  /** Of the time, what dispatches of fewer than {@link FEW_THREADS} threads take. */
  readonly fewThreadsShare: number;
}

export function summarize(work: readonly Weighted[]): CardSummary[] {
  return CARDS.map(({ name }, card) => {
    const sum = (value: (dispatch: MeasuredDispatch) => number): number =>
      work.reduce((total, { dispatch, times }) => total + times * value(dispatch), 0);
    const seconds = sum((dispatch) => dispatch.seconds[card]);
    const needed = sum((dispatch) => dispatch.seconds[card] * shareOf(dispatch));
    const few = sum(({ seconds, threads }) => (threads < FEW_THREADS ? seconds[card] : 0));
    return {
      ...{ card: name, seconds, roof: sum((dispatch) => dispatch.roof[card]) },
      ...{ neededShare: needed / seconds, fewThreadsShare: few / seconds },
    };
  });
}

/** Needed of moved bytes; all of them where nothing moves. */
export const shareOf = ({ needed, moved }: Pick<MeasuredDispatch, 'needed' | 'moved'>): number =>
  moved === 0 ? 1 : needed / moved;

/** The dispatches of one kernel. */
export interface KernelSummary {
  readonly kernel: string;
  /** Dispatches of the work. */
  readonly times: number;
  /** The fewest and the most. */
  readonly threads: readonly [number, number];
  readonly workgroupBytes: number;
  readonly flopPerByte: number;
  readonly neededShare: number;
  /** By card. */
  readonly seconds: readonly number[];
  readonly roof: readonly number[];
}

/** The kernels of a work, those first that take most time on the first card. */
export function byKernel(work: readonly Weighted[]): KernelSummary[] {
  const groups = new Map<string, Weighted[]>();
  for (const one of work) {
    const { kernel } = one.dispatch;
    groups.set(kernel, [...(groups.get(kernel) ?? []), one]);
  }
  const kernels = [...groups].map(([kernel, members]): KernelSummary => {
    const sum = (value: (dispatch: MeasuredDispatch) => number): number =>
      members.reduce((total, { dispatch, times }) => total + times * value(dispatch), 0);
    const threads = members.map(({ dispatch }) => dispatch.threads);
    return {
      kernel,
      times: members.reduce((total, { times }) => total + times, 0),
      threads: [Math.min(...threads), Math.max(...threads)],
      workgroupBytes: Math.max(...members.map(({ dispatch }) => dispatch.workgroupBytes)),
      flopPerByte: sum(({ flop }) => flop) / sum(({ bytes }) => bytes),
      neededShare: shareOf({ needed: sum(({ needed }) => needed), moved: sum(({ moved }) => moved) }),
      seconds: CARDS.map((_, card) => sum(({ seconds }) => seconds[card])),
      roof: CARDS.map((_, card) => sum(({ roof }) => roof[card])),
    };
  });
  return kernels.sort((a, b) => b.seconds[0] - a.seconds[0]);
}
