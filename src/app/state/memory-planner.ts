import type { ModelOutline } from '../../weights/model-outline.ts';
import type { AheadFunctions, PlanAnswer, PlanCommand } from '../../worker/protocol.ts';
import { NO_PLAN } from './memory-state.ts';
import type { PageState, PageStore } from './store.ts';
import { taskCard } from './task-store.ts';
import { draftIssues } from './validate.ts';
import { callOnce } from './worker-client.ts';

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

/** Milliseconds without a change before a plan starts, so that typing does not start one per letter. */
export const QUIET_MS = 500;

/** The parts of the page's state that a plan depends on. */
const basisOf = ({ draft, access, taskData, device }: PageState): readonly unknown[] => [
  draft,
  access,
  taskData,
  device,
];

/** Plans of memory for the settings of the page. */
interface MemoryPlanner {
  /** Updates the store's `memoryPlan` whenever the settings change. Asks no other server. */
  readonly watch: () => void;
  /** Plans at once, and lets the worker fetch the outline from the model's hub or server. */
  readonly lookUp: () => void;
}

/** What identifies a model: its name and where it is looked up. */
type Source = readonly [model: string, endpoint: string, picked: unknown];

const sourceOf = ({ draft, access }: PageState): Source => [draft.model, access.hub.endpoint, access.picked];

const isSame = (a: Source, b: Source): boolean => a.every((part, i) => part === b[i]);

export function createMemoryPlanner(store: PageStore, ask: AskForPlan): MemoryPlanner {
  const { getState, setState } = store;
  /** The outline of the last planned model, so that it is read once. */
  let known: { source: Source; outline: ModelOutline } | null = null;
  let giveUp: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const plan = (mayAsk: boolean): void => {
    clearTimeout(timer);
    giveUp?.();
    giveUp = null;
    const { draft, access, device, taskData, memoryPlan, modelModules } = getState();
    if (draftIssues(draft, taskData, modelModules).size > 0) {
      setState({ memoryPlan: NO_PLAN });
      return;
    }
    const labels = draft.order.map((name) => [...taskCard(name, taskData).labels]);
    const source = sourceOf(getState());
    const outline = known && isSame(known.source, source) ? known.outline : null;
    const command: PlanCommand = {
      settings: draft,
      device,
      access: mayAsk ? access : { ...access, hub: { ...access.hub, token: null } },
      mayAsk,
      labels,
      outline,
    };
    setState({ memoryPlan: { status: 'planning', last: memoryPlan.status === 'planned' ? memoryPlan.plan : null } });
    giveUp = ask(command, (answer) => {
      giveUp = null;
      switch (answer.type) {
        case 'planned':
          known = { source, outline: answer.outline };
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

  return {
    watch: () => {
      let basis = basisOf(getState());
      let source = sourceOf(getState());
      timer = setTimeout(() => plan(false), QUIET_MS);
      store.subscribe((state) => {
        const next = basisOf(state);
        if (next.every((part, i) => part === basis[i])) return;
        basis = next;
        clearTimeout(timer);
        timer = setTimeout(() => plan(false), QUIET_MS);
        const asked = sourceOf(state);
        if (isSame(asked, source)) return;
        source = asked;
        giveUp?.();
        giveUp = null;
        setState({ modelModules: null });
      });
    },
    lookUp: () => plan(true),
  };
}
