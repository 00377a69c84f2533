import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunEvent } from '../run/events.ts';
import { PREDICTIONS_FILE } from '../run/outputs/layout.ts';
import { readPredictions } from '../run/outputs/predictions.ts';
import { type Results, ResultsSchema } from '../run/results.ts';
import { Run } from '../run/run.ts';
import { bytesOfFile } from '../testing/output-files.ts';
import { committedReference } from '../testing/reference.ts';
import { tinyHost } from '../testing/tiny-run.ts';
import { openStore, writePieces } from '../weights/store.ts';
import { FolderKeyValue } from './key-value-folder.ts';
import { openRoundFolder } from './round-folder.ts';

const EARLIER = 'earlier/559f152';
const path = (name: string): string => committedReference.path(`${EARLIER}/${name}`);
const text = (name: string): Promise<string> => readFile(path(name), 'utf8');

const resultsThen = async (): Promise<Results> => v.parse(ResultsSchema, JSON.parse(await text('results.json')));

/** A run resumed from the round that 559f152 saved, or a test of that round. */
async function onward(work: 'execute' | 'evaluate'): Promise<{ results: Results; predictions: string }> {
  const saved = await openRoundFolder(path('1-gloss'));
  let last: RunEvent | undefined;
  let predictions = '';
  const host = tinyHost((event) => (last = event), {
    savedRound: () => Promise.resolve(saved),
    saveRound: async ({ results }) => {
      const file = results.find((one) => one.path === PREDICTIONS_FILE);
      if (file !== undefined) predictions = new TextDecoder().decode(await bytesOfFile(file));
    },
  });
  await new Run(host, saved.results.settings)[work]();
  if (last?.type !== 'finished') throw new Error(JSON.stringify(last));
  return { results: last.results, predictions };
}

describe('what 559f152 wrote', () => {
  test('results open, as those of gorp-plus', async () => {
    expect(await resultsThen()).toMatchObject({ status: 'finished', settings: { method: { name: 'gorp-plus' } } });
  });

  test('a round gives the answers that it gave then', async () => {
    const { results, predictions } = await onward('evaluate');
    const then = readPredictions(await text(`1-gloss/${PREDICTIONS_FILE}`));
    // It was tested on its own task alone, and is now on both.
    expect(readPredictions(predictions).slice(0, then.length)).toEqual(then);
    expect(results.accuracy.ranked[0][0]).toBe((await resultsThen()).accuracy.ranked[1][0]);
  });

  test('a run resumes from a round, with the losses of then but for rounding', async () => {
    const { results } = await onward('execute');
    const then = await resultsThen();
    expect(results.curves.step).toEqual(then.curves.step);
    expect(results.curves.loss[3]).toBeCloseTo(then.curves.loss[3], 3);
    expect(results.spaces.map(({ round }) => round)).toEqual([1, 2]);
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
