/**
 * Compares what llama.cpp makes of a GGUF file with what this engine makes of the model it was written from: token ids of
 * the reference texts, and greedy answers to a hundred prompts.
 *
 *   node tools/run.mjs tools/gguf/compare.ts --model NAME --gguf FILE --llama node-llama-cpp/dist/index.js
 *     [--answers 12] [--prompts 100] [--gap 0.05]
 *
 * Needs the npm package node-llama-cpp, installed anywhere with --ignore-scripts. Keys and values of attention are kept
 * in f32, as here. Where an answer differs, the two best logits must be within `gap`.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeDeviceHost } from '../../src/cli/host.ts';
import { openShown } from '../../src/cli/shown-model.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { openDevice } from '../../src/device/choice.ts';
import { answerPrompts } from '../../src/run/answering.ts';
import { readTexts } from '../../src/run/open-network.ts';

/** The part of node-llama-cpp that is used. */
interface LlamaCpp {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<LlamaModel> }>;
}
interface LlamaModel {
  tokenize(text: string, specialTokens: boolean): number[];
  readonly tokens: { readonly bos: number | null; readonly shouldPrependBosToken: boolean };
  isEogToken(token: number): boolean;
  createContext(options: object): Promise<{ getSequence(): LlamaSequence }>;
}
interface LlamaSequence {
  clearHistory(): Promise<void>;
  evaluateWithMetadata(
    tokens: number[],
    metadata: { probabilities: true },
    options: object,
  ): AsyncGenerator<{ token: number; probabilities: Map<number, number> }>;
}

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

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      gguf: { type: 'string' },
      llama: { type: 'string' },
      answers: { type: 'string', default: '12' },
      prompts: { type: 'string', default: '100' },
      gap: { type: 'string', default: '0.05' },
    },
  });
  const { model: name, gguf, llama: library } = values;
  if (name === undefined || gguf === undefined || library === undefined)
    throw new Error('--model, --gguf and --llama are needed.');
  const maxNewTokens = Number(values.answers);
  const base = await openShown(name, new Terminal(true));
  const { tokenizer } = await readTexts(base, { promptForm: 'raw' });

  const cpp = (await import(/* @vite-ignore */ pathToFileURL(resolve(library)).href)) as LlamaCpp;
  const llama = await cpp.getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: resolve(gguf) });
  const front = model.tokens.shouldPrependBosToken && model.tokens.bos !== null ? [model.tokens.bos] : [];
  const idsOf = (text: string): number[] => [...front, ...model.tokenize(text, true)];

  const texts = referenceTexts();
  const others = texts.filter((text) => String(idsOf(text)) !== String(tokenizer.encodePrompt(text)));
  process.stdout.write(`token ids: ${texts.length - others.length} of ${texts.length} texts equal\n`);
  for (const text of others.slice(0, 10)) {
    process.stdout.write(
      `  ${JSON.stringify(text)}: ${String(idsOf(text))}, here ${String(tokenizer.encodePrompt(text))}\n`,
    );
  }

  const prompts = FRAMES.flatMap((frame) => SUBJECTS.map(frame)).slice(0, Number(values.prompts));
  const { device } = await openDevice('cpu', nodeDeviceHost());
  const ours: string[] = [];
  const answering = { promptForm: 'raw', frozenWeights: 'f32', evaluationBatchSize: 10, maxNewTokens } as const;
  for await (const { text } of answerPrompts(device, base, prompts, answering)) ours.push(text);
  await device.destroy();

  const cache = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32', flashAttention: false };
  const sequence = (await model.createContext({ contextSize: 512, threads: 2, ...cache })).getSequence();
  let equal = 0;
  let close = 0;
  for (const [i, prompt] of prompts.entries()) {
    const ids: number[] = [];
    const gaps: number[] = [];
    await sequence.clearHistory();
    const options = { temperature: 0, yieldEogToken: true };
    for await (const { token, probabilities } of sequence.evaluateWithMetadata(
      idsOf(prompt),
      { probabilities: true },
      options,
    )) {
      if (model.isEogToken(token)) break;
      const [first, second] = [...probabilities.values()].sort((a, b) => b - a);
      ids.push(token);
      gaps.push(Math.log(first / second));
      if (ids.length === maxNewTokens) break;
    }
    const theirs = tokenizer.decode(ids);
    if (theirs === ours[i]) equal++;
    else {
      // The first token after which the answers differ.
      const at = ids.findIndex((_, end) => !ours[i].startsWith(tokenizer.decode(ids.slice(0, end + 1))));
      const gap = gaps.at(at) ?? Infinity;
      if (gap <= Number(values.gap)) close++;
      process.stdout.write(`  ${JSON.stringify({ prompt, theirs, ours: ours[i], gap })}\n`);
    }
  }
  process.stdout.write(
    `answers: ${equal} of ${prompts.length} equal, ${close} within ${values.gap} of the best logit\n`,
  );
  return others.length === 0 && equal + close === prompts.length ? 0 : 1;
}

/** The texts of the tokenizers' reference, labels included. */
function referenceTexts(): string[] {
  const golden = JSON.parse(readFileSync('reference/tokenizers/golden.json', 'utf8')) as {
    items: { text: string }[];
    labels: { text: string }[];
  };
  return [...golden.items, ...golden.labels].map(({ text }) => text);
}
