import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { resultsText } from '../ui/download.ts';
import { runKey, summaryOf } from './history.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { logFiles } from '../../run/results/run-log.ts';
import { fileNames, zipOfRuns } from './compare.ts';

const runs = [
  quickResults('gorp', 1, '2026-11-24T10:00:00.000Z'),
  quickResults('gorp', 2, '2026-11-24T10:00:20.000Z'),
  quickResults('seq-lora', 1, '2026-11-24T10:00:40.000Z'),
];
const summaries = runs.map((run) => summaryOf(run));

describe('zipOfRuns', () => {
  it('holds every file as a single download would, and numbers equal names', async () => {
    const seen: number[] = [];
    const zip = await zipOfRuns(
      summaries,
      (key) => Promise.resolve(runs.find((run) => runKey(run) === key) ?? null),
      (bytes) => seen.push(bytes),
    );
    const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
    const names = fileNames(summaries);
    expect(names).toEqual([
      'gorp-web-gorp-20261124-1000.json',
      'gorp-web-gorp-20261124-1000-2.json',
      'gorp-web-seq-lora-20261124-1000.json',
    ]);
    for (const [i, name] of names.entries()) {
      expect(new TextDecoder().decode(files[name])).toBe(resultsText(runs[i]));
      const logs = Object.keys(files).filter((path) => path.startsWith(`${name.slice(0, -5)}/`));
      expect(logs.map((path) => path.split('/')[1]).sort()).toEqual(
        logFiles(runs[i])
          .map(({ path }) => path)
          .sort(),
      );
    }
    expect(Object.keys(files)).toHaveLength(names.length * 5);
    expect(seen.at(-1)).toBe(zip.size);
  });

  it('fails if a run is missing', async () => {
    const zip = zipOfRuns(
      summaries,
      () => Promise.resolve(null),
      () => undefined,
    );
    await expect(zip).rejects.toMatchObject({ code: 'store/no-results' });
  });
});
