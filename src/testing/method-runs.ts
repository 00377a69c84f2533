import { expect } from 'vitest';
import { type Matrix, matrix } from '../linear-algebra/matrix.ts';
import type { MethodName } from '../methods/registry.ts';
import { type DoneRun, runKeepingRounds, tensorOf } from './saved-run.ts';
import { tinyModel } from './tiny-model.ts';
import { tinySettings } from './tiny-run.ts';

/** A short run of a method with dropout, over one or two tasks. */
export const methodRun = (name: MethodName, changes: object = {}, order = ['gloss', 'field']): Promise<DoneRun> =>
  runKeepingRounds({ ...tinySettings(name, {}, { loraDropout: 0.2, ...changes }), order });

/** Expects two runs to have equal results, bit for bit. */
export function expectSame(a: DoneRun, b: DoneRun): void {
  expect(a.results.curves.loss).toEqual(b.results.curves.loss);
  expect(a.results.curves.gradientNorm).toEqual(b.results.curves.gradientNorm);
  const trained = ({ rounds }: DoneRun): unknown[] =>
    [...rounds.values()].map((files) => [
      files.get('adapter/adapter_model.safetensors'),
      files.get('full_rank_weights.safetensors'),
    ]);
  expect(trained(a)).toEqual(trained(b));
}

/** The change of a layer's full-rank weight in each round: W after it minus W before. */
export async function changesOf({ rounds }: DoneRun, layer: string): Promise<Matrix[]> {
  const name = `${layer}.weight`;
  const after = await Promise.all([...rounds.values()].map((files) => tensorOf(files, name)));
  const base = await tinyModel().readTensor(name);
  return after.map(({ rows, columns, data }, i) =>
    matrix(
      rows,
      columns,
      data.map((value, k) => value - (i === 0 ? base[k] : after[i - 1].data[k])),
    ),
  );
}
