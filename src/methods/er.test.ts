import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { type RememberedExample, replay, type ReplayPlan } from '../gorp/part/method-plan.ts';
import type { EndedTask } from '../gorp/part/part.ts';
import { Replay } from '../gorp/replay/replay-part.ts';
import { answerPrompts } from '../run/evaluation/answering.ts';
import { GENERAL_ANSWER } from '../run/tasks/protected-examples.ts';
import { prepareTask } from '../run/tasks/task-data.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { type Files, methodStateOf, openRound, runKeepingRounds } from '../testing/saved-run.ts';
import { GENERAL_PROMPTS, REPLAYED_PROMPTS } from '../tasks/general-prompts.ts';
import { promptFrame } from '../tasks/prompt.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { methodTitle } from './registry.ts';

describe('the memory', () => {
  /** Replay after tasks of some examples with labels of one token. */
  const remember = async (memory: number, ...tasks: readonly (readonly number[])[]): Promise<Replay> =>
    rememberBy({ memory }, ...tasks);
  const rememberBy = async (
    { isFree = false, ...plan }: { memory: number; source?: ReplayPlan['source']; isFree?: boolean },
    ...tasks: readonly (readonly number[])[]
  ): Promise<Replay> => {
    const part = new Replay(replay({ share: 0.25, ...plan }));
    for (const [i, labels] of tasks.entries()) {
      const task = i + 1;
      const examples = labels.map((label, at) => ({ source: [100 * task + at], label: [label, 1] }));
      const answer: EndedTask['answer'] = (prompts) =>
        Promise.resolve(prompts.slice(1).map(({ source }) => ({ source, label: [9] })));
      await part.endTask({ task, examples, isFree, answer, random: () => seededRandom(task) });
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

  test('of free answers, which are all different, holds the share', async () => {
    const answers = Array.from({ length: 50 }, (_, i) => i);
    expect((await rememberBy({ memory: 0.1, isFree: true }, answers)).remembered).toHaveLength(5);
  });

  test('of answers of its own holds the same prompts, without those that have none, and no answer of the data', async () => {
    const [data, own] = [
      await remember(0.1, many, many),
      await rememberBy({ memory: 0.1, source: 'self' }, many, many),
    ];
    for (const task of [1, 2]) {
      const [drawn, held] = [data, own].map(({ remembered }) => remembered.filter((one) => one.task === task));
      expect(held).toEqual(drawn.slice(1).map((one) => ({ ...one, label: [9] })));
    }
  });

  test('of general prompts holds these and nothing of the tasks', async () => {
    const part = new Replay(replay({ share: 0.25, memory: 1, source: 'general' }));
    part.remember([{ source: [1, 2], label: [3] }]);
    const answer = (): Promise<never> => Promise.reject(new Error('nothing is answered at the end of a task'));
    const examples = [{ source: [7], label: [8] }];
    await part.endTask({ task: 1, examples, isFree: false, answer, random: () => seededRandom(1) });
    expect(part.remembered).toEqual([{ task: 0, source: [1, 2], label: [3] }]);
    const other = new Replay(replay({ share: 0.25, memory: 1 }));
    other.remember([{ source: [1, 2], label: [3] }]);
    expect(other.remembered).toEqual([]);
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

  const WHOLE = { sourceLength: 200 }; // so that no prompt is cut

  /**
   * Expects a memory to hold prompts among these texts, of a task, with what the model after a round answers to them; or
   * the base model, without a round.
   */
  const expectAnswered = async (
    memory: readonly RememberedExample[],
    { texts, task, length, files }: { texts: readonly string[]; task: number; length: number; files?: Files },
  ): Promise<void> => {
    const tokenizer = loadTokenizer(tinyModel().tokenizer, {});
    const textOf = new Map(texts.map((text) => [tokenizer.encodePrompt(text).join(), text]));
    expect(memory.length).toBeGreaterThan(1);
    expect(memory.map((one) => one.task)).toEqual(memory.map(() => task));
    const some = memory.slice(0, 6);
    const asked = some.map(({ source }) => textOf.get(source.join()) ?? `of no task: ${source.join()}`);
    const answering = {
      promptForm: 'raw',
      frozenWeights: 'f32',
      evaluationBatchSize: 3,
      maxNewTokens: length,
    } as const;
    const round = files && (await openRound(files));
    const written: string[] = [];
    for await (const { text } of answerPrompts(await acquireTestDevice(), tinyModel(), asked, answering, round)) {
      written.push(text);
    }
    expect(some.map(({ label }) => tokenizer.decode(label.filter((id) => id !== tokenizer.eosId)))).toEqual(written);
  };

  test('replay general prompts from the first task on, as the base model answers them, and store nothing of the data', async () => {
    const settings = tinySettings('er', WHOLE, { replayShare: 0.5, replaySource: 'general' });
    const { results, rounds } = await runKeepingRounds(settings);
    expect(methodTitle(settings.method)).toBe('er on general prompts');
    const base = (await runKeepingRounds(tinySettings('seq-lora', WHOLE))).results.curves;
    expect(results.curves.step).toEqual(base.step);
    expect(results.curves.loss[0]).not.toEqual(base.loss[0]);
    const [first, last] = await Promise.all([...rounds.values()].map(methodStateOf));
    expect(last.examples).toEqual(first.examples);
    const texts = GENERAL_PROMPTS.train.slice(0, REPLAYED_PROMPTS).map(({ sentence }) => sentence);
    await expectAnswered(first.examples, { texts, task: 0, length: GENERAL_ANSWER });
  });

  test('replay prompts of earlier tasks as the model answered them when it had learned them', async () => {
    const settings = tinySettings('er', WHOLE, { replayShare: 0.5, replaySource: 'self', replayMemory: 1 });
    const { results, rounds } = await runKeepingRounds(settings);
    const second = results.curves.round.indexOf(2);
    const stored = (await runKeepingRounds({ ...settings, method: { ...settings.method, replaySource: 'examples' } }))
      .results;
    expect(results.curves.loss.slice(0, second)).toEqual(stored.curves.loss.slice(0, second));
    const [files] = rounds.values();
    const { examples } = await methodStateOf(files);
    const task = await prepareTask(
      tinyHost(() => undefined),
      'gloss',
      settings,
      loadTokenizer(tinyModel().tokenizer, {}),
      () => undefined,
    );
    const { before, after } = promptFrame(task.definition);
    const texts = task.asked.map(({ sentence }) => `${before}${sentence}${after}`);
    await expectAnswered(examples, { texts, task: 1, length: task.longestAnswer, files });
  });
});
