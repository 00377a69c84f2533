import { setTimeout as wait } from 'node:timers/promises';
import type { BrowserContext } from '@playwright/test';
import { type Moment, type Stretch, workAfter } from './moments.ts';
import type { Report, RunWatch } from './run-watch.ts';

/** Crashes the GPU process during a run: at the first moment, and at each other one once the run has recovered. */
export class CrashedRun implements RunWatch {
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
  /** What the run was doing at each crash that it recovered from. */
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
export class TimedRun implements RunWatch {
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
