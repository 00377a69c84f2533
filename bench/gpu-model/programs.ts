import { GpuPlanner } from '../../src/device/webgpu/planner.ts';
import type { Tuning } from '../../src/device/webgpu/tuning.ts';
import { MODEL_SHAPES } from '../../src/bench/model-shapes.ts';
import { recordModel, WORK_NAMES, type WorkName } from '../dispatches/model-programs.ts';
import { callsOf } from './calls.ts';
import type { RecordedCall } from './work.ts';

/** The dispatches of a work of a model, in order. */
export interface RecordedProgram {
  readonly model: string;
  readonly work: WorkName;
  readonly calls: readonly RecordedCall[];
}

/**
 * The programs of the tables.
 *
 * @param choices of a device that has seen no other model. If it measures, programs are recorded once before, which
 *   makes known what there is to measure.
 */
export async function recordPrograms(choices: () => Tuning): Promise<RecordedProgram[]> {
  const programs: RecordedProgram[] = [];
  for (const shape of MODEL_SHAPES) {
    const tuning = choices();
    const planner = new GpuPlanner(tuning);
    if (tuning.isMeasuring) await recordModel(shape, planner);
    const works = await recordModel(shape, planner);
    for (const work of WORK_NAMES) programs.push({ model: shape.name, work, calls: callsOf(works[work]) });
  }
  return programs;
}
