import { describe, expect, test } from 'vitest';
import { referencesWith } from '../../testing/reference.ts';
import { BLOCK_TYPES, dequantise, quantise, WRITTEN_TYPES, type WrittenType } from './blocks.ts';

const FILE = 'golden/gguf_blocks.json';

interface Case {
  type: WrittenType;
  rows: string;
  blocks: string;
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(base64, 'base64'));

describe.each(
  referencesWith(FILE).map((folder) => [folder.name, folder.json<{ written: Case[] }>(FILE).written] as const),
)('values of %s', (_, cases) => {
  test.each(cases)('become the blocks of $type that the package gguf writes', ({ type, rows, blocks }) => {
    const values = new Float32Array(bytesOf(rows).buffer);
    expect(quantise('w', values, type)).toEqual(bytesOf(blocks));
  });

  test('are written in every type', () => {
    expect(cases.map(({ type }) => type)).toEqual([...WRITTEN_TYPES]);
  });
});

test.each(['Q8_0', 'Q4_0', 'F16', 'F32'] as const)('blocks of %s that were read are written as they were', (type) => {
  const values = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * i) * 10 ** (i % 3));
  const blocks = quantise('w', values, type);
  expect(quantise('w', dequantise(BLOCK_TYPES[type], blocks), type)).toEqual(blocks);
});

test.each(['F16', 'Q8_0', 'Q4_0'] as const)('%s refuses what a 16-bit float cannot hold, naming the tensor', (type) => {
  expect(() => quantise('lm_head.weight', new Float32Array(32).fill(1e9), type)).toThrow(/lm_head\.weight holds/);
  expect(() => quantise('w', new Float32Array(32).fill(NaN), 'F16')).toThrow(/NaN/);
});
