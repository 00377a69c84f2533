import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { NOT_NEGATIVE, number } from './parts/setting.ts';

/**
 * `inc-lora` with λ₁ Σ |A_prev Aᵀ| in the loss. The norm of the new pair, weighed by λ₂, is left out: λ₂ is 0 in the
 * published orders 1-3.
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
      help: 'O-LoRA: weight of Σ|A_prev Aᵀ| in the loss.',
      range: NOT_NEGATIVE,
      initial: 0.5,
    }),
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('per-task', values),
    loss: [{ kind: 'orthogonal', weight: values.orthogonalPenalty }],
  }),
});
