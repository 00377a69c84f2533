import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { treeCpuMs } from '../../bench/cpu-time.ts';
import { timed } from '../../../src/bench/timing.ts';
import { requireBrowser } from '../../../tools/test/browser.ts';
import type { Contender, Job } from './contender.ts';

/** With isolation, so that it may use threads. */
const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', wasm: 'application/wasm', html: 'text/html' };
/** The functions that the page offers once its model is loaded. */
interface AskedPage {
  readonly ask: (job: Exclude<Job, { do: 'step' }>) => Promise<void>;
}

const PAGE = `<!doctype html><title>wllama</title><script type="module">
import { Wllama } from './wllama/index.js';
const params = new URLSearchParams(location.search);
const wllama = new Wllama({ default: new URL('./wllama/wasm/wllama.wasm', location.href).href });
const model = await (await fetch('./model')).blob();
await wllama.loadModel([model], {
  n_ctx: 4096, n_batch: 512, n_gpu_layers: 0, n_threads: Number(params.get('threads')),
});
const WORDS = ' time year people way day man thing woman life child world school state family student group'.split(' ').slice(1);
const randomPrompt = (tokens) => Array.from({ length: tokens }, () => ' ' + WORDS[Math.floor(WORDS.length * Math.random())]).join('');
globalThis.ask = async ({ prompt, tokens, ...job }) => {
  const [read, write] = job.do === 'read' ? [tokens, 1] : [prompt, tokens];
  const { usage } = await wllama.createCompletion({
    prompt: randomPrompt(read), max_tokens: write, temperature: 0, ignore_eos: true,
  });
  if (usage.prompt_tokens !== read || usage.completion_tokens !== write) throw new Error(JSON.stringify(usage));
};
</script>`;

/** llama.cpp in WebAssembly, in Chromium. @param packages a folder with node_modules. @param model a GGUF file. */
export async function openWllama(packages: string, model: string, threads: number): Promise<Contender> {
  const executablePath = requireBrowser();
  const esm = join(packages, 'node_modules', '@wllama', 'wllama', 'esm');
  const server = createServer(({ url = '/' }, response) => {
    const [path] = url.split('?');
    const type = TYPES[/\.(\w+)$/.exec(path)?.[1] ?? 'html'] ?? 'application/octet-stream';
    const head = (code: number): unknown => response.writeHead(code, { ...HEADERS, 'Content-Type': type });
    if (path === '/') {
      head(200);
      response.end(PAGE);
      return;
    }
    const file = createReadStream(path === '/model' ? model : join(esm, path.replace('/wllama/', '')));
    file.once('error', () => {
      head(404);
      response.end();
    });
    file.once('open', () => {
      head(200);
      file.pipe(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = server.address() as AddressInfo;
  const start = performance.now();
  const launched = await chromium.launchServer({ executablePath, args: ['--no-sandbox'] });
  const browser = await chromium.connect(launched.wsEndpoint());
  const page = await browser.newPage();
  const failed = new Promise<never>((_, reject) => page.once('pageerror', reject));
  page.setDefaultTimeout(0); // a job may take minutes
  await page.goto(`http://localhost:${port}/?threads=${threads}`);
  await Promise.race([page.waitForFunction(() => 'ask' in globalThis), failed]);
  const loading = performance.now() - start;
  const { pid = 0 } = launched.process();
  const clock = { now: () => performance.now(), cpuMs: () => Promise.resolve(treeCpuMs(pid)) };
  return {
    name: `wllama, Chromium ${browser.version()}`,
    loading,
    measure: (job) =>
      job.do === 'step' || job.rows > 1 // several prompts at a time end version 3.13 with an error
        ? Promise.resolve(null)
        : timed(clock, () => page.evaluate((asked) => (globalThis as unknown as AskedPage).ask(asked), job)),
    close: async () => {
      await launched.close();
      server.close();
    },
  };
}
