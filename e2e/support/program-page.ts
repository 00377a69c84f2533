import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from '@playwright/test';
import { type LocalServer, serveLocally } from '../../src/testing/local-server.ts';

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const PROGRAM = '/program.mjs';
/** The packages' browser builds, by the names that programs import. */
const IMPORTS = {
  '@huggingface/transformers': '/packages/@huggingface/transformers/dist/transformers.web.js',
  'onnxruntime-common': '/packages/onnxruntime-common/dist/esm/index.js',
  'onnxruntime-web/webgpu': '/packages/onnxruntime-web/dist/ort.webgpu.min.mjs',
};
/** Runs the program with onnxruntime's own files from here: transformers.js would fetch them from a CDN. */
const HTML = `<!doctype html>
<title>A program</title>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">
  import { env } from 'onnxruntime-web/webgpu';
  env.wasm.wasmPaths = new URL('/packages/onnxruntime-web/dist/', location.href).href;
  await import('${PROGRAM}');
  document.title = 'Done';
</script>`;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A program that has run in its own page. */
export interface ProgramPage {
  readonly page: Page;
  /** Its console output. */
  readonly reported: readonly string[];
  close(): Promise<void>;
}

/**
 * Runs a program that imports transformers.js in its own page, served with the files of a folder, and waits for its
 * end.
 *
 * @param folder below which its files lie, such as models.
 */
export async function runProgram(context: BrowserContext, folder: string, program: string): Promise<ProgramPage> {
  const server = await serve(folder, program);
  const page = await context.newPage();
  const reported: string[] = [];
  const broken = new Promise<never>((_, reject) => page.on('pageerror', reject));
  page.on('console', (message) => message.type() === 'log' && reported.push(message.text()));
  await page.goto(server.url);
  await Promise.race([page.waitForFunction(() => document.title === 'Done', null, { timeout: 60_000 }), broken]);
  const close = async (): Promise<void> => {
    await page.close();
    await server.close();
  };
  return { page, reported, close };
}

function serve(folder: string, program: string): Promise<LocalServer> {
  const contentOf = (path: string): Promise<string | Buffer> => {
    if (path === '/') return Promise.resolve(HTML);
    if (path === PROGRAM) return Promise.resolve(program);
    const packages = '/packages/';
    return readFile(path.startsWith(packages) ? join(PACKAGES, path.slice(packages.length)) : join(folder, path));
  };
  return serveLocally(({ url = '/' }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
    contentOf(path).then(
      (content) => {
        response.writeHead(200, {
          'content-type': TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream',
          'content-length': Buffer.byteLength(content),
        });
        response.end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
}
