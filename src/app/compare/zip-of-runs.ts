import type { Results } from '../../run/results/results.ts';
import { resultsFileName, resultsText } from '../download.ts';
import { noResults, runKey, type RunSummary } from '../history.ts';

/** Names of the results files of runs; runs of one method and minute are numbered. */
export function fileNames(runs: readonly Pick<RunSummary, 'settings' | 'startedAt'>[]): string[] {
  const all = runs.map(resultsFileName);
  return all.map((name, i) => {
    const before = all.slice(0, i).filter((other) => other === name).length;
    return before === 0 ? name : name.replace(/\.json$/, `-${before + 1}.json`);
  });
}

/**
 * Zips the results files of runs, each as a single download would write it. Holds one run at a time in memory, plus the
 * compressed bytes so far.
 *
 * @param resultsOf returns null for a run that cannot be read.
 * @param onBytes called with the bytes written so far.
 * @throws GorpError `store/no-results` for such a run.
 */
export async function zipOfRuns(
  runs: readonly RunSummary[],
  resultsOf: (key: string) => Promise<Results | null>,
  onBytes: (bytes: number) => void,
): Promise<Blob> {
  // Loaded on demand: few visitors need it.
  const { zipped } = await import('../../weights/exports/zip.ts');
  const names = fileNames(runs);
  const files = runs.map((run, i) => ({
    path: names[i] ?? '',
    content: async function* () {
      const results = await resultsOf(runKey(run));
      if (results === null) throw noResults();
      yield new TextEncoder().encode(resultsText(results));
    },
  }));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const piece of zipped(files)) {
    pieces.push(new Uint8Array(piece));
    bytes += piece.length;
    onBytes(bytes);
  }
  return new Blob(pieces, { type: 'application/zip' });
}
