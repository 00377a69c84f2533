import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PrivateFileSystem } from '../testing/private-file-system.ts';
import type { CheckpointFile } from '../run/files/saved-run.ts';
import { CHECKPOINT_FILE } from '../run/files/layout.ts';
import { type OutputFile, textFile } from '../weights/exports/output-file.ts';
import { filesOf, numbersIn, removeOlder, writeCheckpoint } from './saved-checkpoints.ts';
import { filesBelow, makeFolder, writeInto } from './private-files.ts';

let all: FileSystemDirectoryHandle;
beforeEach(async () => {
  new PrivateFileSystem();
  all = await makeFolder(['checkpoints']);
});
afterEach(() => vi.unstubAllGlobals());

const unchanged = (path: string): CheckpointFile => ({
  ...textFile(path, () => {
    throw new Error('it is not read again');
  }),
  isUnchanged: true,
});
const manifest = (text: string): OutputFile => textFile(CHECKPOINT_FILE, () => text);
const texts = async (number: number): Promise<Record<string, string>> => {
  const files = [...(await filesOf(all, number))];
  return Object.fromEntries(await Promise.all(files.map(async ([path, file]) => [path, await file.text()] as const)));
};
const pathsBelow = async (): Promise<string[]> => (await filesBelow(all)).map(({ path }) => path).sort();

test('what has not changed stays with the checkpoint that wrote it, for as long as one of the last two needs it', async () => {
  const weights = 'a/weights';
  await writeCheckpoint(all, 1, [textFile(weights, () => 'W'), textFile('b', () => '1'), manifest('first')], undefined);
  await writeCheckpoint(all, 2, [unchanged(weights), textFile('b', () => '2'), manifest('second')], 1);
  await writeCheckpoint(all, 3, [unchanged(weights), textFile('b', () => '3'), manifest('third')], 2);
  await removeOlder(all, 2);
  expect(await texts(3)).toEqual({ [weights]: 'W', b: '3', [CHECKPOINT_FILE]: 'third' });
  expect(await texts(2)).toEqual({ [weights]: 'W', b: '2', [CHECKPOINT_FILE]: 'second' });
  expect((await pathsBelow()).filter((path) => path.startsWith('000001'))).toEqual([`000001/${weights}`]);
  await writeCheckpoint(all, 4, [textFile(weights, () => 'V'), manifest('fourth')], 3);
  await writeCheckpoint(all, 5, [unchanged(weights), manifest('fifth')], 4);
  await removeOlder(all, 2);
  expect(await numbersIn(all)).toEqual([4, 5]);
  expect((await texts(5))[weights]).toBe('V');
});

test('one that was not completed does not count as one of the last two', async () => {
  await writeCheckpoint(all, 1, [manifest('first')], undefined);
  await writeCheckpoint(all, 2, [textFile('b', () => 'the tab was closed here')], undefined);
  await writeCheckpoint(all, 3, [manifest('third')], undefined);
  await removeOlder(all, 2);
  expect(await numbersIn(all)).toEqual([1, 3]);
});

test('a damaged list of places is refused', async () => {
  await writeCheckpoint(all, 1, [manifest('first')], undefined);
  await writeInto(await all.getDirectoryHandle('000001'), [textFile('elsewhere.json', () => '{"a":')]);
  await expect(filesOf(all, 1)).rejects.toMatchObject({ code: 'run/bad-checkpoint' });
});
