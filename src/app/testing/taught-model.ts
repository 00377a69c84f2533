import type { RunSettings } from '../../run/settings/settings.ts';
import type { Teaches } from '../state/set-up-form.ts';

/** A stored model that a run with these settings has taught the first tasks of its order. */
export const taughtModel = (settings: RunSettings, tasks: number): Teaches => ({
  key: 'run/1-model',
  model: {
    ...{ run: 'run', name: '', settings, commit: null },
    lessons: settings.order.slice(0, tasks).map((name, i) => ({
      ...{ name, question: 'Which?', labels: ['a', 'b'], form: 'labels', method: settings.method.name, score: 'exact' },
      ...{ taughtAt: `2026-12-0${i + 1}T12:00:00.000Z`, then: 1, now: 0.75, tests: 4 },
    })),
  },
});
