import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KernelChoices } from '../device/webgpu/tuning.ts';
import { fileStore } from './file-store.ts';

const CHOICES: KernelChoices = { attention: 'several-rows', matmul: { 'nt 64×64×64': 'block' } };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tuning-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('keeps the choices of several devices in one file', async () => {
  const file = join(folder, 'deep', 'tuning.json');
  expect(await fileStore(file).read('one')).toBeUndefined();
  await fileStore(file).write('one', CHOICES);
  await fileStore(file).write('two', { ...CHOICES, attention: 'one-row' });
  expect(await fileStore(file).read('one')).toEqual(CHOICES);
  expect(await fileStore(file).read('two')).toEqual({ ...CHOICES, attention: 'one-row' });
});

it('takes a damaged file for none, and a folder that cannot be written to for nothing worse', async () => {
  const file = join(folder, 'tuning.json');
  await writeFile(file, '{"one": ');
  expect(await fileStore(file).read('one')).toBeUndefined();
  await fileStore(join(file, 'below a file')).write('one', CHOICES);
  expect(await readFile(file, 'utf8')).toBe('{"one": ');
});
