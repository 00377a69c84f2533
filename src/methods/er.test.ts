import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { replay } from '../gorp/part/method-plan.ts';
import { Replay } from '../gorp/replay/replay-part.ts';
import { methodStateOf, openRound, runKeepingRounds } from '../testing/saved-run.ts';
import { tinySettings } from '../testing/tiny-run.ts';

describe('the memory', () => {
  /** Replay after tasks of some examples with labels of one token. */
  const remember = async (memory: number, ...tasks: readonly (readonly number[])[]): Promise<Replay> => {
    const part = new Replay(replay({ share: 0.25, memory }));
    for (const [i, labels] of tasks.entries()) {
      const task = i + 1;
      const examples = labels.map((label, at) => ({ source: [100 * task + at], label: [label, 1] }));
      await part.endTask({ task, examples, random: () => seededRandom(task) });
    }
    return part;
  };
  const many = Array.from({ length: 100 }, (_, i) => (i < 90 ? 5 : 6));

  test('holds a share of each task, balanced over labels', async () => {
    const { remembered: examples } = await remember(0.1, many, many);
    for (const task of [1, 2]) {
      const own = examples.filter((one) => one.task === task);
      expect(own).toHaveLength(10);
      expect(own.map(({ label }) => label[0]).sort()).toEqual([5, 5, 5, 5, 5, 6, 6, 6, 6, 6]);
      expect(own.every(({ source }) => Math.floor(source[0] / 100) === task)).toBe(true);
    }
  });

  test('holds at least two examples of each label, or all there are', async () => {
    const { remembered: examples } = await remember(0.01, many, [5, 6, 6, 6]);
    expect(
      examples
        .filter(({ task }) => task === 1)
        .map(({ label }) => label[0])
        .sort(),
    ).toEqual([5, 5, 6, 6]);
    expect(examples.filter(({ task }) => task === 2)).toHaveLength(4);
    expect((await remember(1, [5, 6])).remembered).toHaveLength(2);
  });

  test('is measured by its tokens', async () => {
    expect((await remember(0.01, many)).storedBytes).toBe(4 * 3 * 4);
  });
});

describe('runs', () => {
  const run = (name: 'er' | 'er-full-rank' | 'seq-lora' | 'mtl', changes: object = {}, order = ['gloss', 'field']) =>
    runKeepingRounds({ ...tinySettings(name, {}, { loraDropout: 0.2, ...changes }), order });

  test('of one task, or of two without replay, equal those of seq-lora bit for bit', async () => {
    const one = [await run('er', {}, ['gloss']), await run('seq-lora', {}, ['gloss'])];
    const two = [await run('er', { replayShare: 0 }), await run('seq-lora')];
    for (const [er, base] of [one, two]) {
      expect(er.results.curves.loss).toEqual(base.results.curves.loss);
      const adapterOf = ({ rounds }: typeof er): unknown[] =>
        [...rounds.values()].map((files) => files.get('adapter/adapter_model.safetensors'));
      expect(adapterOf(er)).toEqual(adapterOf(base));
    }
  });

  test('with full-rank weights, of one task equal those of mtl bit for bit, and of two replay in the second', async () => {
    const [one, bound] = [await run('er-full-rank', {}, ['gloss']), await run('mtl', {}, ['gloss'])];
    expect(one.results.curves.loss).toEqual(bound.results.curves.loss);
    for (const file of ['adapter/adapter_model.safetensors', 'full_rank_weights.safetensors']) {
      const [own] = [...one.rounds.values()].map((files) => files.get(file));
      expect(own, file).toBeDefined();
      expect([own], file).toEqual([...bound.rounds.values()].map((files) => files.get(file)));
    }
    const [none, some] = [await run('er-full-rank', { replayShare: 0 }), await run('er-full-rank')];
    const second = some.results.curves.round.indexOf(2);
    expect(some.results.curves.loss.slice(0, second)).toEqual(none.results.curves.loss.slice(0, second));
    expect(some.results.curves.loss.slice(second)).not.toEqual(none.results.curves.loss.slice(second));
    expect(some.results.stateBytes).toEqual((await run('er')).results.stateBytes);
  });

  test('replay from the second task on without more steps, report the memory size, and resume with it', async () => {
    const settings = tinySettings('er', {}, { loraDropout: 0.2, replayShare: 0.5 });
    const whole = await runKeepingRounds(settings);
    const { curves, stateBytes: reported } = whole.results;
    const base = (await run('seq-lora')).results.curves;
    expect(curves.step).toEqual(base.step);
    const second = curves.round.indexOf(2);
    expect(curves.loss.slice(0, second)).toEqual(base.loss.slice(0, second));
    expect(curves.loss.slice(second)).not.toEqual(base.loss.slice(second));
    const [first, last] = await Promise.all([...whole.rounds.values()].map(methodStateOf));
    expect(first.examples.map(({ task }) => task)).toEqual(first.examples.map(() => 1));
    expect(last.examples.slice(0, first.examples.length)).toEqual(first.examples);
    expect(new Set(last.examples.map(({ task }) => task))).toEqual(new Set([1, 2]));
    const bytesOf = ({ examples }: typeof first): number =>
      4 * examples.reduce((sum, { source, label }) => sum + source.length + label.length, 0);
    expect(reported).toEqual([first, last].map((state, i) => ({ round: i + 1, bytes: bytesOf(state) })));
    const [files] = whole.rounds.values();
    const resumed = await runKeepingRounds(settings, { savedRound: () => openRound(files) });
    expect(resumed.results.curves.loss).toEqual(curves.loss);
  });
});
