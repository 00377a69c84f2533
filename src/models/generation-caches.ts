import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import { placeIn, sizeOf, storageOf, type Tensor } from '../graph/tensor.ts';
import { InputBuffers } from './input-buffers.ts';
import type { KeyValue } from './layers.ts';

/** Sizes of generation's caches on the device. */
export interface CacheSizes {
  readonly B: number;
  /** Length of a source, including padding. */
  readonly places: number;
  /** Maximum number of tokens in an answer, plus one for the token that generation starts from. */
  readonly capacity: number;
  readonly layers: number;
  /** Values of a key, over all heads. */
  readonly width: number;
}

/** Generation's state on the device: keys and values of sources and answers, and its progress. */
export class GenerationCaches {
  readonly #device: Device;
  readonly #padding: 'left' | 'right';
  readonly inputs: InputBuffers;
  readonly state: GenerationState;
  /** Per layer, for the sources: [B, places, width]. */
  readonly source: readonly KeyValue[];
  /** f32 [B, places]: 0 hides padding. */
  readonly sourceMask: Tensor;
  /** Per layer, for the answers: [B, capacity, width]. */
  readonly own: readonly KeyValue[];
  /** f32 [B, capacity], all ones. */
  readonly ownMask: Tensor;

  /** @param padding the side on which sources are padded. */
  constructor(
    device: Device,
    readonly sizes: CacheSizes,
    padding: 'left' | 'right',
    owned: OwnedBuffer[],
  ) {
    this.#device = device;
    this.#padding = padding;
    const { B, places, capacity, layers, width } = sizes;
    const inputs = new InputBuffers(device, owned);
    const keyValues = (length: number): KeyValue[] =>
      Array.from({ length: layers }, () => ({
        k: inputs.cache('cached keys', [B, length, width]),
        v: inputs.cache('cached values', [B, length, width]),
      }));
    this.inputs = inputs;
    this.source = keyValues(places);
    this.sourceMask = inputs.make('source mask', [B, places], 'f32');
    this.own = keyValues(capacity);
    this.ownMask = inputs.make('cache mask', [B, capacity], 'f32', new Float32Array(B * capacity).fill(1));
    this.state = inputs.generationState(B, capacity);
  }

  /** Stores computed keys and values of the sources in the caches. @returns the tensors to compute. */
  keep(computed: readonly KeyValue[]): Tensor[] {
    return computed.flatMap(({ k, v }, i) => {
      // The last kernel of each key and value writes directly to the cache.
      placeIn(k, storageOf(this.source[i].k));
      placeIn(v, storageOf(this.source[i].v));
      return [k, v];
    });
  }

  /** Copies rows of sources from other caches of the same layers, which may be shorter, to rows from `at` on. */
  async adopt(other: GenerationCaches, rows: readonly number[], at: number): Promise<void> {
    const copies = this.source.flatMap(({ k, v }, i) =>
      [
        [other.source[i].k, k],
        [other.source[i].v, v],
      ].flatMap(([from, into]) => this.inputs.copiesOfRows(from, rows, into, at, this.#padding === 'left')),
    );
    await this.#device.run([], copies);
  }

  /** Shows this many tokens of each source, and hides its padding. */
  showTokens(counts: readonly number[]): void {
    const { B, places } = this.sizes;
    const mask = new Float32Array(B * places);
    counts.forEach((count, row) => {
      const begin = row * places + (this.#padding === 'left' ? places - count : 0);
      mask.fill(1, begin, begin + count);
    });
    this.inputs.write(this.sourceMask, mask);
  }

  /** The same for the first rows only. */
  first(rows: number): Pick<GenerationCaches, 'state' | 'source' | 'sourceMask' | 'own' | 'ownMask'> {
    const { state, source, sourceMask, own, ownMask } = this;
    const [current, done, tokens] = [state.current, state.done, state.tokens].map((tensor) => firstRows(tensor, rows));
    return {
      state: { ...state, current, done, tokens },
      source: firstKeyValues(source, rows),
      sourceMask: firstRows(sourceMask, rows),
      own: firstKeyValues(own, rows),
      ownMask: firstRows(ownMask, rows),
    };
  }
}

/** The first rows of a tensor as a separate tensor. */
export function firstRows(tensor: Tensor, rows: number): Tensor {
  const shape = [rows, ...tensor.shape.slice(1)];
  return { ...tensor, shape, elements: sizeOf(shape) };
}

const firstKeyValues = (keyValues: readonly KeyValue[], rows: number): KeyValue[] =>
  keyValues.map(({ k, v }) => ({ k: firstRows(k, rows), v: firstRows(v, rows) }));
