import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNamedModel } from '../cli/places.ts';
import { openRoundFolder, writeFiles } from '../cli/round-folder.ts';
import type { RunEvent } from '../run/events.ts';
import { embeddedSettings } from '../run/presets.ts';
import { Run } from '../run/run.ts';
import type { RunSettings } from '../run/settings.ts';
import { promptOf } from '../tasks/prompt.ts';
import type { Task } from '../tasks/task.ts';
import { committedReference } from './reference.ts';
import { tinyHost } from './tiny-run.ts';
import { transformersJs } from './transformers-js.ts';
import { ONNX_DTYPES, type OnnxDtype } from '../onnx/dtypes.ts';
import { onnxFiles, type TrainedChanges } from '../onnx/onnx-files.ts';

const PROMPTS = 200;
const BATCH = 50;

const NOUNS = { plant: ['tree', 'shrub', 'herb'], animal: ['cat', 'bird', 'horse'], food: ['cake', 'soup', 'drink'] };
const KINDS = ['tall', 'large', 'small', 'sweet', 'white', 'yellow', 'wild', 'common'];
const ENDS = ['of Asia', 'with red spots', 'that is sold at markets', 'from Wales', 'seen at night'];

/** Sentences about plants, animals and food, each with its label, of which no two are equal. */
const EXAMPLES = KINDS.flatMap((kind) =>
  ENDS.flatMap((end) =>
    Object.entries(NOUNS).flatMap(([label, nouns]) =>
      nouns.map((noun) => ({ sentence: `a ${kind} ${noun} ${end}`, label })),
    ),
  ),
);
const TASK: Task = {
  name: 'things',
  kind: 'TC',
  instruction: 'What is the topic of the following paragraph? Choose one from the option.\n',
  labels: Object.keys(NOUNS),
  train: EXAMPLES.slice(PROMPTS, PROMPTS + 48),
  dev: [],
  test: EXAMPLES.slice(0, PROMPTS),
};

interface Case {
  name: string;
  model: string;
  /** Whether the model is trained first. */
  isTrained: boolean;
  targetLength: number;
  /** Answers of 200 that may change in a form: those that did when it was measured, and some room. */
  changed: Partial<Record<OnnxDtype, number>>;
}
const CASES: Case[] = [
  {
    name: 'the embedded T5 after a run',
    model: 'embedded',
    isTrained: true,
    targetLength: 4,
    changed: { f32: 0, f16: 2, q8: 5, q4: 20 },
  },
  {
    name: 'a LLaMA as it is',
    model: committedReference.path('models/stories-tiny'),
    isTrained: false,
    targetLength: 12,
    changed: { f32: 0, f16: 20 }, // in fewer bits a model this small writes other texts
  },
];

describe.each(CASES)('$name', ({ model, isTrained, targetLength, changed }) => {
  const settings: RunSettings = {
    ...embeddedSettings('quick', 'gorp-plus'),
    model,
    order: [TASK.name],
  };
  Object.assign(settings.method, { loraRank: 4, galoreRank: 4 });
  Object.assign(settings.training, { targetLength, testExamples: 0, trainExamples: 0, sourceLength: 224 });
  let folder: string;
  let answers: string[];
  let trained: TrainedChanges | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gorp-onnx-'));
    const events: RunEvent[] = [];
    const host = tinyHost((event) => events.push(event), {
      openModel: (name) => openNamedModel(name),
      ownTask: () => Promise.resolve(TASK),
      saveRound: ({ results, trained }) => writeFiles(join(folder, 'round'), [...results, ...trained]),
    });
    const run = new Run(host, settings);
    await (isTrained ? run.execute() : run.evaluate());
    const last = events.at(-1);
    if (last?.type !== 'finished') throw new Error(JSON.stringify(last));
    answers = predictions(join(folder, 'round'));
    trained = isTrained ? await openRoundFolder(join(folder, 'round')) : undefined;
  }, 300_000); // on a new machine the kernels are compiled at first use
  afterAll(() => rmSync(folder, { recursive: true }));

  it('answers in transformers.js as in this engine', async () => {
    for (const dtype of ONNX_DTYPES) {
      await writeFiles(join(folder, dtype), await onnxFiles(await openNamedModel(model), dtype, trained));
      const written = await answersOf(folder, dtype, targetLength);
      const different = written.filter((answer, i) => answer !== answers[i]).length;
      console.log(`${model} ${dtype}: ${different} of ${answers.length} answers differ`);
      expect(different, dtype).toBeLessThanOrEqual(changed[dtype] ?? PROMPTS);
    }
    expect(new Set(answers).size).toBeGreaterThan(2);
  });
});

/** What transformers.js writes to the prompts of the test set. */
async function answersOf(folder: string, name: string, max_new_tokens: number): Promise<string[]> {
  const { AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer } = await transformersJs(folder);
  const config = await AutoConfig.from_pretrained(name);
  const isSeq2Seq = (config as { is_encoder_decoder?: boolean }).is_encoder_decoder === true;
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const model = await (isSeq2Seq ? AutoModelForSeq2SeqLM : AutoModelForCausalLM).from_pretrained(name);
  const { eos_token_id } = model.generation_config as { eos_token_id: number | number[] };
  const ends = [eos_token_id].flat();
  /** In a batch transformers.js fills rows that have ended with what comes next. */
  const untilEnd = (row: number[]): number[] => {
    const end = row.findIndex((id) => ends.includes(id));
    return end < 0 ? row : row.slice(0, end);
  };
  const texts: string[] = [];
  for (let at = 0; at < PROMPTS; at += BATCH) {
    const prompts = TASK.test.slice(at, at + BATCH).map(({ sentence }) => promptOf(TASK, sentence));
    const inputs = tokenizer(prompts, { padding: true }) as { input_ids: { dims: number[] } };
    const outputs = (await model.generate({ ...inputs, max_new_tokens })) as { tolist(): bigint[][] };
    const begin = isSeq2Seq ? 1 : inputs.input_ids.dims[1];
    const rows = outputs.tolist().map((row) => untilEnd(row.slice(begin).map(Number)));
    texts.push(...tokenizer.batch_decode(rows, { skip_special_tokens: true }));
  }
  return texts;
}

/** What the engine wrote to every example of the test set, from the files of a round. */
function predictions(folder: string): string[] {
  const lines = readFileSync(join(folder, 'predict_eval_predictions.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { Prediction: string }).Prediction);
}
