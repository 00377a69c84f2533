import { plain, PLAIN_SETTINGS } from './parts/full-rank.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { number, PART } from './parts/setting.ts';

/**
 * Orthogonal subspace fine-tuning: at the start of a task W = U Σ Vᵀ, and its first k singular directions are kept out of
 * gradients and updates on both sides, G ← (I − U_k U_kᵀ) G (I − V_k V_kᵀ). k grows from task to task, by equal steps from
 * the first share to the last, so the number of tasks must be known. Nothing is kept between tasks but the weight.
 *
 * The published form trains the factors of the other directions instead. To first order that is the same; the products of
 * factors weigh directions by their singular values, and at k of half the directions they hold as many numbers as W. Its
 * code, in Hugging Face PEFT, projects gradients alone, and Adam puts part of the kept directions back; k is one number
 * there, half of the smaller side by default, 0.3, 0.5 and 0.7 in its example of three tasks. The paper chooses k by layer.
 *
 * The decomposition is exact and on the host: a second for a weight of 1,024 × 1,024, hours for all of a model of 7B.
 */
export const osft = defineMethod({
  name: 'osft',
  menu: 'Full-rank methods',
  summary:
    'OSFT: trains the full-rank weights on every task in turn and keeps their updates out of the main singular ' +
    'directions that they have at the start of each.',
  citation:
    'Nayak, Killamsetty, Han, Bhandwaldar, Chanda, Xu, Wang, Pareja, Silkin, Eyceoz, Srivastava: Sculpting Subspaces: ' +
    'Constrained Full Fine-Tuning in LLMs for Continual Learning. ICLR 2026, arXiv 2504.07097.',
  needs: { taskCount: true },
  settings: {
    ...PLAIN_SETTINGS,
    firstFrozenShare: number({
      section: 'This method',
      label: 'Kept share, first task',
      help: 'Singular directions of each weight that the first task leaves alone, as a share of its smaller side.',
      range: PART,
      initial: 0.3,
    }),
    lastFrozenShare: number({
      section: 'This method',
      label: 'Kept share, last task',
      help: 'The same for the last task; those between lie between.',
      range: PART,
      initial: 0.7,
    }),
  },
  plan: (values) => ({
    ...NOTHING,
    fullRank: plain(values, { first: values.firstFrozenShare, last: values.lastFrozenShare }),
  }),
});
