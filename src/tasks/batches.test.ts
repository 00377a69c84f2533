import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readGolden, readGoldenJson } from '../testing/golden.ts';
import { hasShared } from '../testing/shared.ts';
import { type BatchShape, bucketLength, evaluationOrder, makeBatch, trainingOrder } from './batches.ts';
import type { EncodedExample } from './fit.ts';

const shape: BatchShape = {
  batchSize: 3,
  sourceLength: 10,
  sourceBucket: 4,
  targetLength: 5,
  targetBucket: 2,
  padId: 0,
  startId: 9,
};
const ofLength = (source: number, label: number): EncodedExample => ({
  source: Array.from({ length: source }, (_, i) => 100 + i),
  label: Array.from({ length: label }, (_, i) => 200 + i),
});

describe('bucketLength', () => {
  it('is the smallest multiple that holds the length, never beyond the maximum', () => {
    expect([0, 1, 4, 5, 8, 9, 10].map((length) => bucketLength(length, 4, 10))).toEqual([4, 4, 4, 8, 8, 10, 10]);
  });
});

describe('makeBatch', () => {
  it('pads sources and labels, shifts labels right, and leaves missing rows empty', () => {
    const examples: EncodedExample[] = [
      { source: [5, 6, 1], label: [7, 8, 1] },
      { source: [5, 1], label: [1] },
    ];
    expect(makeBatch(examples, [1, 0], shape)).toEqual({
      batchSize: 3,
      sourceLength: 4,
      targetLength: 4,
      sourceIds: Int32Array.of(5, 1, 0, 0, 5, 6, 1, 0, 0, 0, 0, 0),
      sourceLengths: [2, 3, 0],
      labelIds: Int32Array.of(1, -100, -100, -100, 7, 8, 1, -100, -100, -100, -100, -100),
      decoderInputIds: Int32Array.of(9, 1, 0, 0, 9, 7, 8, 1, 9, 0, 0, 0),
      exampleIndexes: [1, 0],
    });
  });

  it('drops the last label from the decoder input when a label fills its row', () => {
    const batch = makeBatch([ofLength(10, 5)], [0], { ...shape, batchSize: 1 });
    expect([batch.sourceLength, batch.targetLength]).toEqual([10, 5]);
    expect([...batch.decoderInputIds]).toEqual([9, 200, 201, 202, 203]);
  });

  it('makes an empty batch of empty rows', () => {
    const batch = makeBatch([], [], shape);
    expect(batch.sourceIds.length).toBe(3 * 4);
    expect(batch.sourceLengths).toEqual([0, 0, 0]);
    expect(batch.labelIds.every((id) => id === -100)).toBe(true);
  });

  it('refuses what does not fit', () => {
    expect(() => makeBatch([ofLength(11, 1)], [0], shape)).toThrow(RangeError);
    expect(() => makeBatch([ofLength(1, 6)], [0], shape)).toThrow(RangeError);
    expect(() => makeBatch([ofLength(1, 1)], [0, 0, 0, 0], shape)).toThrow(RangeError);
  });

  it.skipIf(!hasShared)('lays out the batch of golden/t5-tiny as the reference does', () => {
    const golden = readGolden('golden/t5-tiny/batch.safetensors');
    const config = readGoldenJson<{ pad_token_id: number; decoder_start_token_id: number }>(
      'golden/t5-tiny/config.json',
    );
    const [ids, mask, labels, inputs] = ['input_ids', 'attention_mask', 'labels', 'decoder_input_ids'].map((name) => {
      const tensor = golden.get(name);
      if (tensor === undefined) throw new Error(`no tensor ${name}`);
      return { rows: tensor.shape[0], width: tensor.shape[1], data: Array.from(tensor.data) };
    });
    const rowOf = ({ width, data }: typeof ids, row: number): number[] => data.slice(row * width, (row + 1) * width);
    const examples = Array.from({ length: ids.rows }, (_, row): EncodedExample => {
      const length = rowOf(mask, row).filter((on) => on === 1).length;
      return { source: rowOf(ids, row).slice(0, length), label: rowOf(labels, row).filter((id) => id !== -100) };
    });
    const batch = makeBatch(
      examples,
      examples.map((_, i) => i),
      {
        batchSize: ids.rows,
        sourceLength: ids.width,
        sourceBucket: ids.width,
        targetLength: labels.width,
        targetBucket: labels.width,
        padId: config.pad_token_id,
        startId: config.decoder_start_token_id,
      },
    );
    expect([...batch.sourceIds]).toEqual(ids.data);
    expect([...batch.labelIds]).toEqual(labels.data);
    expect([...batch.decoderInputIds]).toEqual(inputs.data);
  });
});

describe('orders of batches', () => {
  it('hold every example once, in full batches but the last', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9)), fc.integer({ min: 1, max: 7 }), fc.integer(), (lengths, batchSize, seed) => {
        const examples = lengths.map((length) => ofLength(length, 1));
        for (const order of [trainingOrder(examples, batchSize, seed, 0), evaluationOrder(examples, batchSize)]) {
          expect(order.flat().sort((a, b) => a - b)).toEqual(examples.map((_, i) => i));
          expect(order.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
          expect(order.every((batch) => batch.length > 0)).toBe(true);
        }
      }),
    );
  });

  it('train in another order for another seed or epoch, the same for the same', () => {
    const same = Array.from({ length: 40 }, () => ofLength(5, 1));
    const order = (seed: number, epoch: number): string => JSON.stringify(trainingOrder(same, 8, seed, epoch));
    expect(order(1, 0)).toBe(order(1, 0));
    expect(new Set([order(1, 0), order(2, 0), order(1, 1), order(2, 1)]).size).toBe(4);
  });

  it('train on examples of like length together', () => {
    const examples = Array.from({ length: 64 }, (_, i) => ofLength(1 + ((i * 37) % 64), 1));
    const spread = (batch: number[]): number => {
      const lengths = batch.map((i) => examples[i].source.length);
      return Math.max(...lengths) - Math.min(...lengths);
    };
    expect(Math.max(...trainingOrder(examples, 8, 1, 0).map(spread))).toBeLessThan(8);
  });

  it('evaluate the longest first', () => {
    const examples = [2, 9, 4, 9, 1].map((length) => ofLength(length, 1));
    expect(evaluationOrder(examples, 2)).toEqual([[1, 3], [2, 0], [4]]);
  });
});
