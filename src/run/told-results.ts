import type { RunEvent } from './events.ts';
import { measuresOf } from './measures.ts';
import { MAX_SAMPLES } from './record.ts';
import type { Results } from './results.ts';

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

/** The results that a run has reported, for when it no longer responds. */
export class ToldResults {
  readonly #now: () => number;
  #results: Results | null = null;
  /** Whether the run restarts after losing its device, and repeats known events. */
  #isAgain = false;
  /** When the run had worked as long as the results say; later pauses are left out. */
  #since = 0;
  #pausedAt: number | null = null;

  /** @param now a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** As if the run were stopped now; null before there are any. */
  get results(): Results | null {
    if (this.#results === null) return null;
    const { accuracy } = this.#results;
    const measures = { exact: measuresOf(accuracy.exact), ranked: measuresOf(accuracy.ranked) };
    return { ...this.#results, measures, seconds: this.#secondsOf(this.#results) };
  }

  hear(event: RunEvent): void {
    if (event.type === 'so-far') {
      this.#results = structuredClone(event.results);
      this.#isAgain = false;
      this.#since = this.#now();
    } else if (event.type === 'recovering') this.#isAgain = true;
    else if (this.#results !== null && !this.#isAgain) this.#add(this.#results, event);
  }

  #secondsOf({ seconds }: Results): number {
    return seconds + ((this.#pausedAt ?? this.#now()) - this.#since) / 1000;
  }

  #add(results: Results, event: RunEvent): void {
    switch (event.type) {
      case 'steps':
        this.#addSteps(results, event);
        break;
      case 'evaluation':
        addTest(results, event);
        break;
      case 'space':
        results.spaces.push({ round: event.round, tensors: event.tensors });
        break;
      case 'memory':
        // Ending the worker frees everything.
        results.memory = { peakBytes: event.peakBytes, liveBuffersAtEnd: 0 };
        break;
      case 'paused':
        this.#pausedAt = this.#now();
        break;
      case 'resumed':
        this.#since += this.#now() - (this.#pausedAt ?? this.#now());
        this.#pausedAt = null;
        break;
      case 'device':
      case 'plan':
      case 'progress':
      case 'so-far':
      case 'reading':
      case 'memory-plan':
      case 'warning':
      case 'recovering':
      case 'finished':
      case 'stopped':
      case 'failed':
        break;
    }
  }

  #addSteps(results: Results, { round, steps, losses, gradientNorms, layers }: EventOf<'steps'>): void {
    const { curves, health } = results;
    const seconds = this.#secondsOf(results);
    steps.forEach((step, i) => {
      curves.round.push(round);
      curves.step.push(step);
      curves.loss.push(losses[i]);
      curves.gradientNorm.push(gradientNorms[i]);
      curves.seconds.push(seconds);
    });
    const step = steps.at(-1);
    if (step !== undefined && layers.length > 0 && health.length < MAX_SAMPLES) health.push({ round, step, layers });
  }
}

function addTest({ accuracy, testTime }: Results, { round, task, exact, ranked, time }: EventOf<'evaluation'>): void {
  accuracy.exact[round][task] = exact;
  accuracy.ranked[round][task] = ranked;
  if (testTime === undefined || time === null) return;
  for (const key of ['promptTokens', 'promptSeconds', 'answerTokens', 'answerSeconds'] as const)
    testTime[key] += time[key];
}
