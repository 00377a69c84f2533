import { GorpError } from '../../base/errors.ts';
import { type BufferRange, BufferLedger, type OwnedBuffer } from '../buffers.ts';
import type { Copy, Device, DeviceFacts, MemoryLimits, Program, Values } from '../device.ts';
import type { Dispatch } from '../kernel.ts';
import { type WasmAbilities, wasmAbilities, type WasmBuild } from './build.ts';
import { Heap, MAX_PAGES } from './heap.ts';
import { WasmPlanner } from './wasm-planner.ts';
import { WasmProgram } from './program.ts';
import { BLOCK_BYTES, instantiate, type Kernel, kernelNames } from './thread.mjs';
import { ThreadGone, type ThreadHost, Threads } from './threads.ts';
import { Turns } from '../turns.ts';

/** The parts that the device needs from the host environment. */
export interface WasmHost {
  /** The compiled kernels. */
  compile(build: WasmBuild): Promise<WebAssembly.Module>;
  /** Set where threads can be started. */
  readonly threads?: ThreadHost;
}

/** The CPU device: WebAssembly kernels in one memory, shared by threads if the engine allows it. */
export class WasmDevice implements Device {
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: readonly Kernel[];
  readonly #threads: Threads | undefined;
  readonly planner = new WasmPlanner();
  readonly buffers: BufferLedger<number>;
  readonly limits: MemoryLimits;
  readonly lost: Promise<never>;
  readonly #places: ReadonlyMap<string, number>;
  readonly #turns = new Turns();
  #failure: GorpError | undefined;
  #lose: (reason: GorpError) => void = () => undefined;

  private constructor(
    readonly facts: DeviceFacts,
    memory: WebAssembly.Memory,
    heap: Heap,
    names: readonly string[],
    kernels: readonly Kernel[],
    threads: Threads | undefined,
  ) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#threads = threads;
    this.buffers = new BufferLedger({
      limit: () => heap.limit(),
      allocate: (label, bytes) => heap.allocate(label, bytes),
      // Running work may still write to a buffer that its owner has destroyed.
      free: (address, bytes) => this.#turns.then(() => heap.free(address, bytes)),
    });
    this.limits = { buffer: heap.limit(), total: heap.total };
    this.#places = new Map(names.map((name, place) => [name, place]));
    this.lost = new Promise<never>((_, reject) => (this.#lose = reject));
    this.lost.catch(() => undefined); // reported to those who await it
  }

  /** @throws GorpError `device/no-simd`, `device/no-memory`; and whatever loading the kernels throws. */
  static async open(host: WasmHost, abilities: WasmAbilities = wasmAbilities()): Promise<WasmDevice> {
    const { relaxed } = abilities;
    const { threads: threadHost } = host;
    const wantsThreads = abilities.shared && threadHost !== undefined && threadHost.count > 1;
    const module = await host.compile(`${relaxed ? 'relaxed' : 'plain'}${wantsThreads ? '-shared' : ''}`);
    const { memory, maximum } = newMemory(wantsThreads);
    const heap = new Heap(memory, maximum);
    const { kernels, scratchBytes, setScratch } = instantiate({ module, memory });
    setScratch(room(heap, scratchBytes), scratchBytes);
    let threads: Threads | undefined;
    if (wantsThreads) {
      threads = new Threads(memory, room(heap, BLOCK_BYTES), kernels);
      const { block } = threads;
      for (let i = 1; i < threadHost.count; i++) {
        const scratch = room(heap, scratchBytes);
        if (!(await threads.add(threadHost, { module, memory, block, scratch, scratchBytes }))) break;
      }
    }
    const facts = factsOf(relaxed, threads?.count ?? 1, heap);
    return new WasmDevice(facts, memory, heap, kernelNames(module), kernels, threads);
  }

  write(buffer: OwnedBuffer, offset: number, values: Values): void {
    const address = this.buffers.memoryOf(buffer) + offset;
    checkRange(buffer, offset, values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    if (this.#turns.isBusy) this.#turns.then(writing(this.#memory, address, bytes.slice()));
    else writing(this.#memory, address, bytes)();
  }

  clear(buffer: OwnedBuffer): void {
    const address = this.buffers.memoryOf(buffer);
    this.#turns.then(() => void new Uint8Array(this.#memory.buffer, address, buffer.bytes).fill(0));
  }

  record(name: string, plan: () => readonly Dispatch[]): Promise<Program> {
    // A promise, so that every error is a rejection.
    return Promise.resolve().then(() => WasmProgram.record(name, plan(), this.#places, this.buffers, this.#memory));
  }

  run(programs: readonly Program[], copies: readonly Copy[] = []): Promise<void> {
    this.check();
    const calls = programs.flatMap((program) => {
      if (!(program instanceof WasmProgram)) throw new Error(`${program.name} is a program of another device`);
      this.buffers.checkProgram(program.name, program.buffers);
      return program.calls;
    });
    const moves = copies.map(({ from, fromOffset, to, toOffset, bytes }) => ({
      from: this.buffers.memoryOf(from) + fromOffset,
      to: this.buffers.memoryOf(to) + toOffset,
      bytes,
    }));
    return this.#turns.work(
      function* (this: WasmDevice) {
        for (const { kernel, args, units, piece, isLarge } of calls) {
          const least = isLarge ? (this.#threads?.chunks ?? 1) : 1; // enough for all threads
          const step = Math.max(piece, least);
          for (let from = 0; from < units; from += step) {
            this.check();
            this.#call(kernel, args, [from, Math.min(units, from + step)], isLarge);
            yield;
          }
        }
        const bytes = new Uint8Array(this.#memory.buffer);
        for (const move of moves) bytes.copyWithin(move.to, move.from, move.from + move.bytes);
      }.call(this),
    );
  }

  #call(kernel: number, args: number, [from, to]: readonly [number, number], isLarge: boolean): void {
    try {
      if (isLarge && this.#threads !== undefined) this.#threads.share(kernel, args, from, to);
      else this.#kernels[kernel](args, from, to);
    } catch (cause) {
      if (cause instanceof ThreadGone) {
        this.#failure = new GorpError(
          'device/lost',
          `A thread of the CPU has disappeared: ${cause.message}.`,
          'Start again.',
        );
        this.#lose(this.#failure);
        throw this.#failure;
      }
      const [name] = [...this.#places].find(([, place]) => place === kernel) ?? ['?'];
      this.#failure = new GorpError(
        'device/invalid-operation',
        `Kernel ${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        'Start again. If it happens again, report it with the name of the browser.',
        { cause },
      );
      throw this.#failure;
    }
  }

  /** The CPU has one kernel of each kind. */
  prepare(): Promise<void> {
    return Promise.resolve();
  }

  read({ buffer, offset, bytes }: BufferRange): Promise<ArrayBuffer> {
    const address = this.buffers.memoryOf(buffer) + offset;
    checkRange(buffer, offset, bytes);
    return new Promise((resolve) =>
      this.#turns.then(() => {
        const copy = new Uint8Array(bytes); // never a view: shared memory cannot be transferred
        copy.set(new Uint8Array(this.#memory.buffer, address, bytes));
        resolve(copy.buffer);
      }),
    );
  }

  allowHalves(allowed: boolean): void {
    if (!allowed) return;
    throw new GorpError(
      'device/no-f16',
      'The settings require 16-bit products, which training on the CPU does not support.',
      'Set Products (training.arithmetic) to f32 and start again, or train on a graphics card.',
    );
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    await this.#turns.idle();
    this.buffers.destroyAll();
    this.#threads?.terminate();
  }
}

/** A memory and the pages to which it can grow. @throws GorpError `device/no-memory`. */
function newMemory(shared: boolean): { memory: WebAssembly.Memory; maximum: number } {
  // Engines reserve addresses for a shared memory's maximum. If those are short, try less.
  for (let maximum = MAX_PAGES; maximum >= 4096; maximum /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 64, maximum, ...(shared && { shared }) }), maximum };
    } catch {
      // the next is smaller
    }
  }
  throw new GorpError(
    'device/no-memory',
    'The browser has too little memory for training on the CPU.',
    'Close other tabs and programs, then start again.',
  );
}

/** Allocates the device's own memory, which no run owns. */
function room(heap: Heap, bytes: number): number {
  const { memory, confirmed } = heap.allocate('', bytes);
  if (confirmed) return memory;
  throw new GorpError(
    'device/no-memory',
    'No memory is left for the threads that train on the CPU.',
    'Close other tabs and programs, then start again.',
  );
}

function factsOf(relaxed: boolean, threads: number, heap: Heap): DeviceFacts {
  const simd = relaxed ? 'relaxed SIMD' : 'SIMD';
  return {
    kind: 'wasm',
    vendor: 'CPU',
    architecture: `WebAssembly ${simd}`,
    description: `CPU by WebAssembly, ${simd}, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
    software: true,
    features: [...(relaxed ? ['relaxed-simd'] : []), ...(threads > 1 ? ['threads'] : [])],
    limits: { threads, maxBufferSize: heap.limit(), maxMemorySize: heap.total },
  };
}

const writing =
  (memory: WebAssembly.Memory, address: number, bytes: Uint8Array): (() => void) =>
  () =>
    new Uint8Array(memory.buffer).set(bytes, address);

function checkRange({ label, bytes }: OwnedBuffer, offset: number, count: number): void {
  if (offset + count > bytes)
    throw new Error(`${label} has ${bytes} bytes; ${count} from byte ${offset} on do not fit`);
}
