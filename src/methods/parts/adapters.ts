import { adapters as adapterPart, type AdapterPlan } from '../../gorp/part/method-plan.ts';
import { COUNT, number, PART, POSITIVE, type ValuesOf } from './setting.ts';

/** Settings of LoRA adapters, as published for orders 1-3 of GORP. */
export const ADAPTER_SETTINGS = {
  learningRate: number({
    section: 'first',
    label: 'Learning rate, LoRA',
    help: 'Adam’s step for the adapters A and B.',
    range: POSITIVE,
    usual: [1e-6, 1e-2],
    initial: 1e-3,
  }),
  loraRank: number({
    section: 'Adapters',
    label: 'LoRA rank r',
    help: 'Rows of A, columns of B.',
    range: COUNT,
    usual: [1, 128],
    initial: 8,
  }),
  loraAlpha: number({
    section: 'Adapters',
    label: 'LoRA alpha',
    help: 'The adapter’s output is scaled by alpha / r.',
    range: POSITIVE,
    usual: [1, 256],
    initial: 32,
  }),
  loraDropout: number({
    section: 'Adapters',
    label: 'LoRA dropout',
    help: 'Share of the adapter’s inputs set to 0 in training.',
    range: PART,
    usual: [0.01, 0.3],
    initial: 0.1,
  }),
};

/** The adapters that the settings describe. */
export const adapters = (
  pairs: AdapterPlan['pairs'],
  { loraRank, loraAlpha, loraDropout, learningRate }: ValuesOf<typeof ADAPTER_SETTINGS>,
  design: AdapterPlan['design'] = 'random',
): AdapterPlan => adapterPart({ pairs, rank: loraRank, alpha: loraAlpha, dropout: loraDropout, learningRate, design });
