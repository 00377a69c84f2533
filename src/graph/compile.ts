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

/** A graph that becomes a program: nothing reuses the memory of `roots` without storage, which are computed. */
interface Recording {
  readonly name: string;
  readonly graph: Graph;
  readonly roots?: readonly Tensor[];
}

/**
 * Turns a graph into a program.
 *
 * @param roots as of a {@link Recording}.
 * @param arena memory shared with other programs, freed by its owner; without it the program has its own. Programs that
 *   need more than there is replace it, and those before them are lost: see {@link compileAll}.
 * @throws GorpError `device/out-of-memory` or `device/buffer-too-large`; then nothing stays allocated.
 */
export async function compile(
  device: Device,
  name: string,
  graph: Graph,
  roots: readonly Tensor[],
  arena?: Arena,
): Promise<Compiled> {
  if (arena) return (await compileAll(device, [{ name, graph, roots }], arena))[0];
  const own = new Arena(device, name);
  try {
    const [compiled] = await compileAll(device, [{ name, graph, roots }], own);
    const destroy = (): void => {
      compiled.destroy();
      own.destroy();
    };
    return { ...compiled, destroy };
  } catch (error) {
    own.destroy();
    throw error;
  }
}

/** Turns graphs into programs that share memory. @throws as {@link compile}; then none is left. */
export async function compileAll(device: Device, recordings: readonly Recording[], arena: Arena): Promise<Compiled[]> {
  const { planner } = device;
  const planned = recordings.map(({ name, graph, roots = [] }) => {
    const operations = withScratch(liveOperations(graph, roots), planner);
    return { name, operations, memory: assignSlots(operations, roots) };
  });
  for (const { memory } of planned) arena.take(memory.slots); // so that no program replaces what another uses
  const compiled: Compiled[] = [];
  try {
    for (const { name, operations, memory } of planned) {
      const buffers = arena.take(memory.slots);
      const rangeOf = (tensor: Tensor): BufferRange => {
        if (tensor.storage) return tensor.storage;
        const slot = memory.slotOf.get(tensor);
        if (slot === undefined) throw new Error(`${tensor.name} is not computed by ${name}`);
        return { buffer: buffers[slot], offset: 0, bytes: bytesOf(tensor) };
      };
      const program = await device.record(name, () =>
        operations
          .flatMap(({ operation, scratch }) => operation.calls(planner, scratch))
          .map((call) => ({ ...call, tensors: call.tensors.map(rangeOf) })),
      );
      compiled.push({ program, rangeOf, destroy: () => program.destroy() });
      await device.buffers.verified();
    }
    return compiled;
  } catch (error) {
    for (const one of compiled) one.destroy();
    throw error;
  }
}
