import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import { Arena } from '../graph/arena.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Layers } from '../models/layers.ts';
import type { Candidates, Generation, Network } from '../models/network.ts';

/** A batch that is tested: rows, tokens of a padded source, candidate answers of a row and their padded length. */
export interface EvaluationSizes {
  readonly B: number;
  readonly S: number;
  readonly candidates: number;
  readonly T: number;
}

/** The programs of one batch shape. They share the memory of their intermediates, so one's end is another's beginning. */
export interface EvaluationPrograms {
  readonly generation: Generation;
  readonly candidates: Candidates;
  /** What `rank` leaves, [B · candidates · T]: to be read before another of the programs runs. */
  readonly losses: Tensor;
  readonly prefill: Compiled;
  readonly step: Compiled;
  readonly rank: Compiled;
}

/**
 * Programs that test a model. Those of one batch shape are kept at a time: batches come sorted by length, so a shape
 * that has passed does not come back within a task, and its keys and values are the largest buffers of a test.
 */
export class Evaluations {
  readonly #arena: Arena;
  #kept: { key: string; programs: EvaluationPrograms; release: () => void } | undefined;

  /** @param capacity tokens of an answer at most, and the one that it starts from. */
  constructor(
    private readonly gpu: Gpu,
    private readonly network: Network,
    private readonly layers: Layers,
    private readonly capacity: number,
  ) {
    this.#arena = new Arena(gpu, 'testing');
  }

  /** The programs of a batch shape; those of another are given up. @throws GorpError as {@link compile}. */
  async of(sizes: EvaluationSizes): Promise<EvaluationPrograms> {
    const { B, S, candidates, T } = sizes;
    const key = `${B}×${S}×${candidates}×${T}`;
    if (this.#kept?.key === key) return this.#kept.programs;
    this.#release();
    const owned: OwnedBuffer[] = [];
    const compiled: Compiled[] = [];
    const releasePrograms = (): void => compiled.splice(0).forEach((one) => one.destroy());
    const release = (): void => {
      releasePrograms();
      for (const buffer of owned) buffer.destroy();
    };
    const add = async (name: string, g: Graph, roots: Tensor[]): Promise<Compiled> => {
      const one = await compile(this.gpu, `${name} ${key}`, g, roots, this.#arena);
      compiled.push(one);
      return one;
    };
    try {
      const generation = this.network.generation({ B, S, capacity: this.capacity }, owned);
      const answers = generation.candidates(candidates, T, owned);
      for (;;) {
        const { version } = this.#arena;
        const encoding = new Graph();
        const prefill = await add('encode', encoding, generation.prefill(encoding, this.layers));
        const ranking = new Graph();
        const losses = answers.losses(ranking, this.layers);
        const rank = await add('rank', ranking, [losses]);
        const decoding = new Graph();
        generation.decodeStep(decoding, this.layers);
        const step = await add('decode', decoding, []);
        if (version === this.#arena.version) {
          const programs = { generation, candidates: answers, losses, prefill, step, rank };
          this.#kept = { key, programs, release };
          return programs;
        }
        releasePrograms(); // one has taken larger memory behind the back of another; the next time all fit
      }
    } catch (error) {
      release();
      throw error;
    }
  }

  #release(): void {
    this.#kept?.release();
    this.#kept = undefined;
  }

  destroy(): void {
    this.#release();
    this.#arena.destroy();
  }
}
