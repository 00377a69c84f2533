import { type PlanAnswer, PlanAnswerSchema, type PlanCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Requests a memory plan, answered once. Returns a function that cancels the request. */
export type AskForPlan = (command: PlanCommand, onAnswer: (answer: PlanAnswer) => void) => () => void;

/** Asks a training worker that lives for this one request: canceling an outdated plan ends the worker. */
export const askPlanWorker: AskForPlan = (command, onAnswer) => {
  const { send, close } = connectWorker<PlanCommand, PlanAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'plan' }),
    PlanAnswerSchema,
    {
      name: 'The worker that plans memory',
      nextStep: 'Reload the page, or start a run without the plan.',
      onMessage: (answer) => {
        close();
        onAnswer(answer);
      },
      onFault: (error) => onAnswer({ type: 'unplanned', error, modules: null }),
    },
  );
  send(command);
  return close;
};
