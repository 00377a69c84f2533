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
