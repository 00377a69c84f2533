import type { AheadFunctions, PlanAnswer, PlanCommand } from '../../worker/protocol.ts';
import { callOnce } from '../worker-client.ts';

/** Requests a memory plan, answered once. Returns a function that cancels the request. */
export type AskForPlan = (command: PlanCommand, onAnswer: (answer: PlanAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askPlanWorker: AskForPlan = (command, onAnswer) =>
  callOnce<AheadFunctions, 'plan'>(
    () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name: 'plan' }),
    { name: 'The worker that plans memory', nextStep: 'Reload the page, or start a run without the plan.' },
    'plan',
    command,
    onAnswer,
    (error) => onAnswer({ type: 'unplanned', error, modules: null }),
  );
