import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Learner } from '../../gorp/learner.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { acquireTestDevice, deviceWith } from '../../testing/devices.ts';
import { planOf } from '../../methods/registry.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { Evaluations } from './evaluation-programs.ts';
import { Evaluator } from './evaluator.ts';
import { openNetwork, type OpenedNetwork, readTexts } from '../models/open-network.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';

const { method, training } = tinySettings('gorp-b', { sourceLength: 60, targetLength: 5 });
// The lengths give batches of different shapes; some texts occur twice.
const TEXTS = [3, 40, 5, 9, 21, 3, 7, 12, 38, 4].map((length, i) =>
  Array.from({ length }, (_, at) => 2 + ((5 * (i % 7) + 3 * at + at * at) % 11)),
);
const QUESTION = [2, 7, 5, 3, 11, 4, 9, 6, 8, 10, 12, 3, 5];
const LLAMA = {
  model_type: 'llama',
  vocab_size: 24,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 4,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  eos_token_id: 1,
};

const MODELS: [string, Record<string, unknown>][] = [
  ['a T5', {}],
  ['a LLaMA', LLAMA],
  // A window that is shorter than texts hides their beginning.
  ['a Mistral', { ...LLAMA, model_type: 'mistral', sliding_window: 24 }],
];

describe.each(MODELS)('tests of %s', (_, config) => {
  const SOURCES = TEXTS.map((text) => [...QUESTION, ...text]);
  let device: Device;
  let opened: OpenedNetwork;
  let learner: Learner;
  const owned: OwnedBuffer[] = [];
  /** The answer of greedy generation to each source by itself, up to the end. */
  let alone: number[][];
  beforeAll(async () => {
    device = await acquireTestDevice();
    const model = tinyModel(config);
    opened = openNetwork(device, model, training, await readTexts(model, training));
    const { network, targets } = opened;
    const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1 };
    learner = await Learner.create(device, network, planOf(method), targets, options, (name) => model.readTensor(name));
    await learner.beginTask();
    alone = [];
    for (const source of SOURCES) alone.push(await answerTo(source));
  });
  afterAll(async () => {
    for (const buffer of owned) buffer.destroy();
    learner.destroy();
    opened.network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
    await device.destroy();
  });

  async function answerTo(source: number[]): Promise<number[]> {
    const { network } = opened;
    const capacity = training.targetLength + 1;
    const generation = network.generation({ B: 1, tokens: source.length, capacity }, owned);
    const [encoding, decoding] = [new Graph(), new Graph()];
    const prefill = await compile(device, 'encode', encoding, generation.prefill(encoding, learner.layers));
    generation.decodeStep(decoding, learner.layers);
    const step = await compile(device, 'decode', decoding, []);
    generation.start([source]);
    await device.run([prefill.program, ...new Array<typeof step.program>(training.targetLength).fill(step.program)]);
    const [, ...ids] = new Uint32Array(await device.read(step.rangeOf(generation.state.tokens)), 0, capacity);
    for (const one of [prefill, step]) one.destroy();
    const end = ids.findIndex((id) => network.tokens.endIds.includes(id));
    return end < 0 ? ids : ids.slice(0, end + 1);
  }

  /** −log p of a label by the loss of a batch of one. */
  async function lossOf(source: number[], label: readonly number[]): Promise<number> {
    const { network } = opened;
    const batch = network.batch(network.sizes([{ source, label }]), owned);
    const g = new Graph();
    const loss = batch.loss(g, learner.layers);
    const program = await compile(device, 'loss', g, [loss]);
    batch.write([{ source, label }]);
    await device.run([program.program]);
    const [mean] = new Float32Array(await device.read(program.rangeOf(loss)));
    program.destroy();
    return mean * label.length;
  }

  const taskOf = (candidates: readonly (readonly number[])[]): EncodedTask => ({
    name: 'gloss',
    kind: 'TC',
    form: 'labels',
    watched: false,
    vocabulary: 10,
    labels: candidates.map((_, i) => `label ${i}`),
    train: [],
    validation: [],
    protects: [],
    test: SOURCES.map((source) => ({ source, label: [1] })),
    asked: SOURCES.map((source, i) => ({ sentence: String(source), label: `label ${i % candidates.length}` })),
    definition: { name: 'gloss', kind: 'TC', instruction: null, labels: [] },
    texts: '',
    longestAnswer: 0,
    candidates,
  });

  async function evaluated(task: EncodedTask, evaluationBatchSize: number) {
    const { network, tokenizer } = opened;
    let now = 0;
    const settings = { ...training, evaluationBatchSize, answerLength: training.targetLength };
    const evaluator = new Evaluator(device, network, learner, tokenizer, settings, () => now++);
    const done: number[] = [];
    const found = await evaluator.evaluate(task, (examples) => Promise.resolve(void done.push(examples)));
    evaluator.destroy();
    return { ...found, done };
  }

  describe('batches give the same answers and rankings as single examples', () => {
    const others = [
      [3, 4, 1],
      [3, 5, 6, 1],
      [7, 1],
    ];
    const cases: [string, () => number[][]][] = [
      ['if no answer is a label', () => others],
      [
        'if some answers are labels, and some begin like one',
        () => [...others, alone[0], alone[1], [...alone[3].slice(0, 2), 1]],
      ],
      ['if every answer is a label', () => [...others, ...alone]],
    ];
    describe.each(cases)('%s', (_, labels) => {
      // With room for too few sources each batch is answered in its own place.
      test.each([
        [1, 20],
        [3, 20],
        [4, 20],
        [10, 20],
        [4, 3],
        [4, 1],
      ])('%i at a time, with room for %i waiting', async (batchSize, room) => {
        const { network, tokenizer } = opened;
        const sourceBytes = vi.spyOn(network, 'sourceBytes').mockReturnValue(2 ** 25 / room);
        const distinct = [...new Map(labels().map((label) => [label.join(), label])).values()];
        const task = taskOf(distinct);
        const { accuracy, answers, time, done } = await evaluated(task, batchSize);
        sourceBytes.mockRestore();
        const isEnd = (id: number): boolean => network.tokens.endIds.includes(id);
        expect(answers.map(({ text }) => text)).toEqual(
          alone.map((ids) => tokenizer.decode(ids.filter((id) => !isEnd(id)))),
        );
        expect(answers.map(({ generated }) => generated)).toEqual(alone.map(({ length }) => length));
        let ranked = 0;
        for (const [i, source] of SOURCES.entries()) {
          const losses: number[] = [];
          for (const label of distinct) losses.push(await lossOf(source, label));
          const right = i % distinct.length;
          if (losses.indexOf(Math.min(...losses)) === right) ranked++;
          expect(Math.abs(answers[i].loss / losses[right] - 1)).toBeLessThan(1e-4); // sums in two different orders in f32
          expect(answers[i].labelTokens).toBe(distinct[right].length);
        }
        expect(accuracy.ranked).toBe(ranked / SOURCES.length);
        expect(done.at(-1)).toBe(SOURCES.length);
        expect(time.promptTokens).toBe(SOURCES.flat().length);
        expect(time.answerTokens).toBe(alone.flat().length);
      });
    });
  });

  test.each([1, 3, 10])(
    'free answers, %i at a time, have the loss of training and the text of single ones',
    async (rows) => {
      const labels = SOURCES.map((_, i) => [...Array.from({ length: (3 * i) % 7 }, (_, at) => 2 + ((i + at) % 9)), 1]);
      const { tokenizer } = opened;
      const texts = alone.map((ids) =>
        tokenizer.decode(ids.filter((id) => !opened.network.tokens.endIds.includes(id))),
      );
      const free: EncodedTask = {
        ...taskOf([]),
        form: 'free',
        test: SOURCES.map((source, i) => ({ source, label: labels[i] })),
        asked: texts.map((text, i) => ({ sentence: '', label: i % 2 === 0 ? text : `${text} and more` })),
      };
      const { answers, accuracy, done } = await evaluated(free, rows);
      let sum = 0;
      for (const [i, source] of SOURCES.entries()) {
        const loss = await lossOf(source, labels[i]);
        expect(Math.abs(answers[i].loss / loss - 1)).toBeLessThan(1e-4); // sums in two different orders in f32
        expect(answers[i]).toMatchObject({ text: texts[i], generated: alone[i].length, labelTokens: labels[i].length });
        sum += loss;
      }
      expect(Math.abs((accuracy.loss ?? 0) / (sum / labels.flat().length) - 1)).toBeLessThan(1e-4);
      expect(accuracy.exact).toBe(answers.filter(({ exactMatch }) => exactMatch).length / SOURCES.length);
      expect(done.at(-1)).toBe(SOURCES.length);
    },
  );

  test('prompts take the time of reading them, answers that of ranking', async () => {
    const { network, tokenizer } = opened;
    let now = 0;
    const timed = deviceWith(device, {
      run: (programs, copies) => {
        now += 1000 * programs.length; // every program takes a second
        return device.run(programs, copies);
      },
    });
    const settings = { ...training, evaluationBatchSize: 4, answerLength: training.targetLength };
    const evaluator = new Evaluator(timed, network, learner, tokenizer, settings, () => now);
    let batches = 0;
    const distinct = [...new Map(alone.map((label) => [label.join(), label])).values()];
    const { time } = await evaluator.evaluate(taskOf(distinct), () => Promise.resolve(void batches++));
    evaluator.destroy();
    expect(time.promptSeconds).toBe(batches);
    expect(time.answerSeconds).toBe(batches);
  });

  test('decodes nothing if every answer is a label', async () => {
    const decoder = vi.spyOn(Evaluations.prototype, 'decoder');
    const distinct = [...new Map(alone.map((label) => [label.join(), label])).values()];
    await evaluated(taskOf(distinct), 4);
    expect(decoder).not.toHaveBeenCalled();
    await evaluated(taskOf([[7, 1]]), 4);
    expect(decoder).toHaveBeenCalled();
    decoder.mockRestore();
  });
});
