/** llama.cpp by the npm package @wllama/wllama, version 2, in Chromium: it also runs encoder–decoder models. */
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { chromium } from '@playwright/test';
import { requireBrowser } from '../../tools/test/browser.ts';
import type { LlamaModel, Written } from './llama-cpp.ts';

interface Wllama {
  loadModelFromUrl(url: string, options: object): Promise<void>;
  mustAddBosToken(): boolean;
  mustAddEosToken(): boolean;
  getBOS(): number;
  getEOS(): number;
  tokenize(text: string, special: boolean): Promise<number[]>;
  isEncoderDecoderArchitecture(): boolean;
  getDecoderStartToken(): number;
  isTokenEOG(token: number): boolean;
  kvClear(): Promise<void>;
  encode(tokens: number[]): Promise<unknown>;
  decode(tokens: number[], options: object): Promise<unknown>;
  getLogits(count: number): Promise<{ token: number; p: number }[]>;
}
declare global {
  var wllama: Wllama;
}

const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const PAGE = `<!doctype html><script type="module">
  import { Wllama } from '/wllama/index.js';
  globalThis.wllama = new Wllama({ 'single-thread/wllama.wasm': '/wllama/single-thread/wllama.wasm' });
</script>`;

/** Opens files one at a time. @param library the folder `esm` of the package, installed anywhere. */
export async function openWllama(
  library: string,
): Promise<{ open: (file: string) => Promise<LlamaModel>; close: () => Promise<void> }> {
  let model = '';
  const server = createServer(({ url = '/' }, response) => {
    const path = url.startsWith('/wllama/') ? join(library, normalize(url.slice('/wllama'.length))) : model;
    response.setHeader(
      'content-type',
      url === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'application/octet-stream'),
    );
    if (url === '/') response.end(PAGE);
    else
      createReadStream(path)
        .on('error', () => response.writeHead(404).end())
        .pipe(response);
  }).listen(0, 'localhost');
  const executablePath = requireBrowser();
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const open = async (file: string): Promise<LlamaModel> => {
    model = file;
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => 'wllama' in globalThis);
    await page.evaluate(() => wllama.loadModelFromUrl(new URL('/model.gguf', location.href).href, { useCache: false }));
    const encode = (text: string): Promise<number[]> =>
      page.evaluate(async (text) => {
        const front = wllama.mustAddBosToken() ? [wllama.getBOS()] : [];
        const back = wllama.mustAddEosToken() ? [wllama.getEOS()] : [];
        return [...front, ...(await wllama.tokenize(text, true)), ...back];
      }, text);
    const write = async (prompt: readonly number[], maxTokens: number): Promise<Written[]> => {
      const written = await page.evaluate(
        async ({ prompt, maxTokens }) => {
          await wllama.kvClear();
          const isT5 = wllama.isEncoderDecoderArchitecture();
          if (isT5) await wllama.encode(prompt);
          await wllama.decode(isT5 ? [wllama.getDecoderStartToken()] : prompt, {});
          const written: { token: number; best: [number, number][] }[] = [];
          for (;;) {
            const best = (await wllama.getLogits(2)).map(({ token, p }): [number, number] => [token, p]);
            const [[token]] = best;
            written.push({ token, best });
            if (wllama.isTokenEOG(token) || written.length === maxTokens) return written;
            await wllama.decode([token], {});
          }
        },
        { prompt: [...prompt], maxTokens },
      );
      return written.map(({ token, best }) => ({ token, probabilities: new Map(best) }));
    };
    return { encode, write, close: () => page.close() };
  };
  const close = async (): Promise<void> => {
    await browser.close();
    server.close();
  };
  return { open, close };
}
