import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';

/** The ceiling for just-learned accuracy: one adapter pair per task, each alone on the base model. */
export const perTask = defineMethod({
  name: 'per-task',
  menu: 'Upper bounds',
  summary:
    'One adapter per task, each on the unchanged base model: the ceiling for what a task can learn. Only the ' +
    'adapter of the current task is active, so nothing is forgotten and nothing is shared.',
  citation: null,
  needs: { taskIdentity: true },
  settings: ADAPTER_SETTINGS,
  plan: (values) => ({ ...NOTHING, schedule: 'apart', adapters: adapters('per-task', values) }),
});
