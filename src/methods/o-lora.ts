import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, NOTHING } from './parts/method.ts';
import { NOT_NEGATIVE, number } from './parts/setting.ts';

/**
 * `inc-lora` with λ₁ Σ |A_prev Aᵀ| + λ₂ Σ (‖A‖ + ‖B‖) in the loss.
 *
 * The released code sets λ₁ 0.5 and λ₂ 0 in orders 1-3. In its long order λ₁ is 0.5 and then 5 from dbpedia on, and λ₂ is
 * 0.1 or 0.3 in seven rounds: chosen task by task. Here both hold for a whole order. λ₁ multiplies a sum over all layers,
 * entries and earlier tasks, so a value suits one model and length.
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
      help: 'O-LoRA: weight of Σ|A_prev Aᵀ| in the loss; in the released long order 0.5, then 5.',
      range: NOT_NEGATIVE,
      initial: 0.5,
    }),
    normPenalty: number({
      section: 'This method',
      label: 'Norm penalty λ₂',
      help: 'O-LoRA: weight of ‖A‖ + ‖B‖ of the new adapter in the loss; in the released long order 0 to 0.3.',
      range: NOT_NEGATIVE,
      initial: 0,
      before: 0,
    }),
  },
  plan: (values) => ({
    ...NOTHING,
    adapters: adapters('per-task', values),
    loss: [
      { kind: 'orthogonal', weight: values.orthogonalPenalty },
      { kind: 'norm', weight: values.normPenalty },
    ],
  }),
});
