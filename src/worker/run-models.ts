import { GorpError } from '../base/errors.ts';
import { readManifest } from '../run/files/saved-run.ts';
import { ROUND_FILE } from '../run/files/layout.ts';
import { byteFile, failed, filesBelow, isMissing, makeFolder, privateFolder, removeFrom } from './private-files.ts';
import type { ModelOfRun, ModelChoice } from './protocol.ts';
import { CHECKPOINTS, FOLDER, RUN_FOLDER, shownFolder, whileFree } from './run-folders.ts';

/** The models of all runs in this browser, the newest first: what their rounds have stored. */
export async function storedModels(used: string | null): Promise<ModelOfRun[]> {
  const models: ModelOfRun[] = [];
  try {
    const rounds = await (await privateFolder()).getDirectoryHandle(FOLDER);
    for await (const [folder, handle] of rounds.entries()) {
      if (!RUN_FOLDER.test(folder) || !(handle instanceof FileSystemDirectoryHandle)) continue;
      const files = await filesBelow(handle, (name) => name !== CHECKPOINTS);
      const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
      if (bytes === 0) continue;
      const savedAt = Math.max(...files.map(({ file }) => file.lastModified));
      models.push({ folder, bytes, savedAt, isShown: folder === used, ...(await describe(files)) });
    }
  } catch (thrown) {
    if (!isMissing(thrown)) throw failed(thrown);
  }
  return models.sort((a, b) => b.savedAt - a.savedAt);
}

/** The folder of the rounds that a tab uses, and whether it is what was asked for; null if there are none. */
export async function folderOf(choice: ModelChoice): Promise<{ folder: string | null; isAsked: boolean }> {
  if (choice !== null && 'folder' in choice) return { folder: choice.folder, isAsked: true };
  const own = choice && (await storedModels(null)).find(({ run }) => run === choice.run);
  if (own) return { folder: own.folder, isAsked: true };
  try {
    const shown = await shownFolder(await (await privateFolder()).getDirectoryHandle(FOLDER));
    return { folder: RUN_FOLDER.test(shown) ? shown : null, isAsked: choice === null };
  } catch (thrown) {
    if (isMissing(thrown)) return { folder: null, isAsked: choice === null };
    throw thrown instanceof GorpError ? thrown : failed(thrown);
  }
}

/** What the last round that can be read says of its run. */
async function describe(
  files: readonly { path: string; file: File }[],
): Promise<Pick<ModelOfRun, 'run' | 'round' | 'settings'>> {
  const manifests = files.filter(({ path }) => path.endsWith(`/${ROUND_FILE}`));
  manifests.sort((a, b) => b.path.localeCompare(a.path, 'en', { numeric: true }));
  for (const { file } of manifests) {
    const found = await readManifest(byteFile(ROUND_FILE, file), 'round').catch(() => null);
    if (found) return { run: found.results.id ?? null, round: found.place.round, settings: found.results.settings };
  }
  return { run: null, round: 0, settings: null };
}

/**
 * Removes the rounds of a run, but not its checkpoint.
 *
 * @throws GorpError `store/busy` while a run uses the folder, `store/failed`.
 */
export async function removeModel(folder: string): Promise<void> {
  if (!RUN_FOLDER.test(folder)) return;
  await whileFree(folder, async () => {
    const rounds = await makeFolder([FOLDER]);
    const own = await makeFolder([FOLDER, folder]);
    const names: string[] = [];
    for await (const name of own.keys()) names.push(name);
    for (const name of names) if (name !== CHECKPOINTS) await removeFrom(own, name);
    if (!names.includes(CHECKPOINTS)) await removeFrom(rounds, folder);
  });
}
