import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { deviation, studentHalfWidth } from '../../base/statistics.ts';
import type { Results } from '../../run/results/results.ts';
import type { StudyReport } from '../../run/results/study-report.ts';
import { download, resultsFileName, resultsText } from '../ui/download.ts';
import { type OutputFile, textFile, within } from '../../weights/exports/output-file.ts';
import { type HistorySlice, noResults, runKey, type RunSummary } from './history.ts';
import { isReport, runsIn } from './results-file.ts';
import { showingProblem, type StoreOf } from './slice.ts';

/** Meaning of a band over seeds: the standard deviation of the runs, or the 95 % interval of the mean. */
export type Band = 'deviation' | 'interval';

/** Half the width of the band around the mean of some runs; null for fewer than two. */
export function halfWidth(values: readonly number[], band: Band): number | null {
  if (values.length < 2) return null;
  return band === 'deviation' ? deviation(values) : studentHalfWidth(values);
}

/** Which runs are compared, and how they are drawn. */
export interface CompareState {
  /** Keys of the ticked runs, in the order they were ticked. */
  readonly ticked: readonly string[];
  /** Full results of the ticked runs read so far. */
  readonly opened: ReadonlyMap<string, Results>;
  /** One line per run, the mean over the seeds of a setting, or over seeds and orders. */
  readonly by: 'run' | 'setting' | 'orders';
  readonly band: Band;
  /** Task whose accuracy is shown; null for the first one. */
  readonly task: string | null;
  readonly logLoss: boolean;
  readonly logSteps: boolean;
  /** Bytes written of the current archive; null when none is being written. */
  readonly zipping: number | null;
  /** How many of the chosen runs have been read; null when none are being read. */
  readonly reading: { readonly done: number; readonly all: number } | null;
  /** The report of a study that was dropped, which is only shown. */
  readonly report: StudyReport | null;
  /** Why the last action failed. */
  readonly problem: ErrorReport | null;
}

/** The full results read so far, in the order the runs were ticked. */
export const comparedResults = ({ ticked, opened }: Pick<CompareState, 'ticked' | 'opened'>): Results[] =>
  ticked.map((key) => opened.get(key)).filter((results) => results !== undefined);

/** The compared runs. */
export interface CompareSlice {
  readonly compare: CompareState;
}

export const compareSlice: CompareSlice = {
  compare: {
    ticked: [],
    opened: new Map(),
    by: 'setting',
    band: 'deviation',
    task: null,
    logLoss: false,
    logSteps: false,
    zipping: null,
    reading: null,
    report: null,
    problem: null,
  },
};

/** Names of the results files of runs; runs of one method and minute are numbered. */
export function fileNames(runs: readonly Pick<RunSummary, 'settings' | 'startedAt'>[]): string[] {
  const all = runs.map(resultsFileName);
  return all.map((name, i) => {
    const before = all.slice(0, i).filter((other) => other === name).length;
    return before === 0 ? name : name.replace(/\.json$/, `-${before + 1}.json`);
  });
}

/**
 * Zips the results files of runs, each as a single download would write it, and beside each a folder of what other tools
 * read: event files of TensorBoard, CSV, the state of a Trainer. Holds one run at a time in memory, plus the compressed
 * bytes so far.
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
  const [{ zipped }, { logFiles }] = await Promise.all([
    import('../../weights/exports/zip.ts'),
    import('../../run/results/run-log.ts'),
  ]);
  const names = fileNames(runs);
  const files = async function* (): AsyncGenerator<OutputFile> {
    for (const [i, run] of runs.entries()) {
      const results = await resultsOf(runKey(run));
      if (results === null) throw noResults();
      yield textFile(names[i], () => resultsText(results));
      yield* within(names[i].replace(/\.json$/, ''), logFiles(results));
    }
  };
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const piece of zipped(files())) {
    pieces.push(new Uint8Array(piece));
    bytes += piece.length;
    onBytes(bytes);
  }
  return new Blob(pieces, { type: 'application/zip' });
}

/** Actions on the compared runs. */
export interface CompareActions {
  /** Adds a run to the comparison, or removes it. */
  readonly tick: (key: string, ticked: boolean) => Promise<void>;
  /** Compares these runs and no others. */
  readonly tickOnly: (keys: readonly string[]) => Promise<void>;
  readonly show: (change: Partial<Pick<CompareState, 'by' | 'band' | 'task' | 'logLoss' | 'logSteps'>>) => void;
  /**
   * Adds results files and parts of studies from disk to the runs of this browser and compares them, and shows the report
   * of a study. If one is invalid, none is added; a report on other runs than these is not shown.
   */
  readonly takeFiles: (files: readonly File[]) => Promise<void>;
  readonly closeReport: () => void;
  /** Writes the results files of runs, and their logs for other tools, as one zip into the browser's downloads. */
  readonly saveZip: (keys: readonly string[]) => Promise<void>;
}

/** Reads and stores full results. */
interface ResultsSource {
  /** null if they cannot be read; the page shows why. */
  readonly resultsOf: (key: string) => Promise<Results | null>;
  /** Stores results files beside the runs of this browser, one after another, and returns their keys. */
  readonly takeAll: (all: readonly Results[], onTaken: (count: number) => void) => Promise<string[]>;
}

/** The report of a study and how many runs of it have results. @throws GorpError `run/bad-study-report`. */
async function reportIn(file: File): Promise<{ shown: StudyReport; finished: number }> {
  // Loaded on demand: few visitors need it.
  const { finishedIn, parseStudyReport } = await import('../../run/results/study-report.ts');
  const shown = parseStudyReport(await file.text(), file.name);
  return { shown, finished: finishedIn(shown) };
}

const ofOtherRuns = (said: number, found: number): GorpError =>
  new GorpError(
    'run/report-of-other-runs',
    `The study’s report counts ${said} finished runs, but its folder holds ${found}. The runs are compared here; the report is not shown.`,
    'Write the report again with: gorp-web study --plan PLAN --out DIR --report.',
  );

export function createCompareActions(store: StoreOf<CompareSlice, HistorySlice>, runs: ResultsSource): CompareActions {
  const change = (next: (state: CompareState) => Partial<CompareState>): void =>
    store.setState(({ compare }) => ({ compare: { ...compare, ...next(compare) } }));

  /** Says how far reading has come, a few times a second: every change draws the page again. */
  const progressOf = (all: number): ((done: number) => void) => {
    let shown = 0;
    return (done) => {
      if (done < all && performance.now() - shown < 200) return;
      shown = performance.now();
      change(() => ({ reading: { done, all } }));
    };
  };

  const tickOnly = async (keys: readonly string[]): Promise<void> => {
    change(({ opened }) => ({ ticked: keys, opened: new Map([...opened].filter(([key]) => keys.includes(key))) }));
    const missing = keys.filter((key) => !store.getState().compare.opened.has(key));
    const read = new Map<string, Results>();
    const say = progressOf(missing.length);
    for (const [i, key] of missing.entries()) {
      const results = await runs.resultsOf(key);
      if (results !== null) read.set(key, results);
      say(i + 1);
    }
    const unread = new Set(missing.filter((key) => !read.has(key)));
    change(({ ticked, opened }) => ({
      ticked: ticked.filter((key) => !unread.has(key)),
      opened: new Map([...opened, ...[...read].filter(([key]) => ticked.includes(key))]),
      reading: null,
    }));
  };

  const guarded = (work: () => Promise<void>): Promise<void> =>
    showingProblem((problem) => change(() => ({ problem })), work);

  return {
    tick: (key, isTicked) => {
      const others = store.getState().compare.ticked.filter((other) => other !== key);
      return tickOnly(isTicked ? [...others, key] : others);
    },
    tickOnly,
    show: (shown) => change(() => shown),
    closeReport: () => change(() => ({ report: null })),
    takeFiles: (given) =>
      guarded(async () => {
        try {
          const areReports = await Promise.all(given.map(isReport));
          const [files, [reportFile]] = [false, true].map((is) => given.filter((_, i) => areReports[i] === is));
          const report = reportFile && (await reportIn(reportFile));
          const read: Results[] = [];
          const sayRead = progressOf(files.length);
          for (const [i, file] of files.entries()) {
            read.push(...(await runsIn(file)));
            sayRead(i + 1);
          }
          const keys = await runs.takeAll(read, progressOf(read.length));
          // Read already. A file and its copy are one run.
          change(({ ticked, opened }) => ({
            ticked: [...new Set([...ticked.filter((key) => !keys.includes(key)), ...keys])],
            opened: new Map([...opened, ...keys.map((key, i): [string, Results] => [key, read[i]])]),
          }));
          if (report === undefined) return;
          if (files.length > 0 && report.finished !== read.length) throw ofOtherRuns(report.finished, read.length);
          change(() => ({ report: report.shown }));
        } finally {
          change(() => ({ reading: null }));
        }
      }),
    saveZip: (keys) =>
      guarded(async () => {
        change(() => ({ zipping: 0 }));
        try {
          const summaries = store.getState().history.filter((run) => keys.includes(runKey(run)));
          const zip = await zipOfRuns(summaries, runs.resultsOf, (bytes) => change(() => ({ zipping: bytes })));
          download(zip, 'gorp-web-results.zip');
        } finally {
          change(() => ({ zipping: null }));
        }
      }),
  };
}
