import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OutputFile, textFile } from '../weights/exports/output-file.ts';
import { writeTogether } from './round-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'round-folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

const fails: OutputFile = {
  path: 'config.json',
  content: () => {
    throw new Error('The disk is full');
  },
};

test('of files that belong together none is there before all are complete', async () => {
  const weights = textFile('deep/weights', () => '1');
  const heard: string[] = [];
  await expect(writeTogether(folder, [weights, fails], (path) => heard.push(path))).rejects.toMatchObject({
    code: 'store/failed',
    message: expect.stringContaining('The disk is full') as string,
  });
  expect(heard).toEqual(['deep/weights', 'config.json']);
  expect(await readdir(folder), 'nor a draft').toEqual([]);

  await writeTogether(folder, [weights, textFile('config.json', () => '{}')], () => undefined);
  expect((await readdir(folder, { recursive: true })).sort()).toEqual(['config.json', 'deep', join('deep', 'weights')]);
});

test('what a killed process left of the files is removed, and nothing else', async () => {
  const draft = `${crypto.randomUUID()}.partial`;
  const others = [`config.json.partial`, `notes.${draft}`, `my-config.json.${draft}`].sort();
  for (const name of [...others, `weights.${draft}`]) await writeFile(join(folder, name), '');
  await mkdir(join(folder, `config.json.${draft}`));
  await writeFile(join(folder, `config.json.${draft}`, 'weights'), '');
  const files = ['weights', 'config.json'].map((path) => textFile(path, () => '{}'));
  await writeTogether(folder, files, () => undefined);
  expect((await readdir(folder)).sort()).toEqual([...others, 'config.json', 'weights'].sort());
});
