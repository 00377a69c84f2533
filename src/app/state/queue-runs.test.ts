import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { startingMethod } from '../../run/settings/starting-values.ts';
import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { offeredOrders, parseSeeds, sameWith, settingsOfQueue } from './queue.ts';

describe('parseSeeds', () => {
  it.each([
    ['1', [1]],
    ['1, 2 2;5-7', [1, 2, 5, 6, 7]],
    ['', null],
    ['1, x', null],
    ['3-1', null],
    ['1-100', null],
    ['-1', null],
    ['1.5', null],
  ])('reads %j', (text, seeds) => expect(parseSeeds(text)).toEqual(seeds));
});

describe('offeredOrders', () => {
  it('offers each order of the same tasks once', () => {
    expect(offeredOrders(['a', 'b', 'c']).map(({ name, order }) => [name, order.join('')])).toEqual([
      ['As set up', 'abc'],
      ['Reversed', 'cba'],
      ['From b', 'bca'],
      ['From c', 'cab'],
    ]);
    expect(offeredOrders(['a', 'b'])).toHaveLength(2);
    expect(offeredOrders(['a'])).toHaveLength(1);
  });

  it('offers the published orders of these tasks', () => {
    const [first, second] = PUBLISHED_ORDERS;
    const names = offeredOrders(first.rounds.map(({ dataset }) => dataset)).map(({ order }) => order.join());
    expect(names).toContain(second.rounds.map(({ dataset }) => dataset).join());
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('settingsOfQueue', () => {
  it('combines methods, orders and seeds; the method chosen in the form keeps its settings', () => {
    const draft = embeddedSettings('quick', 'gorp');
    const own = { ...draft, method: { ...draft.method, loraRank: 4 } };
    const all = settingsOfQueue(
      own,
      ['gorp', 'seq-lora'],
      [
        ['gloss', 'field'],
        ['field', 'gloss'],
      ],
      [1, 2],
    );
    expect(all.map(({ method, order, training }) => [method.name, order[0], training.seed])).toEqual([
      ['gorp', 'gloss', 1],
      ['gorp', 'gloss', 2],
      ['gorp', 'field', 1],
      ['gorp', 'field', 2],
      ['seq-lora', 'gloss', 1],
      ['seq-lora', 'gloss', 2],
      ['seq-lora', 'field', 1],
      ['seq-lora', 'field', 2],
    ]);
    expect(all[0].method.loraRank).toBe(4);
    expect(all[4].method).toEqual(startingMethod('embedded', 'seq-lora'));
    expect(all[4].training).toEqual({ ...draft.training, seed: 1 });
  });
});

describe('sameWith', () => {
  it('differs in the method alone: rank, rate and all else that both methods have stay', () => {
    const guarded = embeddedSettings('full', 'gorp-plus');
    const method = { ...guarded.method, learningRate: 0.002 };
    const plain = sameWith({ ...guarded, method }, 'seq-lora');
    expect(plain).toEqual({
      ...guarded,
      method: { name: 'seq-lora', learningRate: 0.002, loraRank: 16, loraAlpha: 64, loraDropout: 0 },
    });
    expect(sameWith(plain, 'gorp-plus').method).toEqual(method);
  });
});
