import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { promptOfPrediction, readPredictions } from '../files/predictions.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { openRound, runKeepingRounds } from '../../testing/saved-run.ts';
import { TINY_FAMILIES } from '../../testing/tiny-families.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { type Answering, answerPrompts } from './answering.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(async () => {
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});

const READING: Answering = { promptForm: 'raw', frozenWeights: 'f32', evaluationBatchSize: 2, maxNewTokens: 3 };
const family = (name: string) => {
  const found = TINY_FAMILIES.find((one) => one.family === name);
  if (found === undefined) throw new Error(`no family ${name}`);
  return found;
};

const WORDS = ['red', 'blue', 'round', 'ball', 'box', 'square', 'warm', 'cold'];
const PAIRS = WORDS.flatMap((first) => WORDS.map((second) => `${first} ${second}`));

/** The indices of 16 or more answers: at least half of them have six tokens or fewer, at least two more than 14. */
function mixOfLengths(lengths: readonly number[]): number[] {
  const of = (isOne: (length: number) => boolean, most: number): number[] =>
    lengths.flatMap((length, i) => (isOne(length) ? [i] : [])).slice(0, most);
  const short = of((length) => length <= 6, 15);
  const long = of((length) => length > 14, Math.max(16 - short.length, 2));
  expect(short.length).toBeGreaterThanOrEqual(long.length);
  expect(long.length).toBeGreaterThanOrEqual(2);
  return [...short, ...long].sort((a, b) => a - b);
}

async function all<T>(some: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of some) found.push(one);
  return found;
}

const textsOf = async (answers: AsyncIterable<{ text: string }>): Promise<string[]> =>
  (await all(answers)).map(({ text }) => text);

describe('answers of a round', () => {
  test.each([
    ['t5-tiny', 'raw'],
    ['llama-tiny', 'raw'],
    ['qwen3-tiny', 'chat'],
  ] as const)('are the same as in its test: %s, %s prompts', async (name, promptForm) => {
    const { open, lengths } = family(name);
    const settings = tinySettings('gorp', { ...lengths, promptForm, sourceLength: 60, epochs: 8 });
    const { rounds } = await runKeepingRounds(settings, { openModel: () => Promise.resolve(open()) });
    const files = [...rounds.values()][1];
    const tested = readPredictions(new TextDecoder().decode(files.get('predict_eval_predictions.jsonl')));
    const answering = { ...READING, promptForm, maxNewTokens: settings.training.targetLength };
    const prompts = tested.map(promptOfPrediction);
    const answers = await textsOf(answerPrompts(device, open(), prompts, answering, await openRound(files)));
    expect(answers).toEqual(tested.map(({ written }) => written));
    expect(answers).not.toEqual(await textsOf(answerPrompts(device, open(), prompts, answering)));
  });

  test.each([
    ['t5-tiny', 'inf-lora'],
    ['llama-tiny', 'o-lora'],
    ['gemma3-tiny', 'inf-lora'],
  ] as const)('with gates from the prompt are the same as in its test: %s, on %s', async (name, base) => {
    const { open, lengths } = family(name);
    const settings = tinySettings('gain-lora', { ...lengths, sourceLength: 60, epochs: 8 }, { base, threshold: 0.3 });
    const { rounds } = await runKeepingRounds(settings, { openModel: () => Promise.resolve(open()) });
    const files = [...rounds.values()][1];
    const tested = readPredictions(new TextDecoder().decode(files.get('predict_eval_predictions.jsonl')));
    const prompts = tested.map(promptOfPrediction);
    const answering = { ...READING, maxNewTokens: settings.training.targetLength };
    const answers = await textsOf(answerPrompts(device, open(), prompts, answering, await openRound(files)));
    expect(answers).toEqual(tested.map(({ written }) => written));
    expect(answers).not.toEqual(await textsOf(answerPrompts(device, open(), prompts, answering)));

    // So many at a time that the long ones are decoded without those that have ended.
    const long = { ...READING, maxNewTokens: 40 };
    const few = await all(answerPrompts(device, open(), PAIRS, long, await openRound(files)));
    const chosen = mixOfLengths(few.map(({ generated }) => generated));
    const together = answerPrompts(
      device,
      open(),
      chosen.map((i) => PAIRS[i]),
      { ...long, evaluationBatchSize: chosen.length },
      await openRound(files),
    );
    expect(await textsOf(together)).toEqual(chosen.map((i) => few[i].text));
  });
});

describe('answers of a model', () => {
  test('are cut off at the requested length, or end by themselves', async () => {
    const prompts = ['red ball', 'blue box', 'round'];
    const { open } = family('t5-tiny');
    const long = await all(answerPrompts(device, open(), prompts, { ...READING, maxNewTokens: 40 }));
    const short = await all(answerPrompts(device, open(), prompts, { ...READING, maxNewTokens: 1 }));
    for (const { generated, hasEnded } of long) expect(hasEnded || generated === 40).toBe(true);
    expect(short.map(({ generated }) => generated)).toEqual([1, 1, 1]);
    expect(short.some(({ hasEnded }) => !hasEnded)).toBe(true);
  });

  test('can be abandoned after the first: nothing stays on the device', async () => {
    const answers = answerPrompts(device, family('llama-tiny').open(), ['red ball', 'blue', 'red'], READING);
    expect((await answers.next()).done).toBe(false);
    await answers.return(undefined);
    expect(device.buffers.liveLabels).toEqual([]);
  });

  test('are refused if prompt and answer are longer than the model reads', async () => {
    const { open } = family('llama-tiny');
    const { max_position_embeddings: positions } = open().config as { max_position_embeddings: number };
    const answers = answerPrompts(device, open(), ['red '.repeat(positions)], READING);
    await expect(textsOf(answers)).rejects.toMatchObject({ code: 'settings/text-too-long' });
  });

  test('are refused from a model that lacks the trained layers', async () => {
    const { rounds } = await runKeepingRounds({ ...tinySettings('seq-lora'), order: ['gloss'] });
    const [files] = rounds.values();
    const trained = { ...(await openRound(files)), changed: new Set(['encoder.block.9.q']) };
    const answers = answerPrompts(device, family('t5-tiny').open(), ['red'], READING, trained);
    await expect(textsOf(answers)).rejects.toMatchObject({ code: 'weights/other-model' });
  });
});
