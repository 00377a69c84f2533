import { describe, expect, it } from 'vitest';
import { relativeError } from './compare.ts';
import { goldenReal } from './golden.ts';
import { goldenMatrix } from './matrices.ts';
import { referencesWith } from './reference.ts';
import { type Matrix, matrix, subtract, transpose } from '../linear-algebra/matrix.ts';
import {
  type ReferenceGroup,
  referenceState,
  referenceStep,
  type UpdateCase,
  type UpdateCases,
} from './reference-optimizer.ts';

/** The float32 column of the reference data's tolerances: relative Frobenius errors. */
const TOLERANCE = { weight: 1e-5, m: 5e-5, v: 1e-4, vectors: 1e-4 };
function changeTolerance({ group, proj_type }: UpdateCase): number {
  if (group !== 'galore') return 1e-4;
  return proj_type === 'full' ? 2e-2 : 5e-4;
}

function groupOf(one: UpdateCase, weightDecay: number, space: Matrix | null): ReferenceGroup {
  const rates = { learningRate: one.lr, weightDecay };
  const projected = { space, project: 'gradient' } as const;
  if (one.group === 'regular') return { kind: 'regular', ...rates };
  if (one.group === 'lora') return { kind: 'lora', ...rates, ...projected, loraSpace: 'rank' };
  const { rank, update_proj_gap, scale, proj_type } = one;
  if (rank === undefined || update_proj_gap === undefined || scale === undefined || proj_type === undefined) {
    throw new Error(`UpdateCase ${one.id} lacks a setting of its group.`);
  }
  return {
    kind: 'galore',
    ...rates,
    ...projected,
    rank,
    updateProjGap: update_proj_gap,
    scale,
    projType: proj_type,
    spaceSide: 'left',
  };
}

describe.each(referencesWith('golden/optimizer'))('the trajectories of $name', (reference) => {
  const given = reference.json<UpdateCases>('golden/optimizer/cases.json');
  const gradients = reference.tensors('golden/optimizer/gradients.safetensors');
  const expected = reference.tensors('golden/optimizer/trajectories.safetensors');

  it.each(given.cases)('$id', (one) => {
    const { steps, snapshots_after_step, refresh_at_step_index, defaults } = given;
    const [rows, columns] = one.shape;
    const shape = `${rows}x${columns}`;
    const g = goldenReal(gradients, `${shape}.g`);
    expect(g.shape).toEqual([steps, rows, columns]);
    const start = goldenMatrix(gradients, `${shape}.w0`);
    const space = one.has_S ? goldenMatrix(expected, `${one.id}/S`) : null;
    const group = groupOf(one, one.weight_decay ?? defaults.weight_decay, space);
    // The `signfix` runs use the sign rule of docs/method.md, eq. (9); without singular vectors there is one run.
    const run = one.group === 'galore' ? 'signfix' : 'official';
    const compared: string[] = [];
    const compare = (name: string, found: Matrix, tolerance: number): void => {
      const wanted = goldenMatrix(expected, name);
      expect([found.rows, found.columns], name).toEqual([wanted.rows, wanted.columns]);
      expect(relativeError(found.data, wanted.data), name).toBeLessThan(tolerance);
      compared.push(name);
    };

    let weight = start;
    let state = referenceState(rows, columns, group);
    for (let step = 0; step < steps; step++) {
      const gradient = matrix(rows, columns, g.data.subarray(step * rows * columns, (step + 1) * rows * columns));
      ({ weight, state } = referenceStep(weight, gradient, state, group));
      if (one.group === 'galore' && refresh_at_step_index.includes(step)) {
        const { left, right } = state.basis ?? { left: null, right: null };
        if (left) compare(`${one.id}/${run}/U.${step}`, left, TOLERANCE.vectors);
        if (right) compare(`${one.id}/${run}/V.${step}`, transpose(right), TOLERANCE.vectors);
      }
      if (!snapshots_after_step.includes(step + 1)) continue;
      // While signs do not matter yet, the run with LAPACK's signs must match too.
      const unsigned = run !== 'official' && one.sign_sensitivity?.[step + 1] === 0;
      for (const name of [run, ...(unsigned ? ['official'] : [])]) {
        const snapshot = `${one.id}/${name}/w.${step + 1}`;
        compare(snapshot, weight, TOLERANCE.weight);
        const change = subtract(goldenMatrix(expected, snapshot), start).data;
        expect(relativeError(subtract(weight, start).data, change), `change of ${snapshot}`).toBeLessThan(
          changeTolerance(one),
        );
      }
    }
    compare(`${one.id}/${run}/exp_avg`, state.m, TOLERANCE.m);
    compare(`${one.id}/${run}/exp_avg_sq`, state.v, TOLERANCE.v);

    const stored = [...expected.keys()].filter((name) => name.startsWith(`${one.id}/${run}/`));
    // For a one-sided basis the reference may also store the other side.
    expect(stored.filter((name) => !/\/[UV]\.\d+$/.test(name) && !compared.includes(name))).toEqual([]);
  });
});
