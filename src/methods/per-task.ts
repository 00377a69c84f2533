import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod } from './parts/method.ts';

/** The ceiling for just-learned accuracy: one adapter pair per task, each alone on the base model. */
export const perTask = defineMethod({
  name: 'per-task',
  menu: 'Upper bounds',
  summary:
    'One adapter per task, active for that task alone, on the unchanged base model: the ceiling for what a task can ' +
    'learn, with nothing forgotten and nothing shared.',
  citation: null,
  settings: ADAPTER_SETTINGS,
  plan: (values) => ({ schedule: 'apart', parts: [adapters('per-task', values)] }),
});
