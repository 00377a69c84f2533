import { type BrowserContext, expect, type Page } from '@playwright/test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Choice,
  choose,
  downloadResults,
  openWorkbench,
  shownError,
  start,
  waitForStatus,
} from '../../e2e/support/workbench.ts';
import type { FromWorker } from '../../src/base/worker-calls.ts';
import type { RunEvent } from '../../src/run/events/events.ts';
import type { Results } from '../../src/run/results/results.ts';
import { MAX_LOSSES } from '../../src/run/run.ts';
import { type StormBrowser, stormBrowser } from './browser.ts';
import { differences, oneOf, type Outcome, type Storm, type StormOptions } from './storm.ts';

/** The training worker's report of its place. */
type Report = Pick<Extract<RunEvent, { type: 'progress' }>, 'phase' | 'round' | 'item' | 'done'>;

/** Who hears the training worker. */
interface RunWatch {
  reports(report: Report): void;
  /** The run resumes after the loss of its device. */
  recovers(): void;
}

/** Tells at once what the training workers of a browser's pages say. Call it before a page is opened. */
async function watchRuns(context: BrowserContext, watch: RunWatch): Promise<void> {
  await context.exposeBinding('stormHears', (_, report: Report | null) => {
    if (report === null) watch.recovers();
    else watch.reports(report);
  });
  await context.addInitScript(tell);
}

/** Runs in the page, before its own scripts. */
function tell(): void {
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      // The binding of watchRuns.
      const { stormHears } = globalThis as unknown as { stormHears: (report: Report | null) => void };
      this.addEventListener('message', ({ data }: MessageEvent<FromWorker<RunEvent> | 'ready'>) => {
        if (data === 'ready' || !('event' in data)) return;
        const { event } = data;
        if (event.type === 'recovering') stormHears(null);
        else if (event.type === 'progress') {
          const { phase, round, item, done } = event;
          stormHears({ phase, round, item, done });
        }
      });
    }
  };
}

/** The kinds of work in which a run can be crashed. */
const WORK = [
  'compiling',
  'training',
  'a refresh',
  'growing spaces',
  'testing',
  'a checkpoint or the step after it',
  'saving a round',
] as const;
type Work = (typeof WORK)[number];

/** A crash of a run. */
interface Moment {
  /** The report after which it strikes, by its index among those of an uninterrupted run. */
  readonly place: number;
  /** Whether it waits for the next checkpoint; when those come depends on the machine. */
  readonly waitsForCheckpoint: boolean;
  /** Milliseconds from the report to the crash. */
  readonly delay: number;
}

/** A report of an uninterrupted run. */
interface Stretch {
  readonly report: Report;
  /** Milliseconds until the next one. */
  readonly milliseconds: number;
}

// A checkpoint takes about half of that; a later crash strikes the next step.
const CHECKPOINT_MS = 200;

/** Returns the work of a run after a report. @param gap steps from one refresh to the next. */
function workAfter({ phase, done }: Report, gap: number): Work | 'opening' {
  switch (phase) {
    case 'compile':
      return 'compiling';
    case 'train':
      return done % gap === 0 ? 'a refresh' : 'training';
    case 'space':
      return 'growing spaces';
    case 'evaluate':
    case 'answers':
      return 'testing';
    case 'checkpoint':
      return 'a checkpoint or the step after it';
    case 'save':
      return 'saving a round';
    case 'device':
    case 'kernels':
    case 'weights':
    case 'tasks':
    case 'tokenize':
      return 'opening';
  }
}

/**
 * Draws when to crash a run that does some work.
 *
 * @param stretches those of an uninterrupted run, without its checkpoints.
 * @throws Error if the run never does that work.
 */
function drawMoment(work: Work, stretches: readonly Stretch[], gap: number, random: () => number): Moment {
  const waitsForCheckpoint = work === 'a checkpoint or the step after it';
  const places = stretches.flatMap(({ report }, place) => {
    const its = workAfter(report, gap);
    return its === work || (waitsForCheckpoint && (its === 'training' || its === 'testing')) ? [place] : [];
  });
  if (places.length === 0) throw new Error(`No run ever does this: ${work}.`);
  const place = oneOf(random, places);
  const delay = random() * (waitsForCheckpoint ? CHECKPOINT_MS : stretches[place].milliseconds);
  return { place, waitsForCheckpoint, delay };
}

/** Crashes the GPU process during a run: at the first moment, and at each other one once the run has recovered. */
class CrashedRun implements RunWatch {
  readonly #context: BrowserContext;
  readonly #due: Moment[];
  /** Places of an uninterrupted run's reports. */
  readonly #places: ReadonlyMap<string, number>;
  readonly #gap: number;
  readonly #crashes: Promise<void>[] = [];
  #last: Report | undefined;
  #isPast = false;
  #isCrashing = false;
  #crashedIn = '';
  /** The work at each crash that the run recovered from. */
  readonly recovered: string[] = [];

  /** @param stretches of an uninterrupted run. @param gap as for {@link workAfter}. */
  constructor(context: BrowserContext, moments: readonly Moment[], stretches: readonly Stretch[], gap: number) {
    this.#context = context;
    this.#due = moments.slice();
    this.#places = new Map(stretches.map(({ report }, place) => [nameOf(report), place]));
    this.#gap = gap;
  }

  reports(report: Report): void {
    this.#last = report;
    const moment = this.#due.at(0);
    if (moment === undefined || this.#isCrashing) return;
    // A run that resumes may skip the report.
    this.#isPast ||= (this.#places.get(nameOf(report)) ?? -1) >= moment.place;
    if (!this.#isPast || (moment.waitsForCheckpoint && report.phase !== 'checkpoint')) return;
    this.#isCrashing = true;
    this.#crashes.push(this.#crash(moment.delay));
  }

  recovers(): void {
    this.recovered.push(this.#crashedIn);
    this.#due.shift();
    this.#isPast = false;
    this.#isCrashing = false;
  }

  /** Resolves when no crash is on its way. */
  async end(): Promise<void> {
    await Promise.all(this.#crashes);
  }

  async #crash(delay: number): Promise<void> {
    await wait(delay);
    this.#crashedIn = this.#last === undefined ? '' : workAfter(this.#last, this.#gap);
    const browser = this.#context.browser();
    if (browser === null) throw new Error('The context has no browser to ask.');
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess');
    await session.detach();
  }
}

const nameOf = ({ phase, round, item, done }: Report): string => [phase, round, item, done].join(' ');

/** Measures the stretches between the reports of an uninterrupted run. */
class TimedRun implements RunWatch {
  readonly #heard: { report: Report; at: number }[] = [];

  reports(report: Report): void {
    this.#heard.push({ report, at: performance.now() });
  }

  /** @throws Error always: its run was to be uninterrupted. */
  recovers(): void {
    throw new Error('The uninterrupted run lost its device.');
  }

  /** Without checkpoints, since when they come depends on the machine. */
  get stretches(): Stretch[] {
    return this.#heard
      .map(({ report, at }, i) => ({ report, milliseconds: (this.#heard.at(i + 1)?.at ?? at) - at }))
      .filter(({ report }) => report.phase !== 'checkpoint');
  }
}

const CHOICE: Choice = { method: 'gorp-plus', leaveOut: ['field'], trainExamples: 16, testExamples: 2, batchSize: 2 };
/** Steps from one refresh to the next. */
const GAP = 3;
const RUN_MS = 900_000;
const WITHHELD_MS = 300_000;
/** Chromium offers no adapter for two minutes after two crashes; a run waits for it, which one run is enough to show. */
const NO_WAIT = ['--disable-domain-blocking-for-3d-apis'];

/** Crashes the GPU process at random moments of runs, which resume by themselves; once too often for it. */
export const crashes: Storm = {
  whole: 20,
  what: 'the GPU process crashes at a random moment of a run on WebGPU',
  run: async (options: StormOptions): Promise<Outcome> => {
    const browser = await stormBrowser();
    try {
      const { expected, stretches } = await uninterrupted(browser);
      options.note(`an uninterrupted run has ${expected.curves.step.length} steps and ${stretches.length} reports`);
      const draw = (work: Work): Moment => drawMoment(work, stretches, GAP, options.random);
      const storm = { ...options, browser, expected, stretches, draw };
      const recovered = await crashAll(storm);
      const problems = [...recovered.problems, ...(await crashTooOften(storm))];
      const figures = `${recovered.runs} runs of ${expected.curves.step.length} steps finished; they were crashed in ${recovered.works} and resumed by themselves; losses, matrices and spaces equal those of an uninterrupted run bit for bit; a run that lost its device ${MAX_LOSSES} times gave up, and ended the same after _Resume at step N_`;
      return { figures, problems };
    } finally {
      await browser.close();
    }
  },
};

/** The runs that crashed ones are compared with, and what they need. */
interface CrashStorm extends StormOptions {
  readonly browser: StormBrowser;
  readonly expected: Results;
  readonly stretches: readonly Stretch[];
  readonly draw: (work: Work) => Moment;
}

/** @throws Error if buffers are alive at its end. */
async function uninterrupted(browser: StormBrowser): Promise<{ expected: Results; stretches: Stretch[] }> {
  const { page, watch } = await begin(browser, () => new TimedRun());
  await waitForStatus(page, 'finished', RUN_MS);
  const { results: expected } = await downloadResults(page);
  if (expected.memory.liveBuffersAtEnd > 0) throw new Error('Buffers are alive at the end of an uninterrupted run.');
  if (watch.stretches.length === 0) throw new Error('The storm did not hear the training worker.');
  return { expected, stretches: watch.stretches };
}

/** Crashes runs, each as often as it may lose its device, until enough crashes have been recovered from. */
async function crashAll(storm: CrashStorm): Promise<{ runs: number; works: string; problems: string[] }> {
  const { browser, expected, stretches, count, draw, note } = storm;
  const problems: string[] = [];
  const recovered: string[] = [];
  let runs = 0;
  while (recovered.length < count) {
    // A crash that strikes when a run is done with its device costs it nothing, and does not count.
    if (++runs > count) throw new Error(`In ${count} runs, only ${recovered.length} crashes cost a run its device.`);
    const begun = performance.now();
    const left = Math.min(MAX_LOSSES - 1, count - recovered.length);
    const works = Array.from({ length: left }, (_, i) => WORK[(recovered.length + i) % WORK.length]);
    const moments = inOrder(works.map(draw), works);
    const { page, watch } = await begin(
      browser,
      (context) => new CrashedRun(context, moments, stretches, GAP),
      NO_WAIT,
    );
    await waitForStatus(page, 'finished', RUN_MS);
    await watch.end();
    const faults = differences(expected, (await downloadResults(page)).results).map((one) => `run ${runs}: ${one}`);
    problems.push(...faults);
    recovered.push(...watch.recovered);
    const seconds = Math.round((performance.now() - begun) / 1000);
    note(`run ${runs}: crashed in ${watch.recovered.join(', ')}; ${faults.length} problems; ${seconds} s`);
  }
  const times = new Map<string, number>();
  for (const work of recovered) times.set(work, (times.get(work) ?? 0) + 1);
  return { runs, works: [...times].map(([work, n]) => `${work} (${n})`).join(', '), problems };
}

/** In the order of a run, except that a crash in compiling may come second: the resumed run compiles again. */
const inOrder = (moments: readonly Moment[], works: readonly Work[]): Moment[] =>
  works.at(-1) === 'compiling' ? moments.slice() : moments.toSorted((a, b) => a.place - b.place);

/** Crashes a run until it gives up, and resumes it with one click. @returns the problems. */
async function crashTooOften({ browser, expected, stretches, draw, note }: CrashStorm): Promise<string[]> {
  const moments = Array.from({ length: MAX_LOSSES }, () => draw('training')).toSorted((a, b) => a.place - b.place);
  const { page, watch } = await begin(browser, (context) => new CrashedRun(context, moments, stretches, GAP));
  await waitForStatus(page, 'failed', RUN_MS);
  await watch.end();
  const { code, text } = await shownError(page);
  const { results: soFar } = await downloadResults(page);
  const problems: string[] = [];
  if (code !== 'device/lost' || !text.includes(`happened ${MAX_LOSSES} times within`))
    problems.push(`gave up with ${code}: ${text}`);
  if (watch.recovered.length !== MAX_LOSSES - 1) problems.push(`gave up after ${watch.recovered.length} recoveries`);
  if (soFar.memory.liveBuffersAtEnd > 0) problems.push('buffers are alive after giving up');
  if (soFar.curves.loss.some((loss, i) => loss !== expected.curves.loss[i])) problems.push('losses so far differ');
  // Chromium withholds the adapter for two minutes after such crashes.
  await expect.poll(() => page.evaluate(hasAdapter), { timeout: WITHHELD_MS, intervals: [1000] }).toBe(true);
  await page.getByTestId('resume-from-checkpoint').click();
  await waitForStatus(page, 'finished', RUN_MS);
  problems.push(...differences(expected, (await downloadResults(page)).results));
  note(`gave up after ${MAX_LOSSES} crashes; ${problems.length} problems`);
  return problems.map((one) => `the run that gave up: ${one}`);
}

const hasAdapter = async (): Promise<boolean> => (await navigator.gpu.requestAdapter()) !== null;

/** Begins a run in a new browser. @param watchIn hears what the run says. @param flags of Chromium. */
async function begin<Watch extends RunWatch>(
  browser: StormBrowser,
  watchIn: (context: BrowserContext) => Watch,
  flags?: readonly string[],
): Promise<{ page: Page; watch: Watch }> {
  const context = await browser.open('gpu', flags);
  const watch = watchIn(context);
  await watchRuns(context, watch);
  const page = await context.newPage();
  await openWorkbench(page, browser.url);
  await choose(page, CHOICE);
  await page.getByText(/^All settings of/).click();
  await page.locator('[data-setting="method.updateProjGap"]').fill(String(GAP));
  await start(page);
  return { page, watch };
}
