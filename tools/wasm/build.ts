/** Builds the kernels of the WebAssembly device from `src/device/wasm/kernels` (AssemblyScript): `npm run build:wasm`. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectPath, projectRoot } from '../setup/process.ts';
import { runIfDue, stampFile, type Step } from '../setup/stamp.ts';
import { shareMemory } from './share-memory.ts';
import { registerTiles } from './tiles.ts';

const KERNELS = 'src/device/wasm/kernels';
export const OUTPUT = 'build/wasm';

/** The files: with and without relaxed SIMD, each for private memory and for memory that threads share. */
const WASM_FILES = ['plain.wasm', 'relaxed.wasm', 'plain-shared.wasm', 'relaxed-shared.wasm'] as const;

/** What every thread runs, besides the kernels: Node's threads load it from there. */
const THREAD = 'src/device/wasm/thread.mjs';

const STEP: Step = {
  inputs: [KERNELS, THREAD, 'tools/wasm', 'package-lock.json'],
  outputs: [...WASM_FILES, 'thread.mjs'].map((file) => `${OUTPUT}/${file}`),
};

/** The compiler's options besides the file: no allocator, no runtime, static data in the first 64 KiB. */
const FLAGS = [
  ...['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort='],
  ...['--importMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--memoryBase', '1024', '--lowMemoryLimit', '65535'],
  ...['--disableWarning', '201'], // about conversions that matter only to a 64-bit memory
];

/** How the sources write AssemblyScript's decorator, which formatters and editors take for an error. */
const INLINE = /^\/\/ @inline$/gm;

/** Compiles the kernels once. @throws Error with the compiler's messages. */
async function compile(features: readonly string[]): Promise<Uint8Array> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array | undefined;
  const generated = projectPath(KERNELS, 'register-tiles.ts');
  const messages: string[] = [];
  const { error } = await asc.main(
    [`${KERNELS}/index.ts`, '--outFile', 'kernels.wasm', ...FLAGS, ...features.flatMap((name) => ['--enable', name])],
    {
      readFile: (name, base) => {
        const path = isAbsolute(name) ? name : join(projectRoot, base === '.' ? '' : base, name);
        if (path === generated) return registerTiles();
        try {
          return readFileSync(path, 'utf8').replace(INLINE, '@inline');
        } catch {
          return null; // asc looks for a module in several places
        }
      },
      stderr: { write: (text: string | Uint8Array) => messages.push(String(text)) },
      writeFile: (_, contents) => void (binary = contents as Uint8Array),
    },
  );
  if (error || binary === undefined || messages.length > 0)
    throw new Error(`The WebAssembly kernels do not compile:\n${messages.join('')}`);
  return binary;
}

/** Builds `build/wasm/*.wasm` when a source has changed. @returns whether it did. */
export function buildWasm(): Promise<boolean> {
  return runIfDue(projectRoot, STEP, stampFile(projectRoot, 'wasm'), async () => {
    for (const [name, features] of [
      ['plain', ['simd']],
      ['relaxed', ['simd', 'relaxed-simd']],
    ] as const) {
      const own = await compile(features);
      for (const [file, bytes] of [
        [`${name}.wasm`, own],
        [`${name}-shared.wasm`, shareMemory(own)],
      ] as const) {
        const path = projectPath(OUTPUT, file);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, bytes);
      }
    }
    copyFileSync(projectPath(THREAD), projectPath(OUTPUT, 'thread.mjs'));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const start = performance.now();
  const built = await buildWasm();
  console.log(built ? `Built ${OUTPUT} in ${((performance.now() - start) / 1000).toFixed(1)} s` : 'Nothing to do');
}
