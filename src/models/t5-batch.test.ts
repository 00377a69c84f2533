import type { BatchSizes, TokenPair } from '../base/batch.ts';
import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { layOutT5Batch, t5Sizes } from './t5-batch.ts';

const tokens = { padId: 0, startId: 9 };
const ofLength = (source: number, label: number): TokenPair => ({
  source: Array.from({ length: source }, (_, i) => 100 + i),
  label: Array.from({ length: label }, (_, i) => 200 + i),
});

const sizesOf = (sources: number, S: number, T: number, rows = sources): BatchSizes => ({
  ...{ rows, sources, gated: false },
  ...{ tokens: sources * S, labels: rows * T },
});

describe('layOutT5Batch', () => {
  it('pads sources and labels, shifts labels right, and leaves missing rows empty', () => {
    const rows: TokenPair[] = [
      { source: [5, 1], label: [1] },
      { source: [5, 6, 1], label: [7, 8, 1] },
    ];
    expect(layOutT5Batch(rows, sizesOf(3, 4, 4), tokens)).toMatchObject({
      sourceIds: Uint32Array.of(5, 1, 0, 0, 5, 6, 1, 0, 0, 0, 0, 0),
      sourceMask: Float32Array.of(1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0),
      labels: Int32Array.of(1, -100, -100, -100, 7, 8, 1, -100, -100, -100, -100, -100),
      decoderIds: Uint32Array.of(9, 1, 0, 0, 9, 7, 8, 1, 9, 0, 0, 0),
    });
  });

  it('lays out a source once for its several labels', () => {
    const rows: TokenPair[] = [
      { source: [5, 1], label: [1] },
      { source: [5, 1], label: [7, 1] },
      { source: [6, 8, 1], label: [2, 1] },
      { source: [6, 8, 1], label: [3] },
    ];
    expect(layOutT5Batch(rows, sizesOf(3, 3, 2, 6), tokens)).toMatchObject({
      sourceIds: Uint32Array.of(5, 1, 0, 6, 8, 1, 0, 0, 0),
      sourceMask: Float32Array.of(1, 1, 0, 1, 1, 1, 0, 0, 0),
      labels: Int32Array.of(1, -100, 7, 1, 2, 1, 3, -100, -100, -100, -100, -100),
      decoderIds: Uint32Array.of(9, 1, 9, 7, 9, 2, 9, 3, 9, 0, 9, 0),
    });
  });

  it('has a source for each example with gates, else one for those of the same prompt', () => {
    const rows = [ofLength(17, 1), ofLength(17, 3)];
    const labels = { labels: 6, rows: 2 };
    expect(t5Sizes(rows, false, 40)).toEqual({ sources: 1, tokens: 32, gated: false, ...labels });
    expect(t5Sizes(rows, true, 40)).toEqual({ sources: 2, tokens: 64, gated: true, ...labels });
    expect(layOutT5Batch(rows, t5Sizes(rows, true, 20), tokens).sourceMask.reduce((a, b) => a + b)).toBe(34);
  });

  it('tells which tokens see each other', () => {
    const rows: TokenPair[] = [
      { source: [5, 1], label: [1] },
      { source: [5, 1], label: [7, 1] },
    ];
    const { sourceSpans, decoderSpans, crossSpans } = layOutT5Batch(rows, sizesOf(2, 3, 2, 4), tokens);
    const spans = (table: Uint32Array): number[][] =>
      Array.from({ length: table.length / 6 }, (_, i) => [...table.subarray(6 * i, 6 * i + 6)]);
    // Queries, shared keys and own keys: where they begin, and how many there are. Texts, then their padding.
    expect(spans(sourceSpans).map(([begin, count]) => [begin, count])).toEqual([
      [0, 2],
      [3, 0],
      [2, 1],
      [3, 3],
    ]);
    expect(spans(decoderSpans).map(([begin, count]) => [begin, count])).toEqual([
      ...[
        [0, 1],
        [2, 2],
        [4, 0],
        [6, 0],
      ],
      ...[
        [1, 1],
        [4, 0],
        [4, 2],
        [6, 2],
      ],
    ]);
    for (const [begin, count, , shared, own, owned] of [...spans(sourceSpans), ...spans(decoderSpans)]) {
      expect([shared, own, owned]).toEqual([0, begin, count]);
    }
    expect(spans(crossSpans)).toEqual([
      ...[
        [0, 0, 0, 0, 0, 2],
        [0, 0, 0, 0, 3, 0],
        [0, 0, 0, 0, 2, 1],
        [0, 0, 0, 0, 3, 3],
      ],
      ...[
        [0, 1, 0, 2, 0, 0],
        [2, 2, 0, 2, 0, 0],
        [4, 0, 3, 0, 0, 0],
        [6, 0, 3, 0, 0, 0],
      ],
      ...[
        [1, 1, 0, 0, 0, 0],
        [4, 0, 0, 0, 0, 0],
        [4, 2, 0, 0, 0, 0],
        [6, 2, 0, 0, 0, 0],
      ],
    ]);
  });

  it('drops the last label from the decoder input when a label fills its row', () => {
    expect([...layOutT5Batch([ofLength(10, 5)], sizesOf(1, 10, 5), tokens).decoderIds]).toEqual([
      9, 200, 201, 202, 203,
    ]);
  });

  it('refuses examples that do not fit', () => {
    expect(() => layOutT5Batch([ofLength(11, 1)], sizesOf(1, 10, 5), tokens)).toThrow(RangeError);
    expect(() => layOutT5Batch([ofLength(1, 6)], sizesOf(1, 10, 5), tokens)).toThrow(RangeError);
    expect(() => layOutT5Batch([ofLength(1, 1), ofLength(1, 1)], sizesOf(1, 10, 5), tokens)).toThrow(RangeError);
  });

  const FOLDER = 'golden/t5-tiny';

  it.each(referencesWith(FOLDER))('lays out the batch of t5-tiny like $name', (reference) => {
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
    const sizes = sizesOf(ids.rows, ids.width, labels.width);
    const batch = layOutT5Batch(rows, sizes, { padId: config.pad_token_id, startId: config.decoder_start_token_id });
    expect([...batch.sourceIds]).toEqual(ids.data);
    expect([...batch.sourceMask]).toEqual(mask.data);
    expect([...batch.labels]).toEqual(labels.data);
    expect([...batch.decoderIds]).toEqual(inputs.data);
  });
});
