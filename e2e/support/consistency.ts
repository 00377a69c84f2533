import { expect } from '@playwright/test';
import { roundsTested } from '../../src/app/state/scores.ts';
import { isSoft, roundingOf, spaceOf } from '../../src/gorp/part/method-plan.ts';
import { storedDirections } from '../../src/gorp/spaces/directions.ts';
import { planOf } from '../../src/methods/registry.ts';
import { measuredBy, measuresOf } from '../../src/run/results/measures.ts';
import type { Results } from '../../src/run/results/results.ts';
import { scheduledRounds } from '../../src/run/settings/schedule.ts';
import { isScoredBy } from '../../src/tasks/forms.ts';
import { testedTasks } from '../../src/run/settings/settings.ts';

/** The error that a sum of shares may have: each share has five digits. */
const ROUNDED = 5e-5;

/** Checks that the parts of a results file agree with each other. The run must have reached its first step. */
export function expectConsistent(results: Results): void {
  const { settings, tasks, accuracy, measures, memory, model } = results;
  const learned = tasks.filter(({ watched }) => watched !== true).length;
  // Completed rounds.
  const rounds = results.status === 'finished' ? learned : roundsTested(accuracy.exact);
  expect(tasks.map(({ name }) => name)).toEqual(testedTasks(settings));
  expect(learned).toBe(settings.order.length);
  expect(Date.now() - Date.parse(results.startedAt)).toBeGreaterThan(1000 * results.seconds - 1000);
  expect(model.trainable).toBeGreaterThan(0);
  expect(model.parameters).toBeGreaterThan(model.trainable);
  expect(memory.liveBuffersAtEnd).toBe(0);
  expect(memory.peakBytes).toBeGreaterThan(0);
  expectCurves(results, rounds);
  for (const score of ['exact', 'ranked'] as const) {
    expect(measures[score]).toEqual(measuresOf(accuracy[score], measuredBy(tasks, score)));
    expect(accuracy[score].length).toBe(learned + 1);
    accuracy[score].forEach((row, round) => {
      expect(row.length).toBe(tasks.length);
      row.forEach((value, task) => {
        const where = `R[${round}][${task}], ${score}`;
        if (!isScoredBy(tasks[task], score)) {
          expect(value, where).toBeNull();
          return;
        }
        // A stopped round may have been tested on some tasks.
        if (round !== rounds + 1)
          expect(value !== null, `${where} is measured`).toBe(round <= rounds && isMeasured(settings, round, task));
        const right = (value ?? 0) * tasks[task].testExamples;
        expect(Math.abs(right - Math.round(right)), `${where} is a share of the examples`).toBeLessThan(1e-9);
      });
    });
  }
  expectSpaces(results, rounds);
}

/** Before training all tasks are tested; after a round, those that the schedule names and those that are watched. */
const isMeasured = ({ method, order }: Results['settings'], round: number, task: number): boolean =>
  round === 0 ||
  task >= order.length ||
  scheduledRounds(planOf(method).schedule, order.length).some(
    ({ number, tests }) => number === round && tests.includes(task),
  );

function expectCurves({ settings, tasks, curves, seconds }: Results, rounds: number): void {
  const { step, round, loss, gradientNorm } = curves;
  for (const column of Object.values(curves)) expect(column.length).toBe(step.length);
  expect(step).toEqual(step.map((_, i) => i + 1));
  const { epochs, batchSize, gradientAccumulation } = settings.training;
  tasks.slice(0, rounds).forEach(({ trainExamples }, i) => {
    const steps = epochs * Math.ceil(Math.ceil(trainExamples / batchSize) / gradientAccumulation);
    expect(round.filter((r) => r === i + 1).length, `steps of round ${i + 1}`).toBe(steps);
  });
  expect(round).toEqual(round.toSorted((a, b) => a - b));
  expect(Math.min(...loss, ...gradientNorm)).toBeGreaterThan(0);
  expect(curves.seconds).toEqual(curves.seconds.toSorted((a, b) => a - b));
  expect(curves.seconds.at(-1) ?? 0).toBeLessThanOrEqual(seconds);
}

function expectSpaces({ settings, tasks, spaces, health, curves }: Results, rounds: number): void {
  expect(health.length).toBeGreaterThan(0);
  const space = spaceOf(planOf(settings.method));
  if (space === undefined) {
    expect(spaces).toEqual([]);
    for (const { layers } of health) {
      for (const { projectedAway, leakage } of layers) expect([projectedAway, leakage]).toEqual([null, null]);
    }
    return;
  }
  // The space of a round is built before its tests.
  const built = rounds < tasks.length && spaces.length > rounds ? rounds + 1 : rounds;
  expect(spaces.map(({ round }) => round)).toEqual(Array.from({ length: built }, (_, i) => i + 1));
  const names = new Set(spaces[0]?.tensors.map(({ name }) => name));
  const totals = new Map<string, number>();
  for (const { tensors } of spaces) {
    expect(new Set(tensors.map(({ name }) => name))).toEqual(names);
    expect(tensors.length).toBe(names.size);
    for (const { name, added, total, dimension, heldBefore, spectrum, threshold } of tensors) {
      expect(total, name).toBe((totals.get(name) ?? 0) + added);
      expect(total, name).toBeLessThanOrEqual(dimension);
      totals.set(name, total);
      expect(threshold > 0.8 && threshold <= 1, `${name}: ${threshold}`).toBe(true); // for soft spaces, the share held
      expect(spectrum).toEqual(spectrum.toSorted((a, b) => b - a));
      const held = spectrum.slice(0, added).reduce((sum, share) => sum + share, heldBefore);
      expect(held, `${name}: share held`).toBeLessThan(1 + ROUNDED);
      if (isSoft(space)) continue;
      // The paper's rule: exactly as many directions as the threshold needs, while there is room.
      expect(held > threshold - ROUNDED || total === dimension, `${name}: threshold reached`).toBe(true);
      if (added > 0)
        expect(held - spectrum[added - 1], `${name}: no more than needed`).toBeLessThan(threshold + ROUNDED);
    }
  }
  for (const { round, tensors } of spaces) {
    for (const { name, orthonormality, directions, angles } of tensors) {
      expect(orthonormality, name).toBeLessThan(roundingOf(space));
      expect(angles.map(({ task }) => task)).toEqual(Array.from({ length: round - 1 }, (_, i) => i + 1));
      for (const { task, cosines } of angles) {
        const other = spaces[task - 1].tensors.find((tensor) => tensor.name === name);
        const stored = storedDirections(round) / round;
        expect(cosines.length).toBe(Math.min(directions, other?.directions ?? 0, stored));
        expect(cosines.every((cosine) => cosine >= 0 && cosine <= 1)).toBe(true);
      }
    }
  }
  // A run that is stopped in its first round has no space yet, but its layers are measured.
  const measured = names.size > 0 ? names : new Set(health[0]?.layers.map(({ name }) => name));
  // There are tens of thousands of numbers: an expectation for each would take minutes.
  const faults: string[] = [];
  for (const { round, step, layers } of health) {
    const isFirst = step === curves.step[curves.round.indexOf(round)];
    if (layers.length !== measured.size || layers.some(({ name }) => !measured.has(name))) faults.push(`step ${step}`);
    for (const { name, part, gradientNorm, projectedAway, leakage } of layers) {
      const where = `${name} in step ${step}`;
      if (!(gradientNorm >= 0)) faults.push(`norm of ${where}`);
      // Nothing is projected away while there is no space.
      for (const share of [projectedAway, leakage]) {
        // In the first step of a task the new A has no gradient yet. Where a gradient vanishes, such as that of the
        // queries of a decoder's first token, it has no share until shares are measured again.
        const mayLack = (part === 'lora' && isFirst) || share !== null || vanishes(health, round, name);
        if (round === 1 ? share !== null : !mayLack) faults.push(`share of ${where}`);
        if (!((share ?? 0) >= 0 && (share ?? 0) < 1 + 1e-4)) faults.push(`share ${share} of ${where}`);
      }
    }
  }
  expect(faults).toEqual([]);
}

/** Whether the gradient of a layer is next to nothing in a step of a round. */
const vanishes = (health: Results['health'], round: number, name: string): boolean =>
  health.some(
    (sample) =>
      sample.round === round && sample.layers.some((layer) => layer.name === name && layer.gradientNorm < 1e-9),
  );
