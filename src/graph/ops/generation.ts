import template from '../../../shaders/generation.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** Keys and values: [..., columns] of N tokens, or caches [M, columns]. */
interface KeysAndValues {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Writes the keys and values of tokens to the rows `places + position` of their caches: places u32 [N], position [1]. */
export function appendToCaches(
  g: Graph,
  { k, v }: KeysAndValues,
  { places, position }: { readonly places: Tensor; readonly position: Tensor },
  caches: KeysAndValues,
): void {
  const N = places.elements;
  const columns = k.elements / N;
  g.record({
    name: 'append to caches',
    inputs: [k, v, places, position],
    outputs: [caches.k, caches.v],
    effect: true,
    calls: () => [
      {
        kernel: {
          name: 'generation/append-kv',
          wgsl: () => fillTemplate(template, { APPEND_KV: true }),
          wasm: { entry: 'appendToCaches' },
        },
        params: [N, columns, 0, 0].map(u32),
        tensors: [k, v, places, position, caches.k, caches.v],
        workgroups: flatWorkgroups(N * columns, 64),
        units: N,
        cost: 2 * N * columns,
      },
    ],
    reference: (value) => {
      for (const [x, cache] of [[k, caches.k] as const, [v, caches.v] as const]) {
        for (let at = 0; at < N * columns; at++) {
          const row = value(places)[Math.floor(at / columns)] + value(position)[0];
          value(cache)[row * columns + (at % columns)] = value(x)[at];
        }
      }
    },
  });
}

/** The persistent state of greedy generation, all u32. */
export interface GenerationState {
  /** [1]: index of the token being read. */
  readonly position: Tensor;
  /** [B]: the token being read. */
  readonly current: Tensor;
  /** [B]: 1 if the row has ended. */
  readonly done: Tensor;
  /** [B, capacity]: the generated tokens, after the start token. */
  readonly tokens: Tensor;
  /** [1]: number of rows that have not ended. */
  readonly remaining: Tensor;
}

/** Appends the best token of each row, ends rows at any of `ends`, and advances by one position. */
export function nextToken(g: Graph, best: Tensor, state: GenerationState, ends: readonly number[], pad: number): void {
  const [B, capacity] = state.tokens.shape;
  const { position, current, done, tokens, remaining } = state;
  g.record({
    name: 'next token',
    inputs: [best],
    outputs: [position, current, done, tokens, remaining],
    effect: true,
    calls: () => [
      {
        kernel: {
          name: 'generation/next',
          wgsl: () =>
            workgroupTree({ name: 'sumOfAll', type: 'u32', threads: 64 }) +
            fillTemplate(template, { APPEND_KV: false, ENDS: endsIn(ends) }),
          wasm: { entry: 'nextToken', constants: [ends.length, ...ends] },
        },
        params: [B, 0, capacity, pad].map(u32),
        tensors: [best, position, current, done, tokens, remaining],
        workgroups: [1, 1, 1],
        units: 1,
        cost: B,
      },
    ],
    reference: (value) => {
      let open = 0;
      for (let b = 0; b < B; b++) {
        const token = value(done)[b] ? pad : value(best)[b];
        if (ends.includes(token)) value(done)[b] = 1;
        if (!value(done)[b]) open++;
        value(current)[b] = token;
        value(tokens)[b * capacity + value(position)[0] + 1] = token;
      }
      value(remaining)[0] = open;
      value(position)[0]++;
    },
  });
}

const endsIn = (ends: readonly number[]): string => ends.map((id) => `token == ${id}u`).join(' || ');
