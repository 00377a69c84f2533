import type { Planner } from '../../src/device/kernel-planner.ts';
import { GpuPlanner } from '../../src/device/webgpu/gpu-planner.ts';
import { Tuning } from '../../src/device/webgpu/tuning.ts';
import { MODEL_SHAPES } from '../../src/bench/model-shapes.ts';
import { recordModel, WORK_NAMES, type WorkName } from '../dispatches/model-programs.ts';
import { recordSpaces, SPACE_SHAPES, type SpaceRecord, type SpaceWork } from '../dispatches/space-programs.ts';
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

/** The works of a model's spaces. */
export interface RecordedSpaces extends Pick<SpaceRecord, 'batches'> {
  readonly model: string;
  readonly calls: Readonly<Record<SpaceWork, readonly RecordedCall[]>>;
}

/** The programs of the tables, with the kernels that a card chooses. */
export async function recordPrograms(
  card: Card,
  isWanted: (model: string) => boolean = () => true,
): Promise<RecordedProgram[]> {
  const programs: RecordedProgram[] = [];
  for (const shape of MODEL_SHAPES.filter(({ name }) => isWanted(name))) {
    const works = await recordChosen(card, (planner) => recordModel(shape, planner));
    for (const work of WORK_NAMES) programs.push({ model: shape.name, work, calls: callsOf(works[work]) });
  }
  return programs;
}

/** The same for spaces of inputs. */
export async function recordSpacePrograms(
  card: Card,
  isWanted: (model: string) => boolean = () => true,
): Promise<RecordedSpaces[]> {
  const all: RecordedSpaces[] = [];
  for (const shape of SPACE_SHAPES.filter(({ name }) => isWanted(name))) {
    const { works, batches } = await recordChosen(card, (planner) => recordSpaces(shape, planner));
    const calls = { first: callsOf(works.first), second: callsOf(works.second), read: callsOf(works.read) };
    const more = { build: callsOf(works.build), begin: callsOf(works.begin) };
    all.push({ model: shape.name, batches, calls: { ...calls, ...more } });
  }
  return all;
}

/** Records twice: first to know what there is to choose. */
async function recordChosen<T>(card: Card, record: (planner: Planner) => Promise<T>): Promise<T> {
  const tuning = new Tuning(false);
  const planner = new GpuPlanner(tuning);
  await record(planner);
  chooseFor(tuning, card);
  return record(planner);
}
