import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { projected, PROJECTED_SETTINGS } from './parts/full-rank.ts';
import { defineMethod } from './parts/method.ts';

/** The upper bound: trains what `gorp` trains on all tasks at once, so nothing can be forgotten. */
export const mtl = defineMethod({
  name: 'mtl',
  menu: 'Upper bounds',
  summary:
    'Multi-task training, the upper bound: trains an adapter and the full-rank weights on all tasks mixed, so that ' +
    'nothing is forgotten.',
  citation: null,
  settings: { ...ADAPTER_SETTINGS, ...PROJECTED_SETTINGS },
  plan: (values) => ({ schedule: 'mixed', parts: [adapters('one', values), projected(values)] }),
});
