import type { ErrorReport } from '../../base/errors.ts';
import type { Effort } from '../../run/planning/duration.ts';
import type { MemoryPlan } from '../../run/planning/memory-plan.ts';
import type { ModelOutline } from '../../weights/model-folder.ts';
import type { AheadFunctions, PlanAnswer, PlanCommand } from '../../worker/protocol.ts';
import type { Preferences } from './preferences.ts';
import { createQuestion, isAlike } from './text-questions.ts';
import type { SetUpSlice } from './set-up-form.ts';
import type { StoreOf } from './slice.ts';
import { taskCard, type TasksSlice } from './task-store.ts';
import { draftIssues } from './validate.ts';
import { callOnce } from './session.ts';

/** The planned memory and work of a run with the current settings. */
type PlanState =
  | { status: 'none' }
  /** The model's config is on another server, which is asked only when the person requests it. */
  | { status: 'unknown-model' }
  /** `last` is the plan for the previous settings. */
  | { status: 'planning'; last: MemoryPlan | null }
  | { status: 'planned'; plan: MemoryPlan; effort: Effort }
  | { status: 'failed'; error: ErrorReport };

const NO_PLAN: PlanState = { status: 'none' };

/** The memory that a run with the form's settings would use. */
export interface MemorySlice {
  readonly memoryPlan: PlanState;
}

export const memorySlice: MemorySlice = { memoryPlan: NO_PLAN };

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

/** Plans of memory for the settings of the page. */
interface MemoryPlanner {
  /** Updates the store's `memoryPlan` whenever the settings change. Asks no other server. */
  readonly watch: () => void;
  /** Plans at once, and lets the worker fetch the outline from the model's hub or server. */
  readonly lookUp: () => void;
}

/** The identity of a model: its name and where it is looked up. */
type Source = readonly [model: string, endpoint: string, picked: unknown];

const sourceOf = ({ draft, access }: SetUpSlice): Source => [draft.model, access.hub.endpoint, access.picked];

export function createMemoryPlanner(
  store: StoreOf<MemorySlice & SetUpSlice, Preferences & TasksSlice>,
  ask: AskForPlan,
): MemoryPlanner {
  const { getState, setState } = store;
  /** The outline of the last planned model, so that it is read once. */
  let known: { source: Source; outline: ModelOutline } | null = null;
  /** The model that the layers in the store belong to. */
  let source = sourceOf(getState());

  const plan = (mayAsk: boolean): (() => void) | null => {
    const { draft, teaches, access, device, userTasks, memoryPlan, modelModules } = getState();
    if (draftIssues(draft, userTasks, modelModules).size > 0) {
      setState({ memoryPlan: NO_PLAN });
      return null;
    }
    const planned = sourceOf(getState());
    const command: PlanCommand = {
      settings: draft,
      device,
      access: mayAsk ? access : { ...access, hub: { ...access.hub, token: null } },
      mayAsk,
      labels: draft.order.map((name) => [...taskCard(name, userTasks).labels]),
      taught: teaches?.model.lessons.length ?? 0,
      outline: known && isAlike(known.source, planned) ? known.outline : null,
    };
    setState({ memoryPlan: { status: 'planning', last: memoryPlan.status === 'planned' ? memoryPlan.plan : null } });
    return ask(command, (answer) => {
      switch (answer.type) {
        case 'planned':
          known = { source: planned, outline: answer.outline };
          setState({
            memoryPlan: { status: 'planned', plan: answer.plan, effort: answer.effort },
            modelModules: answer.modules,
          });
          break;
        case 'unknown-model':
          setState({ memoryPlan: { status: 'unknown-model' } });
          break;
        case 'unplanned':
          setState({ memoryPlan: { status: 'failed', error: answer.error }, modelModules: answer.modules });
      }
    });
  };

  const question = createQuestion(store, {
    basisOf: ({ draft, teaches, access, userTasks, device }) => [draft, teaches, access, userTasks, device],
    ask: plan,
    onChange: (state) => {
      const next = sourceOf(state);
      if (isAlike(next, source)) return;
      source = next;
      setState({ modelModules: null });
    },
  });
  return { watch: () => void question.watch(), lookUp: () => question.now(true) };
}
