import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { placeIn, storageOf, type Tensor } from '../graph/tensor.ts';
import { type Constants, Decoder, type Prompts } from './decoder.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { InputBuffers } from './input-buffers.ts';
import type { KeyValue, Layers } from './layers.ts';
import type { Beginning } from './network.ts';

/** The first tokens of several prompts, and their keys and values once they are read. */
export class DecoderBeginning implements Beginning {
  readonly #config: DecoderConfig;
  readonly #constants: Constants;
  readonly #inputs: InputBuffers;
  readonly #ids: Tensor; // u32 [1, P]
  readonly #start: Tensor; // i32 [1]: 0
  readonly #mask: Tensor; // f32 [1, P], all ones
  readonly #keyValues: readonly KeyValue[]; // per layer [1, P, Hk·d]

  constructor(
    device: Device,
    config: DecoderConfig,
    constants: Constants,
    readonly tokens: number,
    owned: OwnedBuffer[],
  ) {
    this.#config = config;
    this.#constants = constants;
    const inputs = new InputBuffers(device, owned);
    this.#inputs = inputs;
    this.#ids = inputs.make('ids of the beginning', [1, tokens], 'u32');
    this.#start = inputs.make('first position', [1], 'i32');
    this.#mask = inputs.make('mask of the beginning', [1, tokens], 'f32', new Float32Array(tokens).fill(1));
    const shape = [1, tokens, config.numKeyHeads * config.headDim];
    this.#keyValues = config.layers.map(() => ({
      k: inputs.cache('cached keys of the beginning', shape),
      v: inputs.cache('cached values of the beginning', shape),
    }));
  }

  get prompts(): Prompts {
    return { keyValues: this.#keyValues, mask: this.#mask };
  }

  write(ids: readonly number[]): void {
    if (ids.length !== this.tokens) throw new RangeError(`A beginning of ${this.tokens} tokens is not ${ids.length}.`);
    this.#inputs.write(this.#ids, Uint32Array.from(ids));
  }

  read(g: Graph, layers: Layers): Tensor[] {
    const { tables, zero } = this.#constants;
    const at = { tables, start: this.#start, position: zero };
    const { keyValues } = new Decoder(this.#config, layers).read(g, this.#ids, this.#mask, at);
    return keyValues.flatMap(({ k, v }, i) => {
      placeIn(k, storageOf(this.#keyValues[i].k));
      placeIn(v, storageOf(this.#keyValues[i].v));
      return [k, v];
    });
  }
}
