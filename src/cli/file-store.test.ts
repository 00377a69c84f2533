import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KernelChoices } from '../device/webgpu/tuning.ts';
import { fileStore } from './machine.ts';

const CHOICES: KernelChoices = { attention: { 'FORWARD 64': 'tiles' }, matmul: { 'nt 64×64×64': 'block' } };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tuning-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('stores the choices of several devices in one file', async () => {
  const file = join(folder, 'deep', 'tuning.json');
  expect(await fileStore(file).read('one')).toBeUndefined();
  await fileStore(file).write('one', CHOICES);
  await fileStore(file).write('two', { ...CHOICES, attention: { 'FORWARD 64': 'rolled' } });
  expect(await fileStore(file).read('one')).toEqual(CHOICES);
  expect(await fileStore(file).read('two')).toEqual({ ...CHOICES, attention: { 'FORWARD 64': 'rolled' } });
});

it('ignores a damaged file and an unwritable folder', async () => {
  const file = join(folder, 'tuning.json');
  await writeFile(file, '{"one": ');
  expect(await fileStore(file).read('one')).toBeUndefined();
  await fileStore(join(file, 'below a file')).write('one', CHOICES);
  expect(await readFile(file, 'utf8')).toBe('{"one": ');
});

it('stays whole under concurrent writes', async () => {
  const file = join(folder, 'tuning.json');
  const names = Array.from({ length: 8 }, (_, i) => `device ${i}`);
  await Promise.all(names.map((name) => fileStore(file).write(name, CHOICES)));
  const stored = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  expect(Object.values(stored).length).toBeGreaterThan(0);
  for (const value of Object.values(stored)) expect(value).toEqual(CHOICES);
  expect(await readdir(folder), 'no draft is left').toEqual(['tuning.json']);
});
