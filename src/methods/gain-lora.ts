import { gates, penalties } from '../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './parts/adapters.ts';
import { defineMethod, inTurn } from './parts/method.ts';
import { choice, NOT_NEGATIVE, number, type OtherSettings, SHARE, wholeFrom } from './parts/setting.ts';
import { hardInputSpace } from './parts/space.ts';

const onInfLora = ({ base }: OtherSettings): boolean => base === 'inf-lora';
const onOLora = ({ base }: OtherSettings): boolean => base === 'o-lora';

/**
 * GainLoRA: a new pair per task, and a gate that scales it for each prompt, on top of another method of LoRA. The paper
 * gives gates to O-LoRA and to InfLoRA; `base` selects which. A gate is computed from the mean embedding of the prompt.
 * It starts, and changes, only in directions that earlier tasks' prompts do not have, so it stays near 0 on them.
 *
 * The base `inf-lora` is the method of that name here, whose A is designed from the task's inputs. The released code does
 * so under gates, while what it runs as InfLoRA alone draws A at random outside the space. It divides the mean embedding
 * by the padded length; here by the prompt's own. Its spaces are one direction short in the first task; here the number
 * is exact. It projects the change of a step and then rescales rows, which changes what earlier prompts give; here
 * gradients and updates are projected.
 */
export const gainLora = defineMethod({
  name: 'gain-lora',
  menu: 'LoRA methods',
  summary:
    'GainLoRA: trains a new adapter per task, by InfLoRA or O-LoRA, and a gate that computes from the prompt how much ' +
    'the adapter counts, close to 0 on prompts of earlier tasks.',
  citation:
    'Liang, Chen, Li: Gated Integration of Low-Rank Adaptation for Continual Learning of Large Language Models. ' +
    'NeurIPS 2025, arXiv 2505.15424.',
  settings: {
    base: choice({
      section: 'first',
      label: 'Adapters by',
      help: 'The method whose adapters get gates.',
      initial: 'inf-lora',
      options: [
        { value: 'inf-lora', label: 'InfLoRA: A from the task’s inputs, only B trained' },
        { value: 'o-lora', label: 'O-LoRA: a penalty on directions of earlier adapters' },
      ],
    }),
    ...ADAPTER_SETTINGS,
    gateWidth: number({
      section: 'This method',
      label: 'Gate width',
      help: 'Numbers in the hidden layer of a gate.',
      range: wholeFrom(1, 100_000),
      usual: [8, 512],
      initial: 100,
    }),
    gateThreshold: number({
      section: 'This method',
      label: 'Gate threshold',
      help: 'Energy of what gates read that a task protects; it rises to 1 over the order.',
      range: SHARE,
      initial: 0.995,
    }),
    orthogonalPenalty: number({
      section: 'This method',
      label: 'Orthogonality penalty λ₁',
      help: 'Weight of Σ|A_prev Aᵀ| in the loss, with O-LoRA.',
      range: NOT_NEGATIVE,
      initial: 0.5,
      applies: onOLora,
    }),
    threshold: number({
      section: 'Shared space',
      label: 'Energy threshold',
      help: 'Share of each tensor’s energy that the space must hold after a task, with InfLoRA.',
      range: SHARE,
      initial: 0.95,
      applies: onInfLora,
    }),
    energyOf: choice({
      section: 'Shared space',
      label: 'Energy of',
      help: 'What the thresholds apply to.',
      initial: 'covariances',
      options: [
        { value: 'covariances', label: 'covariances (σ⁴), as in the released code' },
        { value: 'inputs', label: 'inputs (σ²), as in GPM' },
      ],
    }),
  },
  variant: ({ base }) => `on ${base}`,
  plan: (values) => {
    const { base, energyOf } = values;
    const gated = gates({ width: values.gateWidth, threshold: values.gateThreshold, energyOf });
    return base === 'inf-lora'
      ? inTurn(
          hardInputSpace(values.threshold, { rises: true, energyOf }),
          adapters('per-task', values, 'inputs'),
          gated,
        )
      : inTurn(
          adapters('per-task', values),
          gated,
          penalties({ kind: 'orthogonal', weight: values.orthogonalPenalty }),
        );
  },
});
