import type { BufferRange } from '../device/buffers.ts';
import type { Device, Program } from '../device/device.ts';
import type { Planner } from '../device/planner.ts';
import { Arena } from './arena.ts';
import type { Graph, Operation } from './graph.ts';
import { bytesOf, type Tensor } from './tensor.ts';

/** The operations needed for `roots`, in order, without dead gradients and unused branches. */
export function liveOperations(graph: Graph, roots: readonly Tensor[]): Operation[] {
  const wanted = new Set(roots);
  const live: Operation[] = [];
  for (const operation of [...graph.operations].reverse()) {
    if (!operation.effect && !operation.outputs.some((output) => wanted.has(output))) continue;
    live.push(operation);
    for (const input of operation.inputs) wanted.add(input);
  }
  return live.reverse();
}

/** Where each intermediate lives: tensors whose lifetimes do not overlap share a slot. */
export interface SlotPlan {
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
 * Gives every intermediate a slot from the operation that makes it to the last that reads it: the free slot that fits
 * best or, if none fits, the largest free one, which grows.
 *
 * @param keep intermediates that must survive to the end because the host reads them.
 */
export function assignSlots(planned: readonly PlannedOperation[], keep: readonly Tensor[]): SlotPlan {
  const lastUse = new Map<Tensor, number>();
  const steps = planned.map(({ operation: { inputs, outputs }, scratch }) => {
    const made = [...outputs, ...scratch.filter((tensor) => tensor !== undefined)];
    return { made, used: new Set([...inputs, ...made]) };
  });
  steps.forEach(({ used }, i) => {
    for (const tensor of used) if (!tensor.storage) lastUse.set(tensor, i);
  });
  for (const tensor of keep) if (!tensor.storage) lastUse.set(tensor, steps.length);
  const slots: number[] = [];
  const slotOf = new Map<Tensor, number>();
  const free = new Set<number>();
  steps.forEach(({ made, used }, i) => {
    for (const tensor of made) {
      if (tensor.storage || slotOf.has(tensor)) continue;
      slotOf.set(tensor, takeSlot(slots, free, bytesOf(tensor)));
    }
    for (const tensor of used) {
      const slot = slotOf.get(tensor);
      if (slot !== undefined && lastUse.get(tensor) === i) free.add(slot);
    }
  });
  return { slots, slotOf };
}

function takeSlot(slots: number[], free: Set<number>, bytes: number): number {
  let best: number | undefined;
  for (const slot of free) {
    if (best === undefined) best = slot;
    else if (slots[best] < bytes) {
      if (slots[slot] > slots[best]) best = slot; // nothing fits yet: the largest has least to grow
    } else if (slots[slot] >= bytes && slots[slot] < slots[best]) best = slot;
  }
  if (best === undefined) return slots.push(bytes) - 1;
  free.delete(best);
  slots[best] = Math.max(slots[best], bytes);
  return best;
}

/** A compiled graph: its program and the memory of its intermediates. */
export interface Compiled {
  readonly program: Program;
  /** The memory of a tensor; of intermediates only for roots. */
  rangeOf(tensor: Tensor): BufferRange;
  destroy(): void;
}

/**
 * Turns a graph into a program.
 *
 * @param roots tensors to compute; nothing reuses the memory of those without storage.
 * @param arena memory shared with other programs, freed by its owner; without it the program has its own.
 * @throws GorpError `device/out-of-memory` or `device/buffer-too-large`; then nothing stays allocated.
 */
export async function compile(
  device: Device,
  name: string,
  graph: Graph,
  roots: readonly Tensor[],
  arena?: Arena,
): Promise<Compiled> {
  const { planner } = device;
  const operations = withScratch(liveOperations(graph, roots), planner);
  const memory = assignSlots(operations, roots);
  const own = arena ? undefined : new Arena(device, name);
  let program: Program | undefined;
  const release = (): void => {
    program?.destroy();
    own?.destroy();
  };
  try {
    const buffers = (arena ?? own)?.take(memory.slots) ?? [];
    const rangeOf = (tensor: Tensor): BufferRange => {
      if (tensor.storage) return tensor.storage;
      const slot = memory.slotOf.get(tensor);
      if (slot === undefined) throw new Error(`${tensor.name} is not computed by ${name}`);
      return { buffer: buffers[slot], offset: 0, bytes: bytesOf(tensor) };
    };
    program = await device.record(name, () =>
      operations
        .flatMap(({ operation, scratch }) => operation.calls(planner, scratch))
        .map(({ tensors, ...call }) => ({ ...call, tensors: tensors.map(rangeOf) })),
    );
    await device.buffers.verified();
    return { program, rangeOf, destroy: release };
  } catch (error) {
    release();
    throw error;
  }
}
