import { readFileSync } from 'node:fs';
import v8 from 'node:v8';
import { expect } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Param } from '../device/kernel.ts';

/** The variants of the WebAssembly kernels under test. Every engine runs the first. */
export const WASM_VARIANTS = ['plain', 'relaxed'] as const;
export type WasmVariant = (typeof WASM_VARIANTS)[number];

export type WasmTensor = Float32Array | Uint32Array | Int32Array;

/** One call of a kernel. */
export interface WasmCall {
  readonly entry: string;
  readonly params: readonly Param[];
  readonly constants?: readonly number[];
  /** In the order of the call; results are written back into them. */
  readonly tensors: readonly WasmTensor[];
  /** Number of units in the call. */
  readonly units: number;
}

type Entry = (args: number, from: number, to: number) => void;

/** The bytes of a built file of kernels. */
export const wasmBytes = (file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../../build/wasm/${file}`, import.meta.url)));

/** Makes Node 20 accept relaxed SIMD; newer versions accept it by default. */
export function allowRelaxedSimd(): void {
  if (!WebAssembly.validate(wasmBytes('relaxed.wasm'))) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
}

// Written around tensors to detect a kernel that writes out of bounds; one that reads there gets NaN.
const GUARD_BYTES = 64;
const GUARD = 0x7fc0_dead;
const FIRST = 65536;

/** The kernels in Node, with memory of their own. */
export class WasmKernels {
  readonly exports: Record<string, Entry>;
  readonly memory: WebAssembly.Memory;

  /** @param pages of 64 KiB. */
  constructor(variant: WasmVariant, pages = 512) {
    allowRelaxedSimd();
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536 });
    const module = new WebAssembly.Module(wasmBytes(`${variant}.wasm`));
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.memory } });
    this.exports = exports as Record<string, Entry>;
    const { scratchBytes, setScratch } = exports as Record<string, (...numbers: number[]) => number>;
    this.#top = FIRST;
    setScratch(this.#top, scratchBytes());
    this.#top += scratchBytes();
  }

  #top: number;

  /**
   * Runs a call whole, and again in pieces of random size in random order; both must produce the same bits and write
   * only to their tensors.
   */
  run(call: WasmCall, seed = 1): void {
    const whole = this.#run(call, [[0, call.units]]);
    const random = seededRandom(seed);
    const pieces: [number, number][] = [];
    for (let from = 0; from < call.units;) {
      const to = Math.min(call.units, from + 1 + random.below(Math.ceil(call.units / 3)));
      pieces.splice(random.below(pieces.length + 1), 0, [from, to]);
      from = to;
    }
    const split = this.#run(call, pieces);
    for (const [i, bytes] of whole.entries()) {
      const same = Buffer.compare(bytes, split[i]) === 0;
      expect(same, `${call.entry}: tensor ${i} depends on how the units are split`).toBe(true);
    }
    for (const [i, tensor] of call.tensors.entries()) {
      new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength).set(whole[i]);
    }
  }

  /** @returns the bytes of every tensor after the call. */
  #run({ entry, params, constants = [], tensors }: WasmCall, pieces: readonly [number, number][]): Uint8Array[] {
    const run = this.exports[entry];
    expect(run, `there is no kernel ${entry}`).toBeDefined();
    let top = this.#top + GUARD_BYTES;
    const places = tensors.map((tensor) => {
      const place = top;
      top += Math.ceil(tensor.byteLength / 64) * 64 + GUARD_BYTES;
      return place;
    });
    const args = top;
    const missing = args + 4096 - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    const words = new Uint32Array(this.memory.buffer);
    const bytes = new Uint8Array(this.memory.buffer);
    words.fill(GUARD, this.#top / 4, args / 4);
    for (const [i, { buffer, byteOffset, byteLength }] of tensors.entries()) {
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), places[i]);
    }
    const before = words.slice(this.#top / 4, args / 4);
    const floats = new Float32Array(words.buffer);
    for (const [i, param] of params.entries()) {
      if ('f32' in param) floats[args / 4 + i] = param.f32;
      else words[args / 4 + i] = param.u32;
    }
    words.set([...constants, ...places], args / 4 + params.length);
    for (const [from, to] of pieces) run(args, from, to);
    const inside = (at: number): boolean =>
      tensors.some((tensor, i) => at + 4 > places[i] && at < places[i] + tensor.byteLength);
    for (const [i, word] of before.entries()) {
      const at = this.#top + 4 * i;
      if (words[at / 4] !== word && !inside(at)) expect.unreachable(`${entry} wrote outside its tensors, at ${at}`);
    }
    return tensors.map((tensor, i) => bytes.slice(places[i], places[i] + tensor.byteLength));
  }
}
