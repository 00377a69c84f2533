/**
 * Compares what llama.cpp makes of GGUF files with what this engine makes of the model they were written from: token ids
 * of the reference texts, and greedy answers to a hundred prompts.
 *
 *   node tools/run.mjs lab/gguf/compare.ts --model NAME --gguf FILE --llama node-llama-cpp/dist/index.js
 *   node tools/run.mjs lab/gguf/compare.ts --round FOLDER --gguf BASE.gguf --lora ADAPTER.gguf --llama …
 *     [--model NAME of the round's base model] [--answers 12] [--prompts 100] [--gap 0.05]
 *
 * `--gguf` may be given several times. Needs the npm package node-llama-cpp, installed anywhere with --ignore-scripts; or,
 * with `--wllama node_modules/@wllama/wllama/esm`, version 2 of that package and Chromium, for T5 too. Where an answer differs, the two best logits must be within `gap`.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { nodeDeviceHost } from '../../src/cli/host.ts';
import { openRoundFolder } from '../../src/cli/round-folder.ts';
import { openShown, openTrainedModel } from '../../src/cli/named-models.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { openDevice } from '../../src/device/choice.ts';
import { answerPrompts } from '../../src/run/evaluation/answering.ts';
import { readTexts } from '../../src/run/models/open-network.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import { type LlamaModel, openLlamaCpp } from './llama-cpp.ts';
import { openWllama } from './wllama.ts';

const SUBJECTS = ['France', 'Japan', 'Egypt', 'the sea', 'music', 'a cat', 'winter', 'bread', 'the moon', 'a river'];
const FRAMES = [
  (subject: string) => `Tell me about ${subject}.`,
  (subject: string) => `The most important thing about ${subject} is`,
  (subject: string) => `Task:TC\nDataset:any\nWhat is the topic of this text? ${subject}\nAnswer:`,
  (subject: string) => `Once upon a time there was ${subject}`,
  (subject: string) => `def describe("${subject}"):\n    return`,
  (subject: string) => `Is ${subject} good or bad? Option: good, bad.\nAnswer:`,
  (subject: string) => `${subject}, 1, 2, 3,`,
  (subject: string) => `Translate to French: ${subject} →`,
  (subject: string) => `What do people say about ${subject}?`,
  (subject: string) => `"${subject}" means`,
];
const BATCH = 10;

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      round: { type: 'string' },
      gguf: { type: 'string', multiple: true, default: [] },
      lora: { type: 'string' },
      llama: { type: 'string' },
      wllama: { type: 'string' },
      answers: { type: 'string', default: '12' },
      prompts: { type: 'string', default: '100' },
      gap: { type: 'string', default: '0.05' },
    },
  });
  const { model: name, round, gguf: files, lora, llama, wllama } = values;
  if ((name === undefined && round === undefined) || files.length === 0)
    throw new Error('--model or --round, and --gguf are needed.');
  const maxNewTokens = Number(values.answers);
  const terminal = new Terminal(true);
  const saved = round === undefined ? undefined : await openRoundFolder(round);
  const base = saved ? await openTrainedModel(saved, name, terminal) : await openShown(name ?? '', terminal);
  const { tokenizer } = await readTexts(base, { promptForm: 'raw' });
  const prompts = FRAMES.flatMap((frame) => SUBJECTS.map(frame)).slice(0, Number(values.prompts));
  const { device } = await openDevice('cpu', nodeDeviceHost());
  const ours: string[] = [];
  const answering = { promptForm: 'raw', frozenWeights: 'f32', evaluationBatchSize: BATCH, maxNewTokens } as const;
  for await (const { text } of answerPrompts(device, base, prompts, answering, saved)) ours.push(text);
  await device.destroy();

  const { open, close } = await openProgram(llama, wllama);
  let isEqual = true;
  for (const file of files) {
    process.stdout.write(`${file}\n`);
    const model = await open(file, lora);
    const sameTokens = await tokensAgree(model, tokenizer);
    const sameAnswers = await answersAgree(model, tokenizer, { prompts, ours, maxNewTokens, gap: Number(values.gap) });
    isEqual &&= sameTokens && sameAnswers;
    await model.close();
  }
  await close();
  return isEqual ? 0 : 1;
}

interface Program {
  readonly open: (file: string, lora?: string) => Promise<LlamaModel>;
  readonly close: () => Promise<void>;
}

async function openProgram(llama: string | undefined, wllama: string | undefined): Promise<Program> {
  if (wllama !== undefined) return openWllama(wllama);
  if (llama === undefined) throw new Error('--llama or --wllama is needed.');
  return { open: await openLlamaCpp(llama), close: () => Promise.resolve() };
}

async function tokensAgree(model: LlamaModel, tokenizer: Tokenizer): Promise<boolean> {
  const texts = referenceTexts();
  let equal = 0;
  for (const text of texts) {
    const [theirs, here] = [String(await model.encode(text)), String(tokenizer.encodePrompt(text))];
    if (theirs === here) equal++;
    else process.stdout.write(`  ${JSON.stringify(text)}: ${theirs}, here ${here}\n`);
  }
  process.stdout.write(`token ids: ${equal} of ${texts.length} texts equal\n`);
  return equal === texts.length;
}

interface Asked {
  readonly prompts: readonly string[];
  readonly ours: readonly string[];
  readonly maxNewTokens: number;
  readonly gap: number;
}

async function answersAgree(model: LlamaModel, tokenizer: Tokenizer, asked: Asked): Promise<boolean> {
  const { prompts, ours, maxNewTokens, gap: allowed } = asked;
  let [equal, close] = [0, 0];
  for (const [i, prompt] of prompts.entries()) {
    const written = await model.write(await model.encode(prompt), maxNewTokens);
    const textOf = (count: number): string => tokenizer.decode(written.slice(0, count).map(({ token }) => token));
    const theirs = textOf(written.length);
    if (theirs === ours[i]) {
      equal++;
      continue;
    }
    // The first token after which the answers differ; its distance to the second best.
    const at = written.findIndex((_, end) => !ours[i].startsWith(textOf(end + 1)));
    const [first, second] = [...(written.at(at)?.probabilities.values() ?? [])].sort((a, b) => b - a);
    const gap = Math.log(first / second);
    if (gap <= allowed) close++;
    process.stdout.write(`  ${JSON.stringify({ prompt, theirs, ours: ours[i], gap })}\n`);
  }
  process.stdout.write(`answers: ${equal} of ${prompts.length} equal, ${close} within ${allowed} of the best logit\n`);
  return equal + close === prompts.length;
}

/** The texts of the tokenizers' reference, labels included. */
function referenceTexts(): string[] {
  const golden = JSON.parse(readFileSync('reference/tokenizers/golden.json', 'utf8')) as {
    items: { text: string }[];
    labels: { text: string }[];
  };
  return [...golden.items, ...golden.labels].map(({ text }) => text);
}
