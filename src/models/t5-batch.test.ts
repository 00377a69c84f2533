import type { BatchSizes, TokenPair } from '../base/batch.ts';
import { spanTable } from '../graph/ops/attention.ts';
import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { crossSpansOf, layOutT5Batch, plannedT5Sizes, t5Sizes } from './t5-network.ts';

const tokens = { padId: 0, startId: 9, shares: true };
const ofLength = (source: number, label: number): TokenPair => ({
  source: Array.from({ length: source }, (_, i) => 100 + i),
  label: Array.from({ length: label }, (_, i) => 200 + i),
});

const sizesOf = (rows: number, tokens: number, labels: number, sources = rows): BatchSizes => ({
  rows,
  sources,
  tokens,
  labels,
});

describe('layOutT5Batch', () => {
  it('lists sources and labels without padding, shifts labels right, and leaves the rest empty', () => {
    const rows: TokenPair[] = [
      { source: [5, 1], label: [1] },
      { source: [5, 6, 1], label: [7, 8, 1] },
    ];
    const { source, answer, labels } = layOutT5Batch(rows, sizesOf(3, 7, 6), tokens);
    expect([...source.ids]).toEqual([5, 1, 5, 6, 1, 0, 0]);
    expect([...source.counts]).toEqual([1, 1, 1, 1, 1, 0, 0]);
    expect([...answer.ids]).toEqual([9, 9, 7, 8, 0, 0]);
    expect([...answer.counts]).toEqual([1, 1, 1, 1, 0, 0]);
    expect([...labels]).toEqual([1, 7, 8, 1, -100, -100]);
  });

  it('lists a source once for its several labels, in any order', () => {
    const rows: TokenPair[] = [
      { source: [5, 1], label: [1] },
      { source: [6, 8, 1], label: [2, 1] },
      { source: [5, 1], label: [7, 1] },
    ];
    const { source, answer, labels } = layOutT5Batch(rows, sizesOf(3, 5, 5, 2), tokens);
    expect([...source.ids]).toEqual([5, 1, 6, 8, 1]);
    expect([...answer.ids]).toEqual([9, 9, 2, 9, 7]);
    expect([...labels]).toEqual([1, 2, 1, 7, 1]);
  });

  it('has a source for those of the same prompt, or one for each example if prompts share nothing', () => {
    const rows = [ofLength(17, 1), ofLength(17, 3)];
    const labels = { labels: 4, rows: 2 };
    expect(t5Sizes(rows, true)).toEqual({ sources: 1, tokens: 18, ...labels });
    expect(t5Sizes(rows, false)).toEqual({ sources: 2, tokens: 36, ...labels });
    expect(
      layOutT5Batch(rows, t5Sizes(rows, false), { ...tokens, shares: false }).source.counts.reduce((a, b) => a + b),
    ).toBe(34);
    const plan = { B: 1, S: 17, T: 3, shared: 0, answers: 2 };
    expect(plannedT5Sizes(plan, true)).toEqual({ sources: 1, tokens: 18, labels: 6, rows: 2 });
    expect(plannedT5Sizes(plan, false)).toEqual({ sources: 2, tokens: 36, labels: 6, rows: 2 });
  });

  it('tells which tokens see each other', () => {
    const rows: TokenPair[] = [
      { source: [5, 1], label: [1] },
      { source: [6, 6, 1], label: [3, 1] },
      { source: [5, 1], label: [7, 1] },
    ];
    const sizes = sizesOf(3, 6, 6, 2);
    const { source, answer, cross } = layOutT5Batch(rows, sizes, tokens);
    const spans = (table: Uint32Array): number[][] =>
      Array.from({ length: table.length / 6 }, (_, i) => [...table.subarray(6 * i, 6 * i + 6)]);
    // Queries and own keys: where they begin, and how many there are; the first position; what comes before.
    expect(spans(spanTable(source.spans))).toEqual([
      [0, 2, 0, 2, 0, 0],
      [2, 3, 2, 3, 0, 0],
      [5, 1, 5, 1, 0, 0],
    ]);
    expect(spans(spanTable(answer.spans))).toEqual([
      [0, 1, 0, 1, 0, 0],
      [1, 2, 1, 2, 0, 0],
      [3, 2, 3, 2, 0, 0],
      [5, 1, 5, 1, 0, 0],
    ]);
    expect(spans(spanTable(cross, crossSpansOf(sizes)))).toEqual([
      [0, 0, 0, 2, 0, 0],
      [0, 0, 2, 3, 0, 0],
      [0, 0, 5, 1, 0, 0],
      [0, 1, 0, 0, 2, 1],
      [1, 2, 0, 0, 3, 2],
      [3, 2, 0, 0, 2, 1],
      [5, 1, 0, 0, 0, 0],
    ]);
  });

  it('refuses examples that do not fit', () => {
    expect(() => layOutT5Batch([ofLength(11, 1)], sizesOf(1, 10, 5), tokens)).toThrow(RangeError);
    expect(() => layOutT5Batch([ofLength(1, 6)], sizesOf(1, 10, 5), tokens)).toThrow(RangeError);
    expect(() => layOutT5Batch([ofLength(1, 1), ofLength(1, 1)], sizesOf(1, 10, 5), tokens)).toThrow(RangeError);
  });

  const FOLDER = 'golden/t5-tiny';

  it.each(referencesWith(FOLDER))('lays out the batch of t5-tiny like $name, but for padding', (reference) => {
    const golden = reference.tensors(`${FOLDER}/batch.safetensors`);
    const config = reference.json<{ pad_token_id: number; decoder_start_token_id: number }>(`${FOLDER}/config.json`);
    const [ids, mask, labels, inputs] = ['input_ids', 'attention_mask', 'labels', 'decoder_input_ids'].map((name) => {
      const tensor = golden.get(name);
      if (tensor === undefined) throw new Error(`no tensor ${name}`);
      return { rows: tensor.shape[0], width: tensor.shape[1], data: Array.from(tensor.data) };
    });
    const rowOf = ({ width, data }: typeof ids, row: number): number[] => data.slice(row * width, (row + 1) * width);
    const rows = Array.from({ length: ids.rows }, (_, row): TokenPair => {
      const length = rowOf(mask, row).filter((on) => on === 1).length;
      return { source: rowOf(ids, row).slice(0, length), label: rowOf(labels, row).filter((id) => id !== -100) };
    });
    const sizes = { ...t5Sizes(rows, false), tokens: ids.data.length, labels: labels.data.length };
    const at = { padId: config.pad_token_id, startId: config.decoder_start_token_id, shares: false };
    const { source, answer } = layOutT5Batch(rows, sizes, at);
    const read = (values: readonly number[], of: readonly number[]): number[] => values.filter((_, i) => of[i] === 1);
    const written = labels.data.map((label) => (label === -100 ? 0 : 1));
    expect([...source.ids].slice(0, read(ids.data, mask.data).length)).toEqual(read(ids.data, mask.data));
    expect([...answer.ids].slice(0, read(inputs.data, written).length)).toEqual(read(inputs.data, written));
  });
});
