import type { BufferRange } from '../device/buffers.ts';
import type { Device, Program } from '../device/device.ts';
import { Arena } from './arena.ts';
import type { Graph, Operation } from './graph.ts';
import { assignSlots, withScratch } from './slots.ts';
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
        .map((call) => ({ ...call, tensors: call.tensors.map(rangeOf) })),
    );
    await device.buffers.verified();
    return { program, rangeOf, destroy: release };
  } catch (error) {
    release();
    throw error;
  }
}
