import { afterEach, expect, test, vi } from 'vitest';
import { PrivateFileSystem } from '../testing/private-file-system.ts';
import { downloadFile, filesBelow, makeFolder, textOf, writeHandle } from './private-files.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a download is not removed while the browser may still copy it', async () => {
  new PrivateFileSystem();
  vi.useFakeTimers({ toFake: ['Date'] });
  const named = async (): Promise<string[]> =>
    (await filesBelow(await makeFolder(['download']))).map(({ path }) => path.replace(/^.*\//, '')).sort();
  const download = async (name: string): Promise<void> => writeHandle(await downloadFile(name), textOf(name));
  await download('first.zip');
  await download('second.zip');
  await download('second.zip');
  expect(await named()).toEqual(['first.zip', 'second.zip', 'second.zip']);
  vi.advanceTimersByTime(3_600_000);
  await download('third.zip');
  expect(await named()).toEqual(['third.zip']);
});
