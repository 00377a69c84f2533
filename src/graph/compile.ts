import type { BufferRange } from '../device/buffers.ts';
import type { Device, Program } from '../device/device.ts';
import type { Planner } from '../device/kernel-planner.ts';
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

/** A compiled graph: its program and the memory of its intermediates. */
export interface Compiled {
  readonly program: Program;
  /** The memory of a tensor; of intermediates only for roots. */
  rangeOf(tensor: Tensor): BufferRange;
  destroy(): void;
}

/** A graph that becomes a program: nothing reuses the memory of `roots` without storage, which are computed. */
export interface Recording {
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

/**
 * Runs a graph once, and frees its memory.
 *
 * @param roots as of a {@link Recording}, which `read` may then read.
 * @throws as {@link compile}, and what the device throws.
 */
export async function runOnce(
  device: Device,
  name: string,
  graph: Graph,
  roots: readonly Tensor[] = [],
  read?: (compiled: Compiled) => Promise<void>,
): Promise<void> {
  const compiled = await compile(device, name, graph, roots);
  try {
    await device.run([compiled.program]);
    await read?.(compiled);
  } finally {
    compiled.destroy();
  }
}

/** A recording's operations, with the memory that its intermediates need. */
function planned(
  { graph, roots = [] }: Recording,
  planner: Planner,
): { operations: PlannedOperation[]; memory: SlotPlan } {
  const operations = withScratch(liveOperations(graph, roots), planner);
  return { operations, memory: assignSlots(operations, roots) };
}

/** Takes the memory of a program that will be compiled later, so that it then replaces none. @throws as {@link compile}. */
export async function reserve(device: Device, recording: Recording, arena: Arena): Promise<void> {
  arena.take(planned(recording, device.planner).memory.slots);
  await device.buffers.verified();
}

/** Turns graphs into programs that share memory. @throws as {@link compile}; then none is left. */
export async function compileAll(device: Device, recordings: readonly Recording[], arena: Arena): Promise<Compiled[]> {
  const { planner } = device;
  const all = recordings.map((recording) => ({ ...recording, ...planned(recording, planner) }));
  for (const { memory } of all) arena.take(memory.slots); // so that no program replaces what another uses
  const compiled: Compiled[] = [];
  try {
    for (const { name, operations, memory } of all) {
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
