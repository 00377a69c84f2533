import * as v from 'valibot';
import { GorpError, reportOf } from '../../base/errors.ts';
import { EffortSchema } from '../../run/duration.ts';
import { MemoryPlanSchema } from '../../run/memory-plan.ts';
import type { PlanAnswer, PlanCommand } from '../../worker/protocol.ts';
import { ErrorReportSchema } from '../session-events.ts';

/** Asks for a plan of memory; the answer comes once. Returns what gives the question up. */
export type AskForPlan = (command: PlanCommand, onAnswer: (answer: PlanAnswer) => void) => () => void;

const AnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('planned'), plan: MemoryPlanSchema, effort: EffortSchema, config: v.unknown() }),
  v.strictObject({ type: v.literal('unknown-model') }),
  v.strictObject({ type: v.literal('unplanned'), error: ErrorReportSchema }),
]);

/** Asks a training worker, which lives for this one question: a plan that is out of date ends with it. */
export const askPlanWorker: AskForPlan = (command, onAnswer) => {
  const worker = new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'plan' });
  const end = (): void => {
    worker.onmessage = worker.onerror = null;
    worker.terminate();
  };
  const fail = (cause: unknown): void => {
    end();
    const why = cause instanceof Error ? cause.message : 'it could not be loaded';
    const nextStep = 'Reload the page. A run can be started without the plan.';
    const error = reportOf(new GorpError('worker/crashed', `The worker that plans memory stopped: ${why}.`, nextStep));
    onAnswer({ type: 'unplanned', error });
  };
  worker.onmessage = ({ data }: MessageEvent<unknown>) => {
    const parsed = v.safeParse(AnswerSchema, data);
    if (!parsed.success) {
      fail(new Error(`its answer was not understood (${v.getDotPath(parsed.issues[0]) ?? 'root'})`));
      return;
    }
    end();
    onAnswer(parsed.output);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message === '' ? null : new Error(event.message));
  };
  worker.postMessage(command);
  return end;
};
