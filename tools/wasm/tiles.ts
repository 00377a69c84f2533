/**
 * The text of the module `register-tiles` of the kernels: functions that keep a tile of a product in registers.
 *
 * A tile computes C[rows, columns] = alpha A[rows, k] B[k, columns] + D. Row i of A begins at a + i lda, row k of B at
 * b + k ldb, and so on, in bytes; D is left out where d is 0. The largest tile fills the 15 vector registers that V8 has:
 * 6 × 8 where a fused multiply-add needs none for the product between, else 5 × 8.
 * One loop, tested at its top: V8 spills the sums inside other forms of it (two loops, `do … while`), at half the rate.
 */
export function registerTiles(): string {
  const rows = [1, 2, 3, 4, 5, 6];
  return [
    `import { madd } from './simd';`,
    `let alpha: f32 = 1;`,
    `/** Sets the factor of all products that follow. */`,
    `export function setAlpha(value: f32): void { alpha = value; }`,
    ...rows.flatMap((count) => [tile(count, 4), tile(count, 8)]),
    tile(1, 32),
    tile(2, 16),
    chooser(rows, 4),
    chooser(rows, 8),
  ].join('\n');
}

const PARAMETERS = 'a: usize, lda: usize, b: usize, ldb: usize, k: u32, c: usize, ldc: usize, d: usize, ldd: usize';
const ARGUMENTS = 'a, lda, b, ldb, k, c, ldc, d, ldd';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function tile(rows: number, columns: number): string {
  const each = (line: (i: number) => string): string => range(rows).map(line).join('\n');
  const quads = (line: (j: number) => string): string =>
    range(columns / 4)
      .map(line)
      .join('\n');
  const all = (line: (i: number, j: number) => string): string => each((i) => quads((j) => line(i, j)));
  // Many columns of one or two rows: their parts of B are not kept, which leaves registers for more sums.
  const wide = columns > 8;

  return `
export function tile${rows}x${columns}(${PARAMETERS}): void {
  ${each((i) => `let a${i} = a + ${i} * lda;`)}
  let x: v128;
  ${wide ? each((i) => `let x${i}: v128;`) : quads((j) => `let b${j}: v128;`)}
  ${all((i, j) => `let c${i}_${j} = f32x4.splat(0);`)}
  while (k) {
    ${
      wide
        ? each((i) => `x${i} = v128.load32_splat(a${i});`) +
          quads((j) => `x = v128.load(b, ${16 * j});\n${each((i) => `c${i}_${j} = madd(c${i}_${j}, x${i}, x);`)}`)
        : quads((j) => `b${j} = v128.load(b, ${16 * j});`) +
          each((i) => `x = v128.load32_splat(a${i});\n${quads((j) => `c${i}_${j} = madd(c${i}_${j}, x, b${j});`)}`)
    }
    ${each((i) => `a${i} += 4;`)}
    b += ldb;
    k--;
  }
  x = f32x4.splat(alpha);
  if (d) {
    ${each((i) => `${quads((j) => `v128.store(c, madd(v128.load(d, ${16 * j}), x, c${i}_${j}), ${16 * j});`)}\nc += ldc;\nd += ldd;`)}
  } else {
    ${each((i) => `${quads((j) => `v128.store(c, f32x4.mul(x, c${i}_${j}), ${16 * j});`)}\nc += ldc;`)}
  }
}`;
}

/** A function that calls the tile of so many rows. */
function chooser(rows: readonly number[], columns: number): string {
  return `
export function tile${columns}(rows: u32, ${PARAMETERS}): void {
  switch (rows) {
    ${rows.map((count) => `case ${count}: tile${count}x${columns}(${ARGUMENTS}); return;`).join('\n    ')}
  }
}`;
}
