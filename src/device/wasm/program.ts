import type { BufferLedger, OwnedBuffer } from '../buffers.ts';
import type { Program } from '../device.ts';
import { buffersOf, type Dispatch, wordsOf } from '../kernel.ts';

/** A prepared call of a kernel. */
interface Call {
  /** Index of the kernel. */
  readonly kernel: number;
  /** Address of its arguments. */
  readonly args: number;
  readonly units: number;
  /** Units of a piece: between two pieces, other tasks of the thread may get a turn. */
  readonly piece: number;
  /** Whether sharing it among threads pays off. */
  readonly isLarge: boolean;
}

/**
 * Least operations of a call shared with other threads. Waking one takes 5 to 10 microseconds, in which a thread does
 * some 200,000 operations.
 */
const WORTH_SHARING = 2e6;

/**
 * Most operations of a piece of a call. A thread does them in a fraction of a second; the products of a vocabulary take
 * many seconds, in which a worker would not hear that it is to pause or stop.
 */
const PIECE = 1e9;

/** Bytes of the arguments of a program's calls. */
export const bytesOfArguments = (dispatches: readonly Dispatch[]): number =>
  4 *
  dispatches.flatMap(({ kernel, params, tensors }) => [...params, ...(kernel.wasm?.constants ?? []), ...tensors])
    .length;

/** A list of calls with their arguments in the kernels' memory. */
export class WasmProgram implements Program {
  readonly #parameters: OwnedBuffer;
  #calls: readonly Call[];

  private constructor(
    readonly name: string,
    parameters: OwnedBuffer,
    /** The buffers of the tensors. */
    readonly buffers: readonly OwnedBuffer[],
    calls: readonly Call[],
  ) {
    this.#parameters = parameters;
    this.#calls = calls;
  }

  /**
   * Writes the arguments of all calls: parameters, constants and tensor addresses.
   *
   * @param places indices of the kernels by name.
   */
  static record(
    name: string,
    dispatches: readonly Dispatch[],
    places: ReadonlyMap<string, number>,
    buffers: BufferLedger<number>,
    memory: WebAssembly.Memory,
  ): WasmProgram {
    const bytes = bytesOfArguments(dispatches);
    const parameters = buffers.storage(`${name} parameters`, bytes);
    try {
      const address = buffers.memoryOf(parameters);
      const all = new Uint32Array(memory.buffer, address, bytes / 4);
      let at = 0;
      const calls = dispatches.map((dispatch): Call => {
        const { kernel, params, tensors, units = 1, cost = 0 } = dispatch;
        const place = kernel.wasm && places.get(kernel.wasm.entry);
        if (kernel.wasm === undefined || place === undefined)
          throw new Error(`kernel ${kernel.name} has no WebAssembly form`);
        const piece = Math.max(1, Math.ceil(units / Math.ceil(cost / PIECE || 1)));
        const isLarge = cost >= WORTH_SHARING && units > 1;
        const call = { kernel: place, args: address + 4 * at, units, piece, isLarge };
        const addresses = tensors.map(({ buffer, offset }) => buffers.memoryOf(buffer) + offset);
        for (const words of [wordsOf(params), kernel.wasm.constants ?? [], addresses]) {
          all.set(words, at);
          at += words.length;
        }
        return call;
      });
      return new WasmProgram(name, parameters, buffersOf(dispatches), calls);
    } catch (error) {
      parameters.destroy();
      throw error;
    }
  }

  get dispatchCount(): number {
    return this.#calls.length;
  }

  get calls(): readonly Call[] {
    return this.#calls;
  }

  destroy(): void {
    this.#calls = [];
    this.#parameters.destroy();
  }
}
