import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectPath, projectRoot } from '../setup/process.ts';
import { runIfDue, stampFile, type Step } from '../setup/stamp.ts';

/**
 * Makes a module import shared memory. The kernels use no atomic instruction, so the two modules differ in
 * one bit, and compiling twice would take twice as long. (WebAssembly core 3.0, 5.3.7: limits of a shared memory are
 * tagged 0x03, those of one with a maximum 0x01.)
 * @param module which imports one memory with a maximum.
 */
export function shareMemory(module: Uint8Array): Uint8Array {
  const bytes = module.slice();
  let at = 8; // after the magic number and the version
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  const skipName = (): void => {
    const length = number();
    at += length;
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    const end = at + size;
    if (section === IMPORTS) {
      for (let count = number(); count > 0; count--) {
        skipName();
        skipName();
        if (bytes[at++] !== MEMORY) throw new Error('the kernels import something other than a memory');
        if (bytes[at] !== 0x01) throw new Error('the imported memory has no maximum');
        bytes[at] = 0x03;
        return bytes;
      }
    }
    at = end;
  }
  throw new Error('the kernels import no memory');
}

const IMPORTS = 2;
const MEMORY = 2;

/**
 * The text of the module `register-tiles` of the kernels: functions that keep a tile of a product in registers.
 *
 * A tile computes C[rows, columns] = alpha A[rows, k] B[k, columns] + D. Row i of A begins at a + i lda, row k of B at
 * b + k ldb, and so on, in bytes; D is left out where d is 0. The largest tile fills the 15 vector registers that V8 has:
 * 6 × 8 where a fused multiply-add needs none for the intermediate product, else 5 × 8.
 * One loop, tested at its top: V8 spills the sums inside other forms of it (two loops, `do … while`), at half the rate.
 */
export function registerTiles(): string {
  const rows = [1, 2, 3, 4, 5, 6];
  return [
    `import { madd } from './simd';`,
    `let alpha: f32 = 1, k: u32 = 0, lda: usize = 0, ldb: usize = 0, ldc: usize = 0, ldd: usize = 0;`,
    `/** Sets the factor of all tiles that follow. */`,
    `export function setAlpha(value: f32): void { alpha = value; }`,
    `/** Sets the inner size and the bytes between rows of all tiles that follow. */`,
    `export function setStrides(inner: u32, a: usize, b: usize, c: usize, d: usize): void {`,
    `  k = inner; lda = a; ldb = b; ldc = c; ldd = d;`,
    `}`,
    ...rows.flatMap((count) => [tile(count, 4), tile(count, 8)]),
    tile(1, 32),
    tile(2, 16),
    chooser(rows, 4),
    chooser(rows, 8),
  ].join('\n');
}

// Few enough to be passed in registers; the rest is in globals.
const PARAMETERS = 'a: usize, b: usize, c: usize, d: usize';
const ARGUMENTS = 'a, b, c, d';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function tile(rows: number, columns: number): string {
  const each = (line: (i: number) => string): string => range(rows).map(line).join('\n');
  const quads = (line: (j: number) => string): string =>
    range(columns / 4)
      .map(line)
      .join('\n');
  const all = (line: (i: number, j: number) => string): string => each((i) => quads((j) => line(i, j)));
  // In a tile of one or two rows and many columns, no part of B stays in registers, which leaves more of them for sums.
  const wide = columns > 8;

  return `
export function tile${rows}x${columns}(${PARAMETERS}): void {
  const step = ldb, down = ldc, downD = ldd;
  let n = k;
  ${each((i) => (i === 0 ? 'let a0 = a;' : `let a${i} = a${i - 1} + lda;`))}
  let x: v128;
  ${wide ? each((i) => `let x${i}: v128;`) : quads((j) => `let b${j}: v128;`)}
  ${all((i, j) => `let c${i}_${j} = f32x4.splat(0);`)}
  while (n) {
    ${
      wide
        ? each((i) => `x${i} = v128.load32_splat(a${i});`) +
          quads((j) => `x = v128.load(b, ${16 * j});\n${each((i) => `c${i}_${j} = madd(c${i}_${j}, x${i}, x);`)}`)
        : quads((j) => `b${j} = v128.load(b, ${16 * j});`) +
          each((i) => `x = v128.load32_splat(a${i});\n${quads((j) => `c${i}_${j} = madd(c${i}_${j}, x, b${j});`)}`)
    }
    ${each((i) => `a${i} += 4;`)}
    b += step;
    n--;
  }
  x = f32x4.splat(alpha);
  if (d) {
    ${each((i) => `${quads((j) => `v128.store(c, madd(v128.load(d, ${16 * j}), x, c${i}_${j}), ${16 * j});`)}\nc += down;\nd += downD;`)}
  } else {
    ${each((i) => `${quads((j) => `v128.store(c, f32x4.mul(x, c${i}_${j}), ${16 * j});`)}\nc += down;`)}
  }
}`;
}

/** A function that calls the tile with the given number of rows. */
function chooser(rows: readonly number[], columns: number): string {
  return `
export function tile${columns}(rows: u32, ${PARAMETERS}): void {
  switch (rows) {
    ${rows.map((count) => `case ${count}: tile${count}x${columns}(${ARGUMENTS}); return;`).join('\n    ')}
  }
}`;
}

/** Builds the kernels of the WebAssembly device from `src/device/wasm/kernels` (AssemblyScript): `npm run build:wasm`. */

const KERNELS = 'src/device/wasm/kernels';
export const OUTPUT = 'build/wasm';

/** The files: with and without relaxed SIMD, each for private memory and for memory that threads share. */
const WASM_FILES = ['plain.wasm', 'relaxed.wasm', 'plain-shared.wasm', 'relaxed-shared.wasm'] as const;

/** The file that every thread runs besides the kernels: Node's threads load it from there. */
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
