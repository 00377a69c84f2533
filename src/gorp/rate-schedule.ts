/** How a learning rate changes over the steps of a task, by the names of transformers' `lr_scheduler_type`. */
export type RateSchedule = 'constant' | 'linear' | 'cosine';

/** The course of a learning rate over the steps of one task. */
interface RateCourse {
  readonly schedule: RateSchedule;
  /** Steps over which the rate rises from 0, linearly. */
  readonly warmup: number;
  readonly steps: number;
}

/** The settings of the course. At most one of the two warm-ups is above 0. */
interface RateSettings {
  readonly lrSchedulerType: RateSchedule;
  /** Share of the steps, as transformers' `warmup_ratio`: rounded up. */
  readonly warmupRatio: number;
  /** Number of steps, as transformers' `warmup_steps`. */
  readonly warmupSteps: number;
}

/** The course of the rates over a task of so many steps. */
export const rateCourse = ({ lrSchedulerType, warmupRatio, warmupSteps }: RateSettings, steps: number): RateCourse => ({
  schedule: lrSchedulerType,
  warmup: warmupSteps > 0 ? warmupSteps : Math.ceil(steps * warmupRatio),
  steps,
});

/**
 * The factor of the learning rates at a step, as `get_scheduler` of transformers 5 gives it: rising linearly from 0 over
 * the warm-up, then constant, falling linearly to 0, or along half a cosine.
 *
 * @param step from 0.
 */
export function rateFactor({ schedule, warmup, steps }: RateCourse, step: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  if (schedule === 'constant') return 1;
  const left = Math.max(1, steps - warmup);
  if (schedule === 'linear') return Math.max(0, (steps - step) / left);
  return Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / left)));
}
