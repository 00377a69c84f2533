import { describe, expect, test } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import { referencesWith } from '../../testing/reference.ts';
import { BLOCK_TYPES, blockType, dequantise } from './blocks.ts';

const FILE = 'golden/gguf_blocks.json';

interface Case {
  type: string;
  id: number;
  blocks: string;
  values: string;
}

const bits = (bytes: Uint8Array): Uint32Array => new Uint32Array(new Uint8Array(bytes).buffer);

describe.each(referencesWith(FILE).map((folder) => [folder.name, folder.json<{ read: Case[] }>(FILE).read] as const))(
  'blocks of %s',
  (_, cases) => {
    test.each(cases)('$type has the same bits as in the package gguf', ({ type: name, id, blocks, values }) => {
      const type = blockType(id);
      expect(type.name).toBe(name);
      const bytes = Buffer.from(blocks, 'base64');
      expect(bytes.length % type.bytes).toBe(0);
      // At an odd address, as in a file.
      const shifted = new Uint8Array(bytes.length + 1);
      shifted.set(bytes, 1);
      const found = dequantise(type, shifted.subarray(1));
      expect(found.length).toBe((bytes.length / type.bytes) * type.length);
      expect(new Uint32Array(found.buffer)).toEqual(bits(Buffer.from(values, 'base64')));
    });

    test('are of every type that is read', () => {
      expect(cases.map(({ type }) => type).sort()).toEqual(Object.keys(BLOCK_TYPES).sort());
    });
  },
);

test.each([
  [16, /IQ2_XXS.*Q4_K_M/],
  [34, /TQ1_0.*Q4_K_M/],
  [39, /MXFP4/],
  [28, /F64/],
  [1000, /type 1000.*again/],
  [-1, /type -1/],
  [2 ** 32 - 1, /type 4294967295/],
])('type %i is refused by name, with what to take instead', (id, reported) => {
  const attempt = (): unknown => {
    try {
      return blockType(id);
    } catch (error) {
      return error;
    }
  };
  const error = attempt();
  expect(error).toBeInstanceOf(GorpError);
  const { code, message, nextStep } = error as GorpError;
  expect(code).toBe('weights/gguf-type');
  expect(`${message} ${nextStep}`).toMatch(reported);
});
