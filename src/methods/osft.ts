import { plain, PLAIN_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { number, PART } from './parts/setting.ts';

/**
 * Orthogonal subspace fine-tuning: at the start of a task W = U Σ Vᵀ, and gradients and updates are projected out of
 * the first k singular directions on both sides, G ← (I − U_k U_kᵀ) G (I − V_k V_kᵀ). k grows in equal steps from the
 * first share to the last, so the number of tasks must be known. Nothing but the weight is stored between tasks.
 *
 * The published form instead trains the factors of the other directions. To first order this is the same, but products
 * of factors weight directions by their singular values, and if k is half of all directions, the factors hold as many
 * numbers as W. The code in Hugging Face PEFT projects only gradients, so Adam puts part of the frozen directions back;
 * its k is one number, by default half of the smaller side; its example of three tasks uses 0.3, 0.5 and 0.7. The paper
 * chooses k by layer.
 *
 * The decomposition is exact and runs on the host: a second for a 1,024 × 1,024 weight, hours for a whole 7B model.
 */
export const osft = defineMethod({
  name: 'osft',
  menu: 'Full-rank methods',
  summary:
    'OSFT: trains the full-rank weights on every task in turn and keeps their updates out of their main singular ' +
    'directions at the start of each.',
  citation:
    'Nayak, Killamsetty, Han, Bhandwaldar, Chanda, Xu, Wang, Pareja, Silkin, Eyceoz, Srivastava: Sculpting Subspaces: ' +
    'Constrained Full Fine-Tuning in LLMs for Continual Learning. ICLR 2026, arXiv 2504.07097.',
  settings: {
    ...PLAIN_SETTINGS,
    firstFrozenShare: number({
      section: 'This method',
      label: 'Frozen share, first task',
      help: 'Share of each weight’s singular directions, largest first, that the first task leaves unchanged.',
      range: PART,
      initial: 0.3,
    }),
    lastFrozenShare: number({
      section: 'This method',
      label: 'Frozen share, last task',
      help: 'The same for the last task; it rises in equal steps.',
      range: PART,
      initial: 0.7,
    }),
  },
  plan: (values) => inTurn(plain(values, { first: values.firstFrozenShare, last: values.lastFrozenShare })),
});
