import type { Results } from '../../src/run/results/results.ts';

/** What differs in the results of two runs with the same settings, apart from times. @param a of the run without faults. */
export function differences(a: Results, b: Results): string[] {
  const [one, other] = [partsOf(a), partsOf(b)];
  return Object.keys(one).flatMap((name) =>
    JSON.stringify(one[name]) === JSON.stringify(other[name])
      ? []
      : [`${name} differ from those of an uninterrupted run`],
  );
}

const partsOf = ({ curves, accuracy, spaces, status, memory }: Results): Record<string, unknown> => ({
  losses: curves.loss,
  steps: curves.step,
  'gradient norms': curves.gradientNorm,
  matrices: accuracy,
  spaces,
  status,
  'live buffers': memory.liveBuffersAtEnd,
});
