import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device, Program } from '../device/device.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import type { Layers } from '../models/layers.ts';
import type { Generation, Network } from '../models/network.ts';

/** Greedy generation for one batch shape, without ranking or scores. */
export class Greedy {
  readonly #device: Device;
  readonly #generation: Generation;
  readonly #prefill: Compiled;
  readonly #step: Compiled;
  readonly #owned: readonly OwnedBuffer[];

  private constructor(
    device: Device,
    generation: Generation,
    prefill: Compiled,
    step: Compiled,
    owned: readonly OwnedBuffer[],
  ) {
    this.#device = device;
    this.#generation = generation;
    this.#prefill = prefill;
    this.#step = step;
    this.#owned = owned;
  }

  /** @param sizes B sources of at most S tokens; `capacity`: the most tokens of an answer, plus one. */
  static async create(
    device: Device,
    network: Network,
    layers: Layers,
    { B, S, capacity }: { B: number; S: number; capacity: number },
  ): Promise<Greedy> {
    const owned: OwnedBuffer[] = [];
    let prefill: Compiled | undefined;
    try {
      const generation = network.generation({ B, tokens: B * S, capacity }, owned);
      const [encoding, decoding] = [new Graph(), new Graph()];
      prefill = await compile(device, 'encode', encoding, generation.prefill(encoding, layers));
      generation.decodeStep(decoding, layers);
      return new Greedy(device, generation, prefill, await compile(device, 'decode', decoding, []), owned);
    } catch (error) {
      prefill?.destroy();
      for (const buffer of owned) buffer.destroy();
      throw error;
    }
  }

  /** Writes exactly `steps` tokens per row, even after an answer has ended. @returns tokens [B, capacity]. */
  async write(sources: readonly (readonly number[])[], steps: number): Promise<Uint32Array> {
    this.#generation.start(sources);
    const decoding = new Array<Program>(steps).fill(this.#step.program);
    await this.#device.run([this.#prefill.program, ...decoding]);
    return this.#tokens();
  }

  /** Writes token by token until every row has ended, as in normal use. @returns tokens [B, capacity]. */
  async answer(sources: readonly (readonly number[])[]): Promise<Uint32Array> {
    const { remaining, tokens } = this.#generation.state;
    this.#generation.start(sources);
    await this.#device.run([this.#prefill.program]);
    for (let done = 0; done < tokens.shape[1] - 1; done++) {
      await this.#device.run([this.#step.program]);
      const [left] = new Uint32Array(await this.#device.read(this.#step.rangeOf(remaining)));
      if (left === 0) break;
    }
    return this.#tokens();
  }

  async #tokens(): Promise<Uint32Array> {
    const { tokens } = this.#generation.state;
    return new Uint32Array(await this.#device.read(this.#step.rangeOf(tokens)), 0, tokens.elements);
  }

  destroy(): void {
    for (const compiled of [this.#prefill, this.#step]) compiled.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
