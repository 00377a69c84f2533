/** A model on the hub that this project can read. */
export interface GalleryModel {
  /** Its name in a run's settings. */
  reference: string;
  name: string;
  /** `model_type` of its config.json. */
  family: 't5' | 'umt5' | 'llama' | 'qwen2' | 'qwen3' | 'smollm3' | 'gemma3_text';
  parameters: number;
  /**
   * Planned bytes on the GPU, to three digits, for `gorp` with prompts of 512 tokens, batches of 8 (T5) or 1 (others),
   * weights in the checkpoint's dtype and recomputed activations.
   */
  trainingBytes: number;
  /** Elements of the largest matrix trained full-rank by default, which must fit one buffer as f32. */
  largestTrained: number;
  /**
   * Bytes of weights and tokenizer, to three digits: from the hub's file list, or parameters × bytes per value. The hub
   * states them exactly before a download.
   */
  bytes: number;
  bytesFrom: 'hub' | 'config';
  licence: string;
  /** Whether its owner asks for consent and a token. */
  isGated: boolean;
  note: string;
}

const t5 = (width: number, keys: number): Pick<GalleryModel, 'family' | 'largestTrained' | 'licence' | 'isGated'> => ({
  family: 't5',
  largestTrained: width * keys,
  licence: 'Apache-2.0',
  isGated: false,
});

/** Smallest first: T5 and its relatives, then decoder-only models. */
export const GALLERY: readonly GalleryModel[] = [
  {
    ...t5(256, 256),
    // The main branch has only pickled weights; the hub's bot added safetensors in this pull request.
    reference: 'google/t5-efficient-tiny@refs/pr/1',
    name: 'T5-efficient-tiny',
    parameters: 15_600_000,
    trainingBytes: 206_000_000,
    bytes: 63_700_000,
    bytesFrom: 'hub',
    note: 'Pre-trained only; the quickest to try.',
  },
  {
    ...t5(512, 512),
    reference: 'google-t5/t5-small',
    name: 'T5-small',
    parameters: 60_500_000,
    trainingBytes: 473_000_000,
    bytes: 243_000_000,
    bytesFrom: 'hub',
    note: 'Already trained on several tasks.',
  },
  {
    ...t5(512, 384),
    reference: 'google/flan-t5-small',
    name: 'Flan-T5-small',
    parameters: 77_000_000,
    trainingBytes: 533_000_000,
    bytes: 310_000_000,
    bytesFrom: 'hub',
    note: 'Tuned on instructions.',
  },
  {
    ...t5(768, 768),
    reference: 'google-t5/t5-base',
    name: 'T5-base',
    parameters: 223_000_000,
    trainingBytes: 1_400_000_000,
    bytes: 893_000_000,
    bytesFrom: 'config',
    note: 'Already trained on several tasks.',
  },
  {
    ...t5(768, 768),
    reference: 'google/flan-t5-base',
    name: 'Flan-T5-base',
    parameters: 248_000_000,
    trainingBytes: 1_490_000_000,
    bytes: 993_000_000,
    bytesFrom: 'hub',
    note: 'Tuned on instructions.',
  },
  {
    ...t5(512, 384),
    // As above: the main branch has only pickled weights.
    reference: 'google/umt5-small@refs/pr/1',
    name: 'umT5-small',
    family: 'umt5',
    parameters: 307_000_000,
    trainingBytes: 1_460_000_000,
    bytes: 1_250_000_000,
    bytesFrom: 'hub',
    note: 'For 107 languages; pre-trained only. Most of it is its vocabulary.',
  },
  {
    ...t5(1024, 1024),
    reference: 'google-t5/t5-large',
    name: 'T5-large',
    parameters: 738_000_000,
    trainingBytes: 4_100_000_000,
    bytes: 2_950_000_000,
    bytesFrom: 'config',
    note: 'The model of the paper’s orders 1 to 6.',
  },
  {
    reference: 'HuggingFaceTB/SmolLM2-135M',
    name: 'SmolLM2-135M',
    family: 'llama',
    parameters: 135_000_000,
    trainingBytes: 417_000_000,
    largestTrained: 1536 * 576,
    bytes: 271_000_000,
    bytesFrom: 'config',
    licence: 'Apache-2.0',
    isGated: false,
    note: 'The smallest of its kind, 16-bit.',
  },
  {
    reference: 'google/gemma-3-270m',
    name: 'Gemma-3-270m',
    family: 'gemma3_text',
    parameters: 268_000_000,
    trainingBytes: 679_000_000,
    largestTrained: 2048 * 640,
    bytes: 536_000_000,
    bytesFrom: 'config',
    licence: 'Gemma Terms of Use',
    isGated: true,
    note: 'Two thirds of it is vocabulary, 16-bit.',
  },
  {
    reference: 'HuggingFaceTB/SmolLM2-360M',
    name: 'SmolLM2-360M',
    family: 'llama',
    parameters: 362_000_000,
    trainingBytes: 1_050_000_000,
    largestTrained: 2560 * 960,
    bytes: 724_000_000,
    bytesFrom: 'config',
    licence: 'Apache-2.0',
    isGated: false,
    note: 'The next larger one, 16-bit.',
  },
  {
    reference: 'Qwen/Qwen2.5-0.5B',
    name: 'Qwen2.5-0.5B',
    family: 'qwen2',
    parameters: 494_000_000,
    trainingBytes: 1_370_000_000,
    largestTrained: 4864 * 896,
    bytes: 988_000_000,
    bytesFrom: 'config',
    licence: 'Apache-2.0',
    isGated: false,
    note: 'For many languages, 16-bit.',
  },
  {
    reference: 'Qwen/Qwen3-0.6B',
    name: 'Qwen3-0.6B',
    family: 'qwen3',
    parameters: 596_000_000,
    trainingBytes: 1_600_000_000,
    largestTrained: 3072 * 1024,
    bytes: 1_190_000_000,
    bytesFrom: 'config',
    licence: 'Apache-2.0',
    isGated: false,
    note: 'Chat template with a thinking mode, turned off.',
  },
  {
    reference: 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
    name: 'TinyLlama-1.1B',
    family: 'llama',
    parameters: 1_100_000_000,
    trainingBytes: 2_980_000_000,
    largestTrained: 5632 * 2048,
    bytes: 2_200_000_000,
    bytesFrom: 'config',
    licence: 'Apache-2.0',
    isGated: false,
    note: 'Tuned for chat, 16-bit.',
  },
  {
    reference: 'meta-llama/Llama-3.2-1B',
    name: 'Llama-3.2-1B',
    family: 'llama',
    parameters: 1_240_000_000,
    trainingBytes: 3_270_000_000,
    largestTrained: 8192 * 2048,
    bytes: 2_470_000_000,
    bytesFrom: 'config',
    licence: 'Llama 3.2 Community License',
    isGated: true,
    note: '16-bit.',
  },
  {
    reference: 'HuggingFaceTB/SmolLM3-3B',
    name: 'SmolLM3-3B',
    family: 'smollm3',
    parameters: 3_080_000_000,
    trainingBytes: 8_270_000_000,
    largestTrained: 11_008 * 2048,
    bytes: 6_150_000_000,
    bytesFrom: 'config',
    licence: 'Apache-2.0',
    isGated: false,
    note: 'For a large graphics card, 16-bit.',
  },
  {
    reference: 'meta-llama/Llama-2-7b-hf',
    name: 'LLaMA-2-7B',
    family: 'llama',
    parameters: 6_740_000_000,
    trainingBytes: 17_300_000_000,
    largestTrained: 11_008 * 4096,
    bytes: 13_500_000_000,
    bytesFrom: 'config',
    licence: 'Llama 2 Community License',
    isGated: true,
    note: 'The model of the paper’s LLaMA orders, 16-bit.',
  },
];
