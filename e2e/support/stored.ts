import type { Page } from '@playwright/test';

/** What the browser keeps of models, read past the app: the weight store's own database. */
export interface Stored {
  /** Names of the files that are there, without their folder. */
  files: string[];
  /** Number of chunks that belong to no file. */
  strayChunks: number;
}

export const storedWeights = (page: Page): Promise<Stored> =>
  page.evaluate(async () => {
    const name = 'gorp-web-weights';
    // Opening a database that is not there would make one without its object store.
    if (!(await indexedDB.databases()).some((database) => database.name === name)) return { files: [], strayChunks: 0 };
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('no reason given'));
      });
    const database = await settled(indexedDB.open(name));
    const values = database.transaction('values').objectStore('values');
    const keys = (await settled(values.getAllKeys())).map(String);
    const manifests = keys.filter((key) => key.startsWith('manifest/'));
    const ids = new Set<string>();
    for (const key of manifests) ids.add(((await settled(values.get(key))) as { id: string }).id);
    database.close();
    return {
      files: manifests.map((key) => new URL(key.slice('manifest/'.length)).pathname.split('/').at(-1) ?? '').sort(),
      strayChunks: keys.filter((key) => key.startsWith('chunk/') && !ids.has(key.split('/')[1])).length,
    };
  });
