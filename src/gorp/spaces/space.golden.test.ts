import { describe, expect, it } from 'vitest';
import { growAsReleased } from '../../testing/as-released.ts';
import { goldenMatrix } from '../../testing/matrices.ts';
import { referencesWith } from '../../testing/reference.ts';
import { energy, type Matrix, multiplyTranspose, subtract } from '../../linear-algebra/matrix.ts';
import { growSpaceFromCovariance } from '../../testing/input-space.ts';
import { growSpace, type SpaceGrowth } from './space.ts';

/** Absolute Frobenius errors of S Sᵀ that the reference data allows in float32. */
const GRADSPACE_TOLERANCE = 1e-3;
const CONTINUAL_TOLERANCE = 2e-3;

const projectorError = ({ space }: SpaceGrowth, expected: Matrix): number =>
  Math.sqrt(energy(subtract(multiplyTranspose(space, space), expected)));

interface Sequence {
  tasks: {
    official_new: number;
    official_total: number;
    paper_new: Record<string, number>;
    paper_total: Record<string, number>;
    energy_cumulative_of_M: number[];
  }[];
}

describe.each(referencesWith('golden/gradspace'))('the gradient spaces of $name', (reference) => {
  const sequences = reference.json<Record<string, Sequence>>('golden/gradspace/ranks.json');
  const moments = reference.tensors('golden/gradspace/moments.safetensors');
  const expected = reference.tensors('golden/gradspace/expected.safetensors');

  describe.each(Object.entries(sequences))('%s', (name, { tasks }) => {
    it('has the energies of the reference', () => {
      for (const [t, { energy_cumulative_of_M: cumulative }] of tasks.entries()) {
        const moment = goldenMatrix(moments, `${name}/M.${t}`);
        let sum = 0;
        growSpace({ space: null, moment, threshold: 0.9 }).spectrum.forEach((share, i) => {
          sum += share;
          expect(sum).toBeCloseTo(cumulative[i], 5);
        });
      }
    });

    it('grows as released (0.9)', () => {
      let space: Matrix | null = null;
      for (const [t, { official_new, official_total }] of tasks.entries()) {
        const growth = growAsReleased({ space, moment: goldenMatrix(moments, `${name}/M.${t}`), threshold: 0.9 });
        expect([growth.added, growth.total]).toEqual([official_new, official_total]);
        expect(projectorError(growth, goldenMatrix(expected, `${name}/official/P.${t}`))).toBeLessThan(
          GRADSPACE_TOLERANCE,
        );
        ({ space } = growth);
      }
    });

    it.each(Object.keys(tasks[0].paper_new))('grows as in the paper (%s), from moments and from covariances', (key) => {
      let space: Matrix | null = null;
      for (const [t, { paper_new, paper_total }] of tasks.entries()) {
        const moment = goldenMatrix(moments, `${name}/M.${t}`);
        const threshold = Number(key);
        const growth = growSpace({ space, moment, threshold });
        const other = growSpaceFromCovariance(space, multiplyTranspose(moment, moment), threshold);
        for (const one of [growth, other]) {
          expect([one.added, one.total]).toEqual([paper_new[key], paper_total[key]]);
          expect(projectorError(one, goldenMatrix(expected, `${name}/paper_${key}/P.${t}`))).toBeLessThan(
            GRADSPACE_TOLERANCE,
          );
        }
        ({ space } = growth);
      }
    });
  });
});

interface ContinualRun {
  config: { space_rule: string };
  [run: string]: { tasks: { space_ranks: Record<string, number> }[] } | { space_rule: string };
}

describe.each(referencesWith('golden/continual'))('the spaces of the continual run of $name', (reference) => {
  it.each(['official', 'signfix'])('%s: follow from the first moments', (run) => {
    const json = reference.json<ContinualRun>('golden/continual/run.json');
    const tensors = reference.tensors('golden/continual/expected.safetensors');
    const threshold = Number(/threshold ([\d.]+)/.exec(json.config.space_rule)?.[1]);
    const { tasks } = json[run] as { tasks: { space_ranks: Record<string, number> }[] };
    expect(tasks.length).toBeGreaterThan(1);
    for (const module of Object.keys(tasks[0].space_ranks)) {
      let space: Matrix | null = null;
      for (const [i, { space_ranks }] of tasks.entries()) {
        const folder = `${run}/task${i + 1}`;
        const moment = goldenMatrix(tensors, `${folder}/exp_avg/${module}`);
        const growth = growAsReleased({ space, moment, threshold });
        expect(growth.total).toBe(space_ranks[module]);
        expect(projectorError(growth, goldenMatrix(tensors, `${folder}/space_projector/${module}`))).toBeLessThan(
          CONTINUAL_TOLERANCE,
        );
        ({ space } = growth);
      }
    }
  });
});
