import type { PlanCommand } from '../../worker/protocol.ts';
import { draftIssues } from '../setup/validate.ts';
import type { PageState, PageStore } from '../store.ts';
import { taskCard } from '../tasks/sources.ts';
import { NO_PLAN } from './plan-state.ts';
import type { AskForPlan } from './plan-worker.ts';

/** Milliseconds without a change of settings before a plan is made: typing should not start one per letter. */
export const QUIET_MS = 500;

/** What a plan depends on, of the page's state. */
const basisOf = ({ draft, access, taskData, support }: PageState): readonly unknown[] => [
  draft,
  access,
  taskData,
  support,
];

/** Keeps `memoryPlan` of the store up with the settings, from when the function that it returns is called. */
export function createMemoryPlanner(store: PageStore, ask: AskForPlan): () => void {
  const { getState, setState } = store;
  /** The config of the model that was planned last, so that it is fetched once. */
  let known: { model: string; access: unknown; config: unknown } | null = null;
  let giveUp: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const plan = (): void => {
    giveUp?.();
    giveUp = null;
    const { draft, access, device, taskData, support, memoryPlan } = getState();
    if (support !== 'ready' || draftIssues(draft, taskData).size > 0) {
      setState({ memoryPlan: NO_PLAN });
      return;
    }
    const labels = draft.order.map((name) => [...taskCard(name, taskData).labels]);
    const config = known?.model === draft.model && known.access === access ? known.config : null;
    const command: PlanCommand = { type: 'plan', settings: draft, device, access, labels, config };
    setState({ memoryPlan: { status: 'planning', last: memoryPlan.status === 'planned' ? memoryPlan.plan : null } });
    giveUp = ask(command, (answer) => {
      giveUp = null;
      if (answer.type === 'planned') {
        known = { model: draft.model, access, config: answer.config };
        setState({ memoryPlan: { status: 'planned', plan: answer.plan } });
      } else setState({ memoryPlan: { status: 'failed', error: answer.error } });
    });
  };

  return () => {
    let basis = basisOf(getState());
    store.subscribe((state) => {
      const next = basisOf(state);
      if (next.every((part, i) => part === basis[i])) return;
      basis = next;
      clearTimeout(timer);
      timer = setTimeout(plan, QUIET_MS);
    });
  };
}
