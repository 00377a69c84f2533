import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Results, ResultsSchema } from '../run/results.ts';
import { committedReference } from '../testing/reference.ts';
import { openStore, writePieces } from '../weights/store.ts';
import { FolderKeyValue } from './key-value-folder.ts';

const EARLIER = 'earlier/559f152';
const path = (name: string): string => committedReference.path(`${EARLIER}/${name}`);
const text = (name: string): Promise<string> => readFile(path(name), 'utf8');

const resultsThen = async (): Promise<Results> => v.parse(ResultsSchema, JSON.parse(await text('results.json')));

describe('what 559f152 wrote', () => {
  test('results open, as those of gorp-plus', async () => {
    expect(await resultsThen()).toMatchObject({ status: 'finished', settings: { method: { name: 'gorp-plus' } } });
  });

  describe('a store', () => {
    let root: string;
    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), 'earlier-'));
      await cp(path('store'), root, { recursive: true });
    });
    afterEach(() => rm(root, { recursive: true }));

    test('gives its file, and an interrupted download can be completed', async () => {
      const store = await openStore(await FolderKeyValue.open(root), 100);
      const bytes = Uint8Array.from({ length: 350 }, (_, i) => i * 7);
      expect(await store.read('w', 0, 350)).toEqual(bytes);
      expect((await store.partials()).map(({ file }) => file)).toEqual(['p']);
      const origin = { url: 'https://a/w', etag: '"1"', bytes: 350, sha256: null };
      await writePieces(store, 'p', origin, new Blob([bytes]).stream());
      expect(await store.read('p', 0, 350)).toEqual(bytes);
      expect(await store.partials()).toEqual([]);
    });
  });
});
