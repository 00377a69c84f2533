import { mixSeed, type Random, seededRandom } from '../base/random.ts';
import { isSoft, partOf as planPart, spaceOf as spacePlanOf, type SpacePlan } from '../gorp/part/method-plan.ts';
import { planOf } from '../methods/registry.ts';
import { newResults } from '../run/events/beginning.ts';
import type { RunEvent } from '../run/events/events.ts';
import { type AnswerCount, countAnswers } from '../run/results/answers.ts';
import type { DeviceReport, LayerSample, TaskReport, TensorSpace } from '../run/results/results.ts';
import { roundName, scheduledRounds } from '../run/settings/schedule.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import { EMBEDDED_TASKS } from '../tasks/embedded-tasks.ts';
import { sideOfA } from './space-side.ts';

/** Invented events of a whole run, to build and test the page without a worker. Nothing here is a measurement. */

const GPU_DEVICE: DeviceReport = {
  kind: 'webgpu',
  why: 'hardware',
  vendor: 'nvidia',
  architecture: 'ampere',
  description: 'NVIDIA GeForce RTX 3060 Laptop GPU',
  software: false,
  features: ['shader-f16', 'subgroups', 'timestamp-query'],
  limits: { maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: 2 ** 31 },
};

const TENSORS = [
  ...[0, 1, 2].flatMap((i) => [
    `encoder.block.${i}.layer.0.SelfAttention.q`,
    `encoder.block.${i}.layer.0.SelfAttention.v`,
  ]),
  ...[0, 1, 2].flatMap((i) => [
    `decoder.block.${i}.layer.0.SelfAttention.q`,
    `decoder.block.${i}.layer.0.SelfAttention.v`,
  ]),
  ...[0, 1, 2].flatMap((i) => [
    `decoder.block.${i}.layer.1.EncDecAttention.q`,
    `decoder.block.${i}.layer.1.EncDecAttention.v`,
  ]),
];
type LayerStatistics = LayerSample['layers'][number];

const STEPS_PER_EVENT = 3;

/** All events of a run with these settings, `finished` last. The same settings give the same events. */
export function scriptedRun(settings: RunSettings, { startedAt = '2026-11-24T16:05:00.000Z' } = {}): RunEvent[] {
  const { order, method, training } = settings;
  const random = seededRandom(mixSeed(training.seed, method.name, ...order));
  const events: RunEvent[] = [];
  const rounds = order.length;
  const tasks = order.map((name): TaskReport => {
    const labels = EMBEDDED_TASKS.find((task) => task.name === name)?.labels ?? ['yes', 'no'];
    const { trainExamples, testExamples } = training;
    return { name, kind: 'TC', labels: [...labels], trainExamples, testExamples };
  });
  const stepsEach = Math.ceil((training.trainExamples * training.epochs) / training.batchSize);
  const schedule = scheduledRounds(planOf(method).schedule, rounds);
  const stepsPerRound = order.map(
    (_, i) => stepsEach * (schedule.find(({ number }) => number === i + 1)?.trains.length ?? 0),
  );
  const model = {
    name: 'embedded',
    commit: null,
    parameters: 1_902_976,
    trainable: planPart(planOf(method), 'full-rank') ? 221_184 : 24_576,
  };
  let spaces: TensorSpace[] = [];
  const totalSeconds = 40 * rounds;
  let secondsLeft = totalSeconds;

  const progress = (event: Omit<Extract<RunEvent, { type: 'progress' }>, 'type' | 'seconds' | 'timeLeft'>): void => {
    events.push({
      type: 'progress',
      seconds: totalSeconds - secondsLeft,
      timeLeft:
        event.round === 0 && event.phase !== 'evaluate'
          ? null
          : { seconds: secondsLeft, least: 0.9 * secondsLeft, most: 1.1 * secondsLeft },
      ...event,
    });
  };
  const evaluate = (round: number, tests: readonly number[]): void => {
    for (const task of tests) {
      const item = order[task] ?? '';
      for (const done of [0, Math.ceil(training.testExamples / 2), training.testExamples]) {
        progress({ phase: 'evaluate', round, item, done, total: training.testExamples, unit: 'examples' });
      }
      const score = scripted(settings, round, task, random);
      const { testExamples: examples } = training;
      const free = rounded(score, examples);
      const best = rounded(Math.max(score, 1 / (tasks[task]?.labels.length ?? 2) + 0.5 * score), examples);
      events.push({
        type: 'evaluation',
        round,
        task,
        exact: free,
        ranked: best,
        examples,
        answers: answersOf(tasks[task]?.labels ?? [], Math.round(free * examples), examples),
        time: {
          promptTokens: 41 * examples,
          promptSeconds: 0.003 * examples,
          answerTokens: 3 * examples,
          answerSeconds: 0.006 * examples,
        },
      });
    }
  };

  const probe = (round: number): void => {
    if (training.generalText !== 'none') events.push(generalTextOf(settings, round));
  };

  events.push({ type: 'device', device: GPU_DEVICE });
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    progress({
      phase: 'weights',
      round: 0,
      item: 'model.safetensors',
      done: Math.round(part * 3_810_000),
      total: 3_810_000,
      unit: 'bytes',
      source: 'network',
    });
  }
  progress({ phase: 'tasks', round: 0, item: order[0] ?? '', done: rounds, total: rounds, unit: 'items' });
  const code = { version: '0.1.0', commit: 'scripted' };
  events.push({
    type: 'begin',
    results: newResults({ code, startedAt, device: GPU_DEVICE, model, settings, tasks }),
    stepsPerRound,
  });
  progress({ phase: 'compile', round: 0, item: 'training step', done: 14, total: 14, unit: 'items' });
  evaluate(
    0,
    tasks.map((_, task) => task),
  );
  probe(0);

  let step = 0;
  for (const { number: round, trains, tests } of schedule) {
    const steps = stepsEach * trains.length;
    const learned = roundName(settings, round);
    for (let done = 0; done < steps; done += STEPS_PER_EVENT) {
      const count = Math.min(STEPS_PER_EVENT, steps - done);
      const numbers = Array.from({ length: count }, (_, i) => step + i + 1);
      const losses = numbers.map((_, i) => {
        const age = (done + i) / steps;
        return (0.32 + 2.1 * Math.exp(-6 * age)) * Math.exp(0.45 * (random.next() + random.next() - 1));
      });
      const gradientNorms = losses.map((loss) => 0.4 + loss * (0.5 + random.next()));
      step += count;
      secondsLeft = totalSeconds * (1 - step / (stepsEach * rounds));
      const layers = layersOf(method, round, done / steps, random);
      events.push({
        type: 'steps',
        round,
        steps: numbers,
        losses,
        gradientNorms,
        rates: losses.map(() => 1),
        seconds: totalSeconds - secondsLeft,
        tokensPerSecond: 21_000 + 3_000 * random.next(),
        layers,
      });
      progress({ phase: 'train', round, item: learned, done: done + count, total: steps, unit: 'steps' });
      events.push({ type: 'memory', liveBytes: 187e6 + 4e6 * random.next(), peakBytes: 214e6, liveBuffers: 412 });
    }
    const space = spacePlanOf(planOf(method));
    if (space) {
      progress({ phase: 'space', round, item: learned, done: 1, total: 1, unit: 'items' });
      spaces = spaceOf(spaces, space, method.loraRank ?? 8, random);
      events.push({ type: 'space', round, tensors: spaces, stateBytes: 200_000 * round });
    }
    evaluate(round, tests);
    probe(round);
  }

  events.push({ type: 'finished', seconds: totalSeconds, liveBuffers: 0 });
  return events;
}

/** The loss on eight passages of general text, which rises by 0.04 nats a token and round, or by more without a space. */
function generalTextOf({ training, method, order }: RunSettings, round: number): RunEvent {
  const rise = (spacePlanOf(planOf(method)) ? 0.04 : 0.12) * round;
  const passages = Array.from({ length: 8 }, (_, i) => i);
  const tokens = passages.map((i) => 80 + i);
  return {
    type: 'probe',
    probe: 'generalText',
    about: {
      name: training.generalText,
      hash: '5'.repeat(64),
      objective: 'spans',
      longest: 96,
      asked: 8,
      leftOut: 0,
      tokens,
      bytes: tokens.map((count) => 4 * count),
      prompts: order.map((_, i) => ({ task: i + 1, tokens: 12 })),
    },
    measured: {
      round,
      losses: passages.map((i) => 3 + 0.05 * i + rise * (0.8 + 0.05 * i)),
      divergences: passages.map(() => rise / 2),
      prompts: order.map((_, i) => ({ task: i + 1, divergence: i < round ? 1.5 : rise })),
    },
  };
}

/** Answers to as many tests of each label, so many of them right; the others are another label, or none. */
function answersOf(labels: readonly string[], right: number, examples: number): AnswerCount[] {
  const tests = Array.from({ length: examples }, (_, i) => labels[i % labels.length]);
  const answered = tests.map((label, i) => {
    if (i >= examples - right) return label;
    return i % 7 === 0 ? 'nothing' : labels[(i + 1) % labels.length];
  });
  return countAnswers(labels, tests, answered);
}

/** Accuracy rounded to a multiple of 1 / examples, like a measured one. */
const rounded = (share: number, examples: number): number => Math.round(Math.min(1, share) * examples) / examples;

function scripted({ method }: RunSettings, round: number, task: number, random: Random): number {
  const learned = 0.62 + 0.3 * ((task * 7 + 3) % 5) * 0.25;
  if (round === 0) return 0.02 * random.next();
  if (task + 1 > round) return 0.08 * random.next();
  const left = method.name === 'gorp-plus' ? 0.96 : spacePlanOf(planOf(method)) ? 0.72 : 0.35;
  return learned * left ** (round - task - 1) * (0.97 + 0.06 * random.next());
}

function layersOf(method: RunSettings['method'], round: number, age: number, random: Random): LayerStatistics[] {
  const hasSpace = spacePlanOf(planOf(method)) !== undefined && round > 1;
  const leaks = method.project === 'update' ? 1e-13 : 0.18;
  return TENSORS.map((name, i) => {
    const share = (0.12 + 0.13 * round) * (0.6 + 0.07 * i) * (1 - 0.3 * age) * (0.85 + 0.3 * random.next());
    return {
      name,
      part: partOf(name),
      gradientNorm: (0.05 + 0.4 * random.next()) * Math.exp(-2 * age),
      projectedAway: hasSpace ? Math.min(1, share) : null,
      leakage: hasSpace ? leaks * (0.7 + 0.6 * random.next()) : null,
    };
  });
}

const partOf = (name: string): LayerStatistics['part'] => (name.includes('SelfAttention') ? 'lora' : 'full-rank');

function spaceOf(before: TensorSpace[], space: SpacePlan, rank: number, random: Random): TensorSpace[] {
  return TENSORS.map((name, i) => {
    const dimension = partOf(name) === 'lora' && sideOfA(space) === 'rank' ? rank : 128;
    const held = before[i]?.total ?? 0;
    const heldBefore = held === 0 ? 0 : Math.min(0.85, 0.35 + 0.1 * random.next() + held / dimension / 2);
    const decay = 0.55 + 0.3 * random.next();
    const raw = Array.from({ length: Math.min(dimension - held, 32) }, (_, k) => decay ** k);
    const sum = raw.reduce((a, b) => a + b, 0);
    const spectrum = raw.map((value) => ((1 - heldBefore) * value) / sum);
    const threshold = isSoft(space) ? 0.97 : space.threshold;
    let reached = heldBefore;
    let added = 0;
    while (added < spectrum.length && reached < threshold) reached += spectrum[added++] ?? 0;
    const directions = Math.max(1, Math.min(16, added));
    const tasks = before.length === 0 ? 0 : (before[i]?.angles.length ?? 0) + 1;
    return {
      name,
      part: partOf(name),
      dimension,
      added,
      total: held + added,
      heldBefore,
      spectrum,
      threshold,
      orthonormality: 2.4e-7 * (0.5 + random.next()),
      directions,
      suppressed: Array.from({ length: directions }, (_, k) => 1 / (1 + 0.02 * k)),
      angles: Array.from({ length: tasks }, (_, task) => ({
        task: task + 1,
        cosines: Array.from({ length: directions }, (__, k) => (0.95 - 0.08 * task) * 0.88 ** k),
      })),
    };
  });
}
