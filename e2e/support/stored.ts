import type { Page } from '@playwright/test';

/** The files of models that the browser stores, read from the weight store's database directly. */
export interface Stored {
  /** Names of the stored files, without their folder. */
  files: string[];
  /** Number of chunks that belong to no file. */
  strayChunks: number;
  /** Number of chunks of downloads that can be resumed. */
  begunChunks: number;
}

/**
 * @param which of the files to list. The page reads small files of the chosen model, at first the embedded one, soon
 *   after it opens, so that they are all there only on a quick machine.
 */
export const storedWeights = (page: Page, which: 'all' | 'of other servers' = 'all'): Promise<Stored> =>
  page.evaluate(async (which) => {
    const name = 'gorp-web-weights';
    // Opening a missing database would create one without its object store.
    if (!(await indexedDB.databases()).some((database) => database.name === name))
      return { files: [], strayChunks: 0, begunChunks: 0 };
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('no reason given'));
      });
    const database = await settled(indexedDB.open(name));
    const values = database.transaction('values').objectStore('values');
    const keys = (await settled(values.getAllKeys())).map(String);
    const manifests = keys.filter((key) => key.startsWith('manifest/'));
    const idsOf = async (keys: string[]): Promise<Set<string>> => {
      const ids = new Set<string>();
      for (const key of keys) ids.add(((await settled(values.get(key))) as { id: string }).id);
      return ids;
    };
    const whole = await idsOf(manifests);
    const begun = await idsOf(keys.filter((key) => key.startsWith('partial/')));
    const owners = keys.filter((key) => key.startsWith('chunk/')).map((key) => key.split('/')[1]);
    database.close();
    return {
      files: manifests
        .map((key) => new URL(key.slice('manifest/'.length)))
        .filter(({ origin }) => which === 'all' || origin !== location.origin)
        .map(({ pathname }) => pathname.split('/').at(-1) ?? '')
        .sort(),
      strayChunks: owners.filter((id) => !whole.has(id) && !begun.has(id)).length,
      begunChunks: owners.filter((id) => begun.has(id)).length,
    };
  }, which);

/** Overwrites a stored chunk of a file with zeros, as a failing disk may. */
export const damageChunk = (page: Page, file: string, index: number): Promise<void> =>
  page.evaluate(
    async ({ file, index }) => {
      const settled = <T>(request: IDBRequest<T>): Promise<T> =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error ?? new Error('no reason given'));
        });
      const database = await settled(indexedDB.open('gorp-web-weights'));
      const values = database.transaction('values', 'readwrite').objectStore('values');
      const keys = (await settled(values.getAllKeys())).map(String);
      const manifest = keys.find((key) => key.startsWith('manifest/') && key.endsWith(`/${file}`)) ?? '';
      const { id, chunks } = (await settled(values.get(manifest))) as { id: string; chunks: { bytes: number }[] };
      await settled(values.put(new Blob([new Uint8Array(chunks[index].bytes)]), `chunk/${id}/${index}`));
      database.close();
    },
    { file, index },
  );
