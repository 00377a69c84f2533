import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import type { Task } from '../../tasks/task.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { RunEvent } from '../events/events.ts';
import { measuresOf, withMeasures } from '../results/measures.ts';
import { readPredictions } from '../files/predictions.ts';
import { type Results, ResultsSchema } from '../results/results.ts';
import { Run } from '../run.ts';
import { finishedResults } from '../../testing/ended-run.ts';

const say = (content: string) => [{ role: 'user' as const, content }];
const TASKS: readonly Task[] = [
  {
    name: 'open',
    kind: 'QA',
    instruction: null,
    labels: [],
    form: 'free',
    dev: [],
    frame: { before: 'roll ', after: ' box' },
    train: ['red', 'blue', 'round'].map((sentence) => ({ sentence, label: `${sentence} ball box` })),
    test: [{ sentence: 'red', label: 'blue ball', others: ['red ball box'] }],
  },
  {
    name: 'talk',
    kind: 'Chat',
    instruction: null,
    labels: [],
    form: 'chat',
    dev: [],
    train: ['warm', 'cold'].map((word) => ({ sentence: `User: ${word}\nAssistant:`, label: word, turns: say(word) })),
    test: [{ sentence: 'User: warm\nAssistant:', label: 'warm', turns: say('warm') }],
  },
  {
    name: 'story',
    kind: 'Text',
    instruction: null,
    labels: [],
    form: 'text',
    dev: [],
    train: [{ sentence: '', label: 'red ball blue box round ball square box' }],
    test: ['red ball blue box', 'blue ball', 'round box ball'].map((label) => ({ sentence: '', label })),
  },
];
const LLAMA = {
  model_type: 'llama',
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  eos_token_id: 1,
};

async function resultsOf(
  model: ReturnType<typeof tinyModel>,
): Promise<{ results: Results; events: RunEvent[]; files: Map<string, string> }> {
  const events: RunEvent[] = [];
  const files = new Map<string, string>();
  const settings = { ...tinySettings('seq-lora', { targetLength: 0 }), order: ['open', 'gloss', 'talk', 'story'] };
  const host = tinyHost((event) => events.push(structuredClone(event)), {
    openModel: () => Promise.resolve(model),
    customTask: (name) => Promise.resolve(TASKS.find((task) => task.name === name)),
    saveRound: async ({ roundFolder, results }) => {
      for (const { path, content } of results) {
        let text = '';
        for await (const part of content()) text += new TextDecoder().decode(part);
        files.set(`${roundFolder}/${path}`, text);
      }
    },
  });
  await new Run(host, settings).execute();
  return { results: v.parse(ResultsSchema, JSON.parse(JSON.stringify(finishedResults(events)))), events, files };
}

describe.each([
  ['an encoder-decoder', tinyModel()],
  ['a decoder', tinyModel(LLAMA)],
])('a run of %s over all kinds of answers', (_, model) => {
  test('has a matrix for every score, only of the tasks that have it', async () => {
    const { results, files } = await resultsOf(model);
    const { accuracy, measures, tasks } = results;
    expect(tasks.map(({ form }) => form)).toEqual(['free', undefined, 'chat', 'text']);
    const last = (matrix: Results['accuracy']['exact'] | undefined) => matrix?.[4].map((value) => value !== null);
    expect(last(accuracy.exact)).toEqual([true, true, true, false]);
    expect(last(accuracy.ranked)).toEqual([false, true, false, false]);
    expect(last(accuracy.rougeL)).toEqual([true, false, true, false]);
    expect(last(accuracy.loss)).toEqual([true, false, true, true]);
    expect(measures.loss?.averagePerformance).toBeGreaterThan(0);
    // It learned to answer and to continue.
    for (const [column, round] of [
      [0, 1],
      [2, 3],
      [3, 4],
    ] as const) {
      // oxfmt-ignore
      expect(accuracy.loss?.[round][column]).toBeLessThan(accuracy.loss?.[0][column] ?? 0);
    }
    const predictions = readPredictions(files.get('4-story/predict_eval_predictions.jsonl') ?? '');
    expect(predictions.map(({ task }) => task)).not.toContain('story');
    expect(predictions[0]).toMatchObject({ form: 'free', others: ['red ball box'], instruction: 'roll {0} box' });
    const metrics = JSON.parse(files.get('4-story/predict_results.json') ?? '') as Record<string, number>;
    expect(metrics['predict_rougeL_for_open']).toBeCloseTo(100 * (accuracy.rougeL?.[4][0] ?? -1), 3);
    expect(metrics['predict_loss']).toBeGreaterThan(0);
    // A text takes a batch of training, and three of them two batches.
    const [steps, samples] = [metrics['predict_steps_per_second'], metrics['predict_samples_per_second']];
    expect(steps / samples, 'batches for each example').toBeCloseTo(6 / 11, 3);
  });
});

test('free answers of a model whose scores are no numbers end the run instead of scoring 0', async () => {
  const sound = tinyModel();
  const readTensor: typeof sound.readTensor = async (name) => {
    const values = await sound.readTensor(name);
    return name === 'shared.weight' ? values.map((value) => 3e38 * value) : values;
  };
  await expect(resultsOf({ ...sound, readTensor })).rejects.toThrow(
    /run\/not-finite.*scores of the answers of open are not finite/,
  );
});

describe('measures over tasks that not all have the score', () => {
  const accuracy = {
    exact: [[0, 0.5, null], [0.5, 0.5, null], [0.25, 1, null], [0.5, 0.5, null]], // oxfmt-ignore
    ranked: [[null, 0, null], [null, 0, null], [null, 1, null], [null, 0.75, null]], // oxfmt-ignore
    loss: [[4, null, 6], [2, null, 5], [1, null, 5], [3, null, 2]], // oxfmt-ignore
  };
  const { measures } = withMeasures(accuracy, [{ form: 'free' }, {}, { form: 'text' }]);

  test('leave the others out', () => {
    expect(measures.exact).toMatchObject({ averagePerformance: 0.5, backwardTransfer: -0.25, justLearned: 0.75 });
    expect(measures.ranked).toMatchObject({ averagePerformance: 0.75, backwardTransfer: -0.25 });
  });

  test('of a loss count a rise as forgetting, from the least loss', () => {
    expect(measures.loss).toMatchObject({ averagePerformance: 2.5, backwardTransfer: 1, forgetting: 2 });
    expect(measures.loss?.justLearned).toBe(2);
  });

  test('without a choice are those of all columns', () => {
    expect(measuresOf([[0, 0], [1, 0], [0.5, 1]])).toMatchObject({ averagePerformance: 0.75, backwardTransfer: -0.5 }); // oxfmt-ignore
  });
});
