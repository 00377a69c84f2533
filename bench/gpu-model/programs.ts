import { GpuPlanner } from '../../src/device/webgpu/gpu-planner.ts';
import { Tuning } from '../../src/device/webgpu/tuning.ts';
import { MODEL_SHAPES } from '../../src/bench/model-shapes.ts';
import { recordModel, WORK_NAMES, type WorkName } from '../dispatches/model-programs.ts';
import { callsOf } from './calls.ts';
import type { Card } from './cards.ts';
import { chooseFor } from './choices.ts';
import type { RecordedCall } from './work.ts';

/** The dispatches of a work of a model, in order. */
export interface RecordedProgram {
  readonly model: string;
  readonly work: WorkName;
  readonly calls: readonly RecordedCall[];
}

/** The programs of the tables, with the kernels that a card chooses. */
export async function recordPrograms(card: Card): Promise<RecordedProgram[]> {
  const programs: RecordedProgram[] = [];
  for (const shape of MODEL_SHAPES) {
    const tuning = new Tuning(false);
    const planner = new GpuPlanner(tuning);
    await recordModel(shape, planner); // makes known what there is to choose
    chooseFor(tuning, card);
    const works = await recordModel(shape, planner);
    for (const work of WORK_NAMES) programs.push({ model: shape.name, work, calls: callsOf(works[work]) });
  }
  return programs;
}
