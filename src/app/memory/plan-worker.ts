import { type PlanAnswer, PlanAnswerSchema, type PlanCommand } from '../../worker/protocol.ts';
import { connectWorker } from '../worker-client.ts';

/** Asks for a plan of memory; the answer comes once. Returns what gives the question up. */
export type AskForPlan = (command: PlanCommand, onAnswer: (answer: PlanAnswer) => void) => () => void;

/** Asks a training worker, which lives for this one question: a plan that is out of date ends with it. */
export const askPlanWorker: AskForPlan = (command, onAnswer) => {
  const { send, close } = connectWorker<PlanCommand, PlanAnswer>(
    () => new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'plan' }),
    PlanAnswerSchema,
    {
      name: 'The worker that plans memory',
      nextStep: 'Reload the page. A run can be started without the plan.',
      onMessage: (answer) => {
        close();
        onAnswer(answer);
      },
      onFault: (error) => onAnswer({ type: 'unplanned', error }),
    },
  );
  send(command);
  return close;
};
