import { penalties } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { choice, NOT_NEGATIVE, number, type OtherSettings } from './parts/setting.ts';

const isConstant = ({ penalties }: OtherSettings): boolean => penalties === 'constant';

/** Penalties per task in the released `scripts/long.sh`, in the order yelp, amazon, MNLI, …, WiC: T5's order 6. */
const LONG_ORDER = {
  orthogonal: [0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 5, 5, 5, 5, 5, 5],
  norm: [0, 0, 0, 0, 0.1, 0.1, 0.3, 0, 0.1, 0, 0, 0.1, 0, 0.1, 0.3],
};

/**
 * `inc-lora` with λ₁ Σ |A_prev Aᵀ| + λ₂ Σ (‖A‖ + ‖B‖) in the loss.
 *
 * The released scripts set λ₁ 0.5 and λ₂ 0 in orders 1-3, and both per task in the long order ({@link LONG_ORDER}). λ₁
 * multiplies a sum over all layers, entries and earlier tasks, so a value fits only one model and order length.
 */
export const oLora = defineMethod({
  name: 'o-lora',
  menu: 'LoRA methods',
  summary:
    'O-LoRA: trains a new adapter per task, with a penalty that makes its input directions orthogonal to those of ' +
    'the earlier adapters.',
  citation:
    'Wang, Chen, Ge, Xia, Bao, Zheng, Zhang, Gui, Huang: Orthogonal Subspace Learning for Language Model Continual ' +
    'Learning. Findings of EMNLP 2023, arXiv 2310.14152.',
  settings: {
    ...ADAPTER_SETTINGS,
    orthogonalPenalty: number({
      section: 'This method',
      label: 'Orthogonality penalty λ₁',
      help: 'Weight of Σ|A_prev Aᵀ| in the loss.',
      range: NOT_NEGATIVE,
      initial: 0.5,
      applies: isConstant,
    }),
    normPenalty: number({
      section: 'This method',
      label: 'Norm penalty λ₂',
      help: 'Weight of ‖A‖ + ‖B‖ of the new adapter in the loss.',
      range: NOT_NEGATIVE,
      initial: 0,
      before: 0,
      applies: isConstant,
    }),
    penalties: choice({
      section: 'This method',
      label: 'Penalties',
      help: 'The same in every task, or as the released scripts set them for 15 tasks.',
      initial: 'constant',
      before: 'constant',
      options: [
        { value: 'constant', label: 'the same in every task' },
        { value: 'long-order', label: 'by task, as released for 15 tasks' },
      ],
    }),
  },
  plan: (values) => {
    const { orthogonal, norm } = values.penalties === 'long-order' ? LONG_ORDER : {};
    return inTurn(
      adapters('per-task', values),
      penalties(
        { kind: 'orthogonal', weight: values.orthogonalPenalty, ...(orthogonal && { byTask: orthogonal }) },
        { kind: 'norm', weight: values.normPenalty, ...(norm && { byTask: norm }) },
      ),
    );
  },
});
