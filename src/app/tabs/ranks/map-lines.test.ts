import { describe, expect, it } from 'vitest';
import { largeSpaces } from '../../testing/large-results.ts';
import { foldableKeys, headOf, keysAbove, longestHead, mapStacks, visibleLines } from './map-lines.ts';
import { tensorRows } from './ranks.ts';

const spaces = largeSpaces(15);
const rows = tensorRows(spaces, 15, false);
const stacks = mapStacks(rows);

describe('the map of T5-large', () => {
  it('is grouped by stack and layer', () => {
    expect(rows).toHaveLength(96);
    expect(stacks.map(({ line, layers }) => [line.name, line.part, layers.length, line.rows.length])).toEqual([
      ['encoder self-attention', 'lora', 24, 48],
      ['decoder cross-attention', 'full-rank', 24, 48],
    ]);
    expect(stacks[0].layers[3].tensors.map(({ name }) => name)).toEqual([
      'encoder 3 self-attention query',
      'encoder 3 self-attention value',
    ]);
  });

  it('shows means on folded lines', () => {
    const { line, tensors } = stacks[0].layers[0];
    const [q, v] = tensors.map(({ cells }) => cells[4]);
    expect(line.cells[4]?.added).toBeCloseTo(((q?.added ?? 0) + (v?.added ?? 0)) / 2, 12);
    expect(line.cells[4]?.room).toBeCloseTo(((q?.room ?? 0) + (v?.room ?? 0)) / 2, 12);
    expect(line.cells).toHaveLength(15);
  });

  it('unfolds stacks, then layers; a small map is not folded', () => {
    const count = (open: string[]): number => visibleLines(stacks, new Set(open), true).length;
    const [stack, layer] = keysAbove(stacks, 'decoder.block.7.layer.1.EncDecAttention.v');
    expect(count([])).toBe(2);
    expect(count([layer])).toBe(2);
    expect(count([stack])).toBe(2 + 24);
    expect(count([stack, layer])).toBe(2 + 24 + 2);
    expect(count(foldableKeys(stacks))).toBe(2 + 48 + 96);
    expect(visibleLines(stacks, new Set(), false)).toHaveLength(2 + 96);
    expect(keysAbove(stacks, 'none')).toEqual([]);
  });

  it('leaves out of a heading what the lines above say, and finds the longest heading', () => {
    const [{ line, layers }] = stacks;
    expect(headOf(line, true)).toEqual({ name: 'encoder self-attention', mark: 'A' });
    expect(headOf(line, false)).toEqual({ name: 'encoder self-attention', mark: 'adapters, A' });
    expect([true, false].map((isNested) => headOf(layers[3].tensors[0], isNested).name)).toEqual([
      'query',
      'encoder 3 self-attention query',
    ]);
    expect(longestHead(stacks, true)).toBe('decoder cross-attention W 48'.length);
    expect(longestHead(stacks, false)).toBe('decoder 10 cross-attention query'.length);
  });

  it('leaves rounds that have not ended empty, and parses the names of decoders and others', () => {
    const early = tensorRows(largeSpaces(2), 15, false);
    expect(
      mapStacks(early)[0]
        .line.cells.map((cell) => cell === null)
        .indexOf(true),
    ).toBe(2);
    const named = early.slice(0, 2).map((row, i) => ({
      ...row,
      name: ['model.layers.12.mlp.gate_proj', 'lm_head'][i],
    }));
    expect(mapStacks(named).map(({ line, layers }) => [line.name, layers[0].line.name])).toEqual([
      ['MLP', 'Layer 12'],
      ['lm_head', 'Layer '],
    ]);
  });
});
