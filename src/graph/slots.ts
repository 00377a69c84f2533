import type { Planner } from '../device/kernel-planner.ts';
import type { Operation } from './graph.ts';
import { bytesOf, type Tensor } from './tensor.ts';

/** Where each intermediate lives: tensors whose lifetimes do not overlap share a slot. */
interface SlotPlan {
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  readonly slotOf: ReadonlyMap<Tensor, number>;
}

/** An operation with the memory that it needs on a device while it runs. */
export interface PlannedOperation {
  readonly operation: Operation;
  readonly scratch: readonly (Tensor | undefined)[];
}

/** Adds the memory that a device needs between the kernels of an operation. */
export function withScratch(operations: readonly Operation[], planner: Planner): PlannedOperation[] {
  return operations.map((operation) => ({
    operation,
    scratch: (operation.scratch?.(planner) ?? []).map((elements) =>
      elements === 0
        ? undefined
        : { name: `scratch of ${operation.name}`, shape: [elements], dtype: 'f32', trainable: false, elements },
    ),
  }));
}

/**
 * Gives every intermediate a slot from the operation that makes it to the last that reads it. Large tensors choose first
 * ("greedy by size", Pisarchyk and Lee 2020, arXiv:2001.03288), so that no small one lives on in a large slot: the
 * smallest slot that is free all that time or, if there is none, a new one.
 *
 * @param keep intermediates that must survive to the end because the host reads them.
 */
export function assignSlots(planned: readonly PlannedOperation[], keep: readonly Tensor[]): SlotPlan {
  const slots: { readonly bytes: number; readonly lives: Life[] }[] = [];
  const slotOf = new Map<Tensor, number>();
  const largestFirst = [...livesOf(planned, keep)].sort(([a], [b]) => bytesOf(b) - bytesOf(a));
  for (const [tensor, life] of largestFirst) {
    let slot = slots.length - 1;
    while (slot >= 0 && !insert(slots[slot].lives, life)) slot--;
    if (slot < 0) slot = slots.push({ bytes: bytesOf(tensor), lives: [life] }) - 1;
    slotOf.set(tensor, slot);
  }
  return { slots: slots.map(({ bytes }) => bytes), slotOf };
}

/** The first and the last operation that touch a tensor. */
interface Life {
  readonly from: number;
  to: number;
}

/** The lives of all intermediates, in the order in which they are made. */
function livesOf(planned: readonly PlannedOperation[], keep: readonly Tensor[]): Map<Tensor, Life> {
  const lives = new Map<Tensor, Life>();
  planned.forEach(({ operation: { inputs, outputs }, scratch }, i) => {
    for (const tensor of [...outputs, ...scratch]) {
      if (tensor !== undefined && !tensor.storage && !lives.has(tensor)) lives.set(tensor, { from: i, to: i });
    }
    for (const tensor of [...inputs, ...outputs]) {
      const life = lives.get(tensor);
      if (life !== undefined) life.to = i;
    }
  });
  for (const tensor of keep) {
    const life = lives.get(tensor);
    if (life !== undefined) life.to = planned.length;
  }
  return lives;
}

/** Inserts a life among those of a slot, which are in order and do not meet. @returns false if it meets one of them. */
function insert(lives: Life[], life: Life): boolean {
  let [low, high] = [0, lives.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lives[middle].to < life.from) low = middle + 1;
    else high = middle;
  }
  if (low < lives.length && lives[low].from <= life.to) return false;
  lives.splice(low, 0, life);
  return true;
}
