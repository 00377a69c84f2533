import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runKeepingRounds } from '../testing/saved-run.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { mergedModelFiles } from '../weights/exports/merge.ts';
import { merge } from './export.ts';
import { openNamedModel } from './named-models.ts';
import { writeFiles, writeRound, writeText } from './round-folder.ts';

const UNCHANGED = { scaling: 1, adapter: () => Promise.resolve(undefined), weights: () => Promise.resolve(undefined) };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'merge-'));
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** Trains a model on disk. @returns the folder of its round. */
async function trainedRound(): Promise<string> {
  const base = join(folder, 'base');
  await writeFiles(base, await mergedModelFiles(tinyModel(), { changed: new Set(), changes: UNCHANGED }));
  const settings = { ...tinySettings('seq-lora', { epochs: 1 }), model: base, order: ['gloss'] };
  await runKeepingRounds(settings, {
    openModel: (name) => openNamedModel(name),
    saveRound: (round) => writeRound(join(folder, 'run'), settings.order, round),
  });
  return join(folder, 'run', 'logs_and_outputs', 'order_custom', 'outputs', '1-gloss');
}

test('a merge replaces no file, and one with another base model is refused', async () => {
  const round = await trainedRound();
  const [out, again] = [join(folder, 'out'), join(folder, 'again')];
  const own = join(out, 'README.md');
  await writeText(own, 'Mine.');
  await expect(merge(['--round', round, '--out', out])).rejects.toMatchObject({
    code: 'run/out-is-taken',
    message: expect.stringContaining('README.md') as string,
  });
  expect(await readdir(out), 'nothing is written').toEqual(['README.md']);
  expect(await readFile(own, 'utf8')).toBe('Mine.');

  await rm(own);
  const run = ['--round', join(folder, 'run')]; // its last model
  expect(await merge([...run, '--out', out])).toBe(0);
  expect(await readdir(out)).toEqual(expect.arrayContaining(['README.md', 'config.json', 'model.safetensors']));
  await expect(merge(['--round', round, '--out', out])).rejects.toMatchObject({ code: 'run/out-is-taken' });

  // The merged model has other weights than the one that the round was trained on.
  await expect(merge(['--round', round, '--out', again, '--model', out])).rejects.toMatchObject({
    code: 'run/round-does-not-fit',
    message: expect.stringContaining(out) as string,
  });
  expect(await readdir(folder)).not.toContain('again');
});
