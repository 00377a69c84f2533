import { merging } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';

/**
 * SLAO: one adapter that merges those of all tasks, eq. (36). A task starts from the pair that the last task trained, whose
 * A becomes orthonormal by a QR decomposition. After it, the merged A is the trained one, and the merged B moves towards the
 * trained B by λ(t). Tests, exports and the next task's merger use the merged pair; training never sees it.
 *
 * λ(t) = 1/√t, as summaries of the paper describe a weight that falls with the number of tasks; its code was not
 * available here. The sign of Q is free: here R has a positive diagonal, so that rows of A keep their direction.
 */
export const slao = defineMethod({
  name: 'slao',
  menu: 'LoRA methods',
  summary:
    'SLAO: trains one adapter on every task in turn, starting from an orthonormal form of the last, and answers with ' +
    'the merger of what all tasks left.',
  citation:
    'Qiao, Mahdavi: Merge before Forget: A Single LoRA Continual Learning via Continual Merging. ICLR 2026, ' +
    'arXiv 2512.23017.',
  settings: ADAPTER_SETTINGS,
  plan: (values) => inTurn(adapters('one', values), merging()),
});
