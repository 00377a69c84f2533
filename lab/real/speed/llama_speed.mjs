// llama.cpp by node-llama-cpp as a contender of `npm run bench:real`: llama_speed.mjs PACKAGES MODEL.gguf THREADS.
// Answers each line of JSON on stdin with one on stdout: see contender.ts.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [packages, modelPath, threads] = process.argv.slice(2);
const { resolve } = createRequire(pathToFileURL(`${packages}/`));
const { getLlama } = await import(pathToFileURL(resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'error' });
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const ROWS = 8;
const context = await model.createContext({
  contextSize: 512,
  sequences: ROWS,
  threads: { ideal: Number(threads), min: Number(threads) },
  batchSize: 512,
});
const sequences = Array.from({ length: ROWS }, () => context.getSequence());
console.log('{}');

const randomIds = (tokens) => Array.from({ length: tokens }, () => 3 + Math.floor(30_000 * Math.random()));

async function onRows(rows, work) {
  const used = sequences.slice(0, rows);
  for (const sequence of used) await sequence.clearHistory();
  await Promise.all(used.map(work));
}

const JOBS = {
  read: ({ rows, tokens }) =>
    onRows(rows, (sequence) => sequence.evaluateWithoutGeneratingNewTokens(randomIds(tokens))),
  write: ({ rows, prompt, tokens }) =>
    onRows(rows, async (sequence) => {
      // The end of an answer must not end it here, where all write as many tokens.
      const writing = sequence.evaluate(randomIds(prompt), { temperature: 0, yieldEogToken: true });
      for (let done = 0; done < tokens; done++)
        if ((await writing.next()).done) throw new Error(`llama.cpp wrote ${done} of ${tokens} tokens.`);
      await writing.return();
    }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  const work = JOBS[job.do];
  await work?.(job);
  console.log(work === undefined ? '{"cannot": true}' : '{}');
}
process.exit();
