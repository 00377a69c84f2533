import type { Gpu } from '../gpu/device.ts';
import { type BufferRange, type Dispatch, Program } from '../gpu/program.ts';
import { Arena } from './arena.ts';
import type { Graph, Operation } from './graph.ts';
import { bytesOf, type Tensor } from './tensor.ts';

/** The operations that are needed for `roots`, in order: dead gradients and unused branches drop out. */
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

/** Where each intermediate lives: slots are shared by tensors whose lifetimes do not meet. */
export interface MemoryPlan {
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  readonly slotOf: ReadonlyMap<Tensor, number>;
}

/**
 * Gives every intermediate a slot for the time between the operation that makes it and the last that reads it. The slot
 * that fits best is taken; where none fits, the largest free one grows.
 *
 * @param keep intermediates that must survive to the end, because the host reads them.
 */
export function planMemory(operations: readonly Operation[], keep: readonly Tensor[]): MemoryPlan {
  const lastUse = new Map<Tensor, number>();
  operations.forEach(({ inputs, outputs, scratch = [] }, i) => {
    for (const tensor of [...inputs, ...outputs, ...scratch]) if (!tensor.storage) lastUse.set(tensor, i);
  });
  for (const tensor of keep) if (!tensor.storage) lastUse.set(tensor, operations.length);
  const slots: number[] = [];
  const slotOf = new Map<Tensor, number>();
  const free = new Set<number>();
  operations.forEach(({ inputs, outputs, scratch = [] }, i) => {
    for (const tensor of [...outputs, ...scratch]) {
      if (tensor.storage || slotOf.has(tensor)) continue;
      const slot = takeSlot(slots, free, bytesOf(tensor));
      slotOf.set(tensor, slot);
    }
    for (const tensor of new Set([...inputs, ...outputs, ...scratch])) {
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

/**
 * Gives a program the kernels that are measured to be best as they become known. What cannot be had, since the device is
 * lost or out of memory, leaves it as it is: it computes the same.
 *
 * @param planned the version of the choices that it was recorded with.
 * @returns what ends it.
 */
function follow(gpu: Gpu, program: Program, plan: () => Dispatch[], planned: number): () => void {
  let version = planned;
  let isAtIt = false;
  return gpu.tuning.follow(planned, async () => {
    if (isAtIt) return; // whoever is at it sees the new version, too
    isAtIt = true;
    try {
      while (version !== gpu.tuning.version) {
        ({ version } = gpu.tuning);
        await program.replace(plan());
      }
    } catch {
      // as above
    } finally {
      isAtIt = false;
    }
  });
}

/** A compiled graph: its program and the memory of its intermediates. */
export interface Compiled {
  readonly program: Program;
  /** Where a tensor lives; intermediates only when they were among the roots. */
  rangeOf(tensor: Tensor): BufferRange;
  destroy(): void;
}

/**
 * Turns a graph into a program.
 *
 * @param roots tensors whose values are wanted; those without storage keep their memory to the end.
 * @param arena memory that is shared with other programs, whose owner frees it; without it the program has its own.
 * @throws GorpError `gpu/out-of-memory` or `gpu/buffer-too-large`; nothing stays allocated then.
 */
export async function compile(
  gpu: Gpu,
  name: string,
  graph: Graph,
  roots: readonly Tensor[],
  arena?: Arena,
): Promise<Compiled> {
  const operations = liveOperations(graph, roots);
  const memory = planMemory(operations, roots);
  const own = arena ? undefined : new Arena(gpu, name);
  let program: Program | undefined;
  let unfollow: (() => void) | undefined;
  const release = (): void => {
    unfollow?.();
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
    // The kernels that are chosen now; others may be later.
    const plan = (): Dispatch[] =>
      operations
        .flatMap((operation) => operation.calls(gpu.tuning))
        .map(({ tensors, ...call }) => ({ ...call, tensors: tensors.map(rangeOf) }));
    const { version } = gpu.tuning;
    program = await Program.record(gpu, name, plan());
    unfollow = follow(gpu, program, plan, version);
    await gpu.buffers.verified();
    return { program, rangeOf, destroy: release };
  } catch (error) {
    release();
    throw error;
  }
}
