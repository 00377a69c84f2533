import { expect, test } from 'vitest';
import { markOf, readStatistics } from './statistics.ts';

const stats = (registers: number, spilled: number, waves: number, scratch: number): string =>
  `\nCompute Shader:\n*** SHADER STATS ***\nSGPRs: 128\nVGPRs: ${registers}\nSpilled SGPRs: 4\nSpilled VGPRs: ${spilled}\n` +
  `Code size: 60\nScratch size: ${scratch}\nSubgroups per SIMD: ${waves}\nPre-Sched VGPRs: 3\n`;

test('takes the worst of the kernels of a name', () => {
  const output = `noise${markOf('a')}${stats(64, 0, 16, 0)}${markOf('b/c')}${stats(8, 0, 16, 0)}${markOf('a')}${stats(256, 9, 4, 48)}`;
  expect([...readStatistics(output)]).toEqual([
    ['a', { registers: 256, spilled: 9, waves: 4, scratch: 48 }],
    ['b/c', { registers: 8, spilled: 0, waves: 16, scratch: 0 }],
  ]);
});

test('a kernel without statistics is an error', () => {
  expect(() => readStatistics(`${markOf('a')}${markOf('b')}${stats(8, 0, 16, 0)}`)).toThrow(/"VGPRs" of a/);
});
