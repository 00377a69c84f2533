import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import type { MethodName } from '../../methods/registry.ts';
import { GENERAL_TEXT } from '../../tasks/general-text.ts';
import type { Task } from '../../tasks/task.ts';
import { byteTokenizer } from '../../text/tokenizer-form.ts';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { openRound, runKeepingRounds } from '../../testing/saved-run.ts';
import { committedReference, tokenizersOf } from '../../testing/reference.ts';
import { TESTS_ALL } from '../../testing/tier.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { generalTextChange, generalTextSentence, generalTextStates } from '../results/known-before.ts';
import { encodePassages, hiddenSpans } from './general-text.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import { type Results, ResultsSchema } from '../results/results.ts';
import { Run } from '../run.ts';
import type { RunSettings } from '../settings/settings.ts';

/** The tokenizers of the reference numbers. */
const tokenizers = tokenizersOf(committedReference).map(({ name, folder, form, hasBytes }) => {
  const json = (file: string): unknown => committedReference.json(`${folder}/${file}`);
  const tokenizer = loadTokenizer(hasBytes ? null : json('tokenizer.json'), json('tokenizer_config.json'), form);
  return { name, form, tokenizer };
});

describe.each(tokenizers)('passages by the tokenizer $name', ({ form, tokenizer }) => {
  const texts = ['The cat sat on the mat and looked at the garden. ', 'one two three four five six seven eight'];

  test('are read in pieces of the length asked for, and lose nothing but tokens that begin them', async () => {
    const { objective, passages } = await encodePassages(tokenizer, texts, { longest: 12, count: 40 });
    expect(passages.length).toBeGreaterThan(1);
    expect(objective === 'next-token').toBe(form === 'begun');
    for (const { source, label, bytes } of passages) {
      expect(label.length).toBeGreaterThan(0);
      expect(bytes).toBeGreaterThan(0);
      if (objective === 'next-token') expect(source.length + label.length).toBeLessThanOrEqual(12);
    }
    // The first pieces of both texts come first.
    const [first] = passages;
    const ids = tokenizer.encode(texts[0].trim());
    if (objective !== 'next-token') return;
    const begun = tokenizer.encodePrompt('');
    const read = begun.length === 0 ? 1 : 0;
    expect(first.source).toEqual([...begun, ...ids.slice(0, read)]);
    expect(first.label).toEqual(ids.slice(read, 12 - begun.length));
  });

  test('are none of a single token, nor of nothing', async () => {
    const one = tokenizer.decode([tokenizer.encode('the')[0]]);
    const { passages, leftOut } = await encodePassages(tokenizer, ['', '  '], { longest: 12, count: 40 });
    expect([passages, leftOut]).toEqual([[], 2]);
    if (tokenizer.encode(one).length !== 1 || tokenizer.encodePrompt('').length > 0) return;
    expect((await encodePassages(tokenizer, [one], { longest: 12, count: 40 })).passages).toEqual([]);
  });
});

/** The tiny model's tokenizer with tokens for hidden spans: what T5 was pre-trained with. */
function spanTokenizer(): Tokenizer {
  const json = tinyModel().tokenizer as { added_tokens: unknown[]; model: { vocab: [string, number][] } };
  const first = json.model.vocab.length;
  const sentinels = Array.from({ length: 5 }, (_, i) => `<extra_id_${i}>`);
  return loadTokenizer(
    {
      ...json,
      added_tokens: [
        ...json.added_tokens,
        ...sentinels.map((content, i) => ({ id: first + i, content, special: true, normalized: false })),
      ],
      model: { ...json.model, vocab: [...json.model.vocab, ...sentinels.map((token): [string, number] => [token, 0])] },
    },
    {},
  );
}

const WORDS = 'red blue round square ball box warm cold roll stand';

describe('encoder-decoders', () => {
  test('fill in hidden spans: source and label together are the text', async () => {
    const tokenizer = spanTokenizer();
    const text = `${WORDS} ${WORDS} ${WORDS} ${WORDS}`;
    const { objective, passages } = await encodePassages(tokenizer, [text], { longest: 64, count: 1 });
    const again = await encodePassages(tokenizer, [text], { longest: 64, count: 1 });
    expect(objective).toBe('spans');
    expect(again.passages).toEqual(passages); // spans are drawn by a fixed seed
    const [{ source, label, bytes }] = passages;
    const ids = tokenizer.encode(text);
    const isSentinel = (id: number): boolean => /extra_id/.test(tokenizer.decodeWhole([id]));
    // 15 % of 40 tokens, in two spans of three on average.
    expect(label.filter((id) => !isSentinel(id) && id !== tokenizer.eosId)).toHaveLength(6);
    expect([label.filter(isSentinel).length, source.filter(isSentinel)]).toEqual([2, label.filter(isSentinel)]);
    expect([source.at(-1), label.at(-1)]).toEqual([tokenizer.eosId, tokenizer.eosId]);
    const spans = new Map<number, number[]>();
    let open: number[] = [];
    for (const id of label.slice(0, -1)) {
      if (isSentinel(id)) spans.set(id, (open = []));
      else open.push(id);
    }
    expect(source.slice(0, -1).flatMap((id) => spans.get(id) ?? [id])).toEqual(ids);
    const hidden = [...spans.values()].map((span) => tokenizer.decode(span));
    expect(bytes).toBe(hidden.reduce((sum, one) => sum + one.length + 1, 0)); // with the space before each
  });

  test('hide as T5 does: 15 % in spans of 3, never at the beginning, never two in a row', () => {
    for (const length of [2, 3, 7, 20, 96, 255]) {
      for (let seed = 0; seed < 20; seed++) {
        const spans = hiddenSpans(
          length,
          { sentinels: new Array<number>(100).fill(7), spanTokens: 3 },
          seededRandom(seed),
        );
        const hidden = spans.reduce((sum, [begin, end]) => sum + end - begin, 0);
        expect(hidden).toBe(Math.max(1, Math.round(0.15 * length)));
        expect(spans).toHaveLength(Math.max(1, Math.round(hidden / 3)));
        let last = 0;
        for (const [begin, end] of spans) {
          expect(begin).toBeGreaterThan(last);
          expect(end).toBeGreaterThan(begin);
          last = end;
        }
        expect(last).toBe(length); // the text ends with a hidden span
      }
    }
    expect(hiddenSpans(96, { sentinels: [7, 8], spanTokens: 3 }, seededRandom(1))).toHaveLength(2); // no more than there are tokens to mark them
  });

  test('on bytes mark spans as ByT5 does, by bytes that UTF-8 never has', async () => {
    const text = 'a naïve ball rolls into the box';
    const { objective, passages } = await encodePassages(byteTokenizer(), [text], { longest: 64, count: 4 });
    const [{ source, label, bytes }] = passages;
    expect([objective, bytes, label[0], label.at(-1), source.filter((id) => id === 258).length]).toEqual([
      'spans',
      5,
      258,
      1,
      1,
    ]);
  });

  test('without tokens that mark spans continue the text', async () => {
    const plain = loadTokenizer(tinyModel().tokenizer, {});
    const other = await encodePassages(plain, [WORDS], { longest: 32, count: 4 });
    expect(other.objective).toBe('continuation');
    expect(other.passages).toEqual([
      { source: [3, 4, 5, 6, 7, 1], label: [8, 9, 10, 11, 12], bytes: ' box warm cold roll stand'.length },
    ]);
  });
});

test('a text that the vocabulary lacks is left out, and the rest is measured', async () => {
  const plain = loadTokenizer(tinyModel().tokenizer, {});
  const texts = [GENERAL_TEXT[29], 'red ball blue box', 'red ball unheard', ...GENERAL_TEXT.slice(0, 3)];
  const { passages, leftOut } = await encodePassages(plain, texts, { longest: 32, count: 40 });
  expect([passages.length, leftOut]).toEqual([1, 5]);
});

const OWN: Task = {
  name: 'mine',
  kind: 'Text',
  instruction: null,
  labels: [],
  form: 'text',
  dev: [],
  train: [{ sentence: '', label: `${WORDS} ${WORDS}` }],
  test: [
    { sentence: '', label: 'cold stand roll box box ball ball red blue warm warm cold' },
    { sentence: '', label: 'round' },
  ],
};
const parts = (more: Partial<RunHost> = {}): Partial<RunHost> => ({
  customTask: (name) =>
    Promise.resolve(
      { mine: OWN, chinese: { ...OWN, train: [], test: [{ sentence: '', label: GENERAL_TEXT[29] }] } }[name],
    ),
  ...more,
});
const settings = (
  method: MethodName,
  generalText: string,
  training: Partial<RunSettings['training']> = {},
): RunSettings => tinySettings(method, { generalText, ...training });

async function execute(settings: RunSettings, more: Partial<RunHost> = {}, stopAt = Infinity) {
  const events: RunEvent[] = [];
  const run: Run = new Run(
    tinyHost((event) => {
      events.push(event);
      if (event.type === 'progress' && event.phase === 'train' && event.done === stopAt) run.stop();
    }, parts(more)),
    settings,
  );
  await run.execute();
  if (run.results === null) throw new Error(JSON.stringify(events.at(-1)));
  return { results: run.results, events };
}

/** Methods of every kind: with spaces, with draws of their own, with gates, with a model for each task. */
const KINDS = ['gorp-plus', 'er', 'gain-lora', 'per-task'] as const;

describe('a run', () => {
  test.each(TESTS_ALL ? ([...KINDS, 'gorp', 'mtl', 'lwf'] as const) : KINDS)(
    'trains the same with general text and without: %s',
    async (method) => {
      const { results: measured } = await execute(settings(method, 'own:mine'));
      const { results: plain } = await execute(settings(method, 'none'));
      expect(measured.status).toBe('finished');
      expect(measured.curves.loss).toEqual(plain.curves.loss);
      expect(measured.accuracy).toEqual(plain.accuracy);
      expect(measured.spaces).toEqual(plain.spaces);
      expect(measured.memory.liveBuffersAtEnd).toBe(0);
      expect(plain.probes).toBeUndefined();
      const text = measured.probes?.generalText;
      expect(text).toMatchObject({ name: 'own:mine', objective: 'continuation', leftOut: 1 });
      expect(text?.rounds.map(({ round }) => round)).toEqual(method === 'mtl' ? [0, 2] : [0, 1, 2]);
      expect(text?.rounds[0].divergences.every((value) => value === 0)).toBe(true);
      expect(text?.rounds.at(-1)?.divergences.every((value) => (value ?? 0) > 0)).toBe(true);
      expect(text?.prompts.map(({ task }) => task)).toEqual([1, 2]);
    },
  );

  test.each(['gorp-plus', 'seq-ft', 'inc-lora'] as const)(
    'that resumes compares with the base model, not with what was trained: %s',
    async (method) => {
      const { results: whole } = await execute(settings(method, 'own:mine'));
      const checkpoints = memoryCheckpoints(0);
      await execute(settings(method, 'own:mine'), checkpoints.parts(), 5);
      const { results: resumed } = await execute(settings(method, 'own:mine'), checkpoints.parts());
      expect(resumed.curves.loss).toEqual(whole.curves.loss);
      expect(resumed.probes).toEqual(whole.probes);
    },
  );

  test('that takes up a round without the measure compares with the base model too', async () => {
    const { results: whole } = await runKeepingRounds(settings('seq-ft', 'own:mine'), parts());
    const { rounds } = await runKeepingRounds(settings('seq-ft', 'none'), parts());
    const first = rounds.get('logs_and_outputs/order_custom/outputs/1-gloss');
    if (first === undefined) throw new Error('no round');
    const { results: added } = await runKeepingRounds(
      settings('seq-ft', 'own:mine'),
      parts({ savedRound: () => openRound(first) }),
    );
    expect(generalTextStates(added)).toEqual(generalTextStates(whole));
    expect(added.curves.loss).toEqual(whole.curves.loss);
  });

  test.each([0, 1])('that is stopped while it is measured, in round %i, leaves nothing and resumes', async (round) => {
    const checkpoints = memoryCheckpoints(0);
    let isStopped = false;
    const run: Run = new Run(
      tinyHost((event) => {
        if (event.type !== 'progress' || event.item !== 'general text' || event.round !== round || isStopped) return;
        isStopped = true;
        run.stop();
      }, parts(checkpoints.parts())),
      settings('gorp', 'own:mine'),
    );
    await run.execute();
    expect(run.results).toMatchObject({ memory: { liveBuffersAtEnd: 0 } });
    expect(run.results?.probes?.generalText?.rounds.map((one) => one.round) ?? []).toEqual(round === 0 ? [] : [0]);
    const { results } = await execute(settings('gorp', 'own:mine'), checkpoints.parts());
    expect(results.status).toBe('finished');
    expect(results.probes).toEqual((await execute(settings('gorp', 'own:mine'))).results.probes);
  });

  test('that only tests a round measures the model as the round left it', async () => {
    const { results: whole, rounds } = await runKeepingRounds(settings('seq-ft', 'own:mine'), parts());
    const last = rounds.get('logs_and_outputs/order_custom/outputs/2-field');
    if (last === undefined) throw new Error('no round');
    const events: RunEvent[] = [];
    const host = tinyHost((event) => events.push(event), parts({ savedRound: () => openRound(last) }));
    await new Run(host, settings('seq-ft', 'own:mine')).evaluate();
    const probes = events.flatMap((event) => (event.type === 'probe' && event.probe === 'generalText' ? [event] : []));
    expect(probes.map(({ measured }) => measured.losses)).toEqual([whole.probes?.generalText?.rounds[2].losses]);
  });

  test('that resumes from a round with another order has prompts of its own tasks, and valid results', async () => {
    const { rounds } = await runKeepingRounds(settings('seq-lora', 'own:mine'), parts());
    const first = rounds.get('logs_and_outputs/order_custom/outputs/1-gloss');
    if (first === undefined) throw new Error('no round');
    const order = ['gloss', 'people', 'field'];
    const longer = { ...settings('seq-lora', 'own:mine'), order };
    const { results } = await runKeepingRounds(longer, parts({ savedRound: () => openRound(first) }));
    const text = results.probes?.generalText;
    expect(text?.prompts.map(({ task }) => task)).toEqual([1, 2, 3]);
    expect(text?.rounds.map(({ round, prompts }) => [round, prompts.length])).toEqual([
      [0, 2],
      [1, 2],
      [2, 3],
      [3, 3],
    ]);
    expect(v.is(ResultsSchema, JSON.parse(JSON.stringify(results)))).toBe(true);
    expect(generalTextStates(results).map(({ promptDivergence }) => promptDivergence === null)).toEqual(
      new Array(4).fill(false),
    );
  });

  test('says that a model cannot read the included text, and measures the rest', async () => {
    const { results, events } = await execute(settings('seq-lora', 'included'));
    expect(results.status).toBe('finished');
    expect(results.probes).toBeUndefined();
    const notes = events.flatMap((event) => (event.type === 'warning' && event.isNote === true ? [event.message] : []));
    expect(notes.join()).toMatch(/general text is not measured: its vocabulary lacks/);
  });

  test('refuses a person’s own text that the model cannot read, or that is not there', async () => {
    const failed = async (name: string): Promise<Results['error']> =>
      (
        await execute(settings('seq-lora', name)).catch((thrown: unknown) => {
          const { error } = JSON.parse((thrown as Error).message) as { error: Results['error'] };
          return { results: { error } };
        })
      ).results.error;
    expect(await failed('own:chinese')).toMatchObject({
      code: 'tasks/no-loss',
      message: expect.stringContaining('vocabulary lacks') as string,
      nextStep: expect.stringContaining('training.generalText') as string,
    });
    expect(await failed('own:gone')).toMatchObject({ code: 'tasks/unknown-dataset' });
  });
});

describe('what became of general text', () => {
  const report = (losses: number[][], tokens = [10, 30, 20]): Pick<Results, 'probes'> => ({
    probes: {
      generalText: {
        name: 'included',
        hash: 'x',
        objective: 'next-token',
        longest: 64,
        asked: 8,
        leftOut: 0,
        prompts: [],
        tokens,
        bytes: tokens.map((count) => 4 * count),
        rounds: losses.map((of, round) => ({
          round,
          losses: of,
          divergences: of.map(() => 0.1 * round),
          prompts: [],
        })),
      },
    },
  });

  test('is a mean over tokens, with the interval of a ratio over paired passages', () => {
    const results = report([
      [3, 4, 2],
      [3.1, 4.4, 2.1],
    ]);
    const change = generalTextChange(results);
    // (10 · 0.1 + 30 · 0.4 + 20 · 0.1) / 60 = 0.25; residuals 10 · −0.15, 30 · 0.15, 20 · −0.15 over 20:
    // −0.075, 0.225, −0.15, of deviation 0.198; t of two degrees of freedom is 4.3027.
    expect(change?.change).toBeCloseTo(0.25, 12);
    const half = (4.302653 * Math.sqrt((0.075 ** 2 + 0.225 ** 2 + 0.15 ** 2) / 2)) / Math.sqrt(3);
    expect(change?.interval?.[0]).toBeCloseTo(0.25 - half, 5);
    expect(change?.interval?.[1]).toBeCloseTo(0.25 + half, 5);
    expect(change?.before).toMatchObject({ loss: 190 / 60, divergence: 0, promptDivergence: null });
    expect(change?.before.bitsPerByte).toBeCloseTo(190 / Math.LN2 / 240, 12);
    expect(change?.now.divergence).toBeCloseTo(0.1, 12);
  });

  test('is said in words: a little or much worse, better, or within chance', () => {
    const sentence = (from: number[], to: number[]): string => {
      const change = generalTextChange(report([from, to]));
      return change === null ? '' : generalTextSentence(change);
    };
    expect(sentence([3, 3, 3], [3.05, 3.05, 3.05])).toBe(
      'It models general text a little worse: 3.00 → 3.05 nats a token (+0.05, 95 % interval +0.05 to +0.05 over 3 passages; 1.08 → 1.10 bits a byte). It moved from the base model (KL) by 0.10 nats a token there.',
    );
    expect(sentence([3, 3, 3], [4, 4.01, 4])).toMatch(/^It models general text much worse: 3\.00 → 4\.0/);
    expect(sentence([3, 3, 3], [2.7, 2.71, 2.7])).toMatch(/^It models general text better: 3\.00 → 2\.7/);
    expect(sentence([3, 4, 2], [3.1, 3.9, 2.1])).toMatch(/as well as before, within chance/);
    expect(sentence([3, 3, 3], [3.002, 3.002, 3.002]), 'a change too small for two digits').toMatch(
      /a little worse: 3\.000 → 3\.002 nats a token \(\+0\.002, /,
    );
    expect(sentence([3, 3, 3], [3.0001, 3.0001, 3.0001])).toMatch(/as well as before, .* \(0, /);
  });

  test('is unknown without both ends, with a loss that is not finite, and without an interval of a single passage', () => {
    expect(generalTextChange(report([[3, 3, 3]]))).toBeNull();
    expect(generalTextChange({})).toBeNull();
    const diverged = report([
      [3, 3, 3],
      [3, 3, 3],
    ]);
    diverged.probes?.generalText?.rounds[1].losses.fill(null);
    expect(generalTextChange(diverged)).toBeNull();
    expect(generalTextChange(report([[3], [4]], [7]))).toMatchObject({ change: 1, interval: null });
  });
});
